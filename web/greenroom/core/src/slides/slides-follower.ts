import type { GreenroomError } from "../errors";
import type { Greenroom } from "../greenroom";
import { type Readable, Store } from "../store";
import type { SharingMessage } from "./sharing-message";
import { NO_SLIDE, type SlideView } from "./slide-view";

/** The token of the API of slides: `joinSession` and `issuePlayback` give it. */
export interface SlidesGrant {
  readonly token: string;
}

export interface FollowOptions {
  /** The instant of the picture, which is late. Without it, the present page is shown. */
  readonly pictureAt?: () => Date | undefined;
}

/** Follows what a live session shows, as it is now or in time with a delayed picture. */
export class SlidesFollower {
  readonly #view = new Store<SlideView>(NO_SLIDE);
  readonly #error = new Store<GreenroomError | undefined>(undefined);

  /** @param grant `LiveAdmission.slides` or `Playback.slides`: the token that is valid now. */
  constructor(
    _greenroom: Greenroom,
    readonly sessionId: string,
    _grant: Readable<SlidesGrant | undefined>,
  ) {}

  get view(): Readable<SlideView> {
    return this.#view;
  }

  get error(): Readable<GreenroomError | undefined> {
    return this.#error;
  }

  follow(_options: FollowOptions = {}): void {}

  /** Take a message of the session's chat room, which is faster than Firestore. */
  receive(_message: SharingMessage): void {}

  close(): void {}
}
