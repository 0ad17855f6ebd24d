import type { GreenroomError } from "../errors";
import type { Greenroom } from "../greenroom";
import type { PlayedSlides } from "../schema/types";
import { type Readable, Store } from "../store";
import { NO_SLIDE, type SlideView } from "./slide-view";

/** What `RecordedSlides` needs of a `Playback`. */
export interface RecordedPlayback {
  readonly slides: Readable<PlayedSlides | undefined>;
  pictureAt(): Date | undefined;
}

/** Shows the pages that a session showed, in time with its recording. */
export class RecordedSlides {
  readonly #view = new Store<SlideView>(NO_SLIDE);
  readonly #error = new Store<GreenroomError | undefined>(undefined);

  constructor(_greenroom: Greenroom, _playback: RecordedPlayback) {}

  get view(): Readable<SlideView> {
    return this.#view;
  }

  get error(): Readable<GreenroomError | undefined> {
    return this.#error;
  }

  close(): void {}
}
