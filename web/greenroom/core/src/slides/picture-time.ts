import type { GreenroomError } from "../errors";
import type { Store } from "../store";
import { toGreenroomError } from "../to-greenroom-error";

/** How often the slide is compared with the displayed frame. */
export const TICK_MS = 200;

/**
 * Reads when the displayed frame was recorded. If the app's function throws, the error is shown until it works again.
 */
export class PictureTime {
  #failure: GreenroomError | undefined;

  constructor(private readonly error: Store<GreenroomError | undefined>) {}

  /** Return the result as `at`; `undefined` if the function throws, and then the slide stays. */
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
