import type { GreenroomError } from "../errors";
import type { Store } from "../store";
import { toGreenroomError } from "../to-greenroom-error";

/** How often the page is compared with the picture. */
export const TICK_MS = 200;

/** Reads the instant of the picture. An error of the function that gives it is shown until the function works again. */
export class PictureTime {
  #failure: GreenroomError | undefined;

  constructor(private readonly error: Store<GreenroomError | undefined>) {}

  /** Return the instant as `at`; nothing if the function throws, and then the shown page stays. */
  read(pictureAt: () => Date | undefined): { readonly at: Date | undefined } | undefined {
    try {
      const at = pictureAt();
      if (this.#failure !== undefined && this.error.value === this.#failure) this.error.set(undefined);
      this.#failure = undefined;
      return { at };
    } catch (error) {
      this.#failure ??= toGreenroomError(error);
      this.error.set(this.#failure);
      return undefined;
    }
  }
}
