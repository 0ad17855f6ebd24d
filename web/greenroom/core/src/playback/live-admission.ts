import type { GreenroomError } from "../errors";
import type { Greenroom } from "../greenroom";
import type { JoinAnswer, Slides, SlidesChat } from "../schema/types";
import { type Readable, Store } from "../store";

/** A place in a live event: chat, room, and slides. It is renewed until somebody leaves. */
export class LiveAdmission {
  readonly #place = new Store<JoinAnswer | undefined>(undefined);
  readonly #slides = new Store<Slides | undefined>(undefined);
  readonly #slidesChat = new Store<SlidesChat | undefined>(undefined);
  readonly #error = new Store<GreenroomError | undefined>(undefined);

  constructor(
    _greenroom: Greenroom,
    readonly sessionId: string,
  ) {}

  /** The latest answer. Open `room.url` once, when somebody enters: it changes with each renewal. */
  get place(): Readable<JoinAnswer | undefined> {
    return this.#place;
  }

  /** The place at the API of slides, for `SlidesFollower` and `SlidesPresenter`. */
  get slides(): Readable<Slides | undefined> {
    return this.#slides;
  }

  /** The place in the chat room of slides, for `XmppSlides`. */
  get slidesChat(): Readable<SlidesChat | undefined> {
    return this.#slidesChat;
  }

  /** Why there is no place, or why it could not be renewed. */
  get error(): Readable<GreenroomError | undefined> {
    return this.#error;
  }

  /** Enter. Resolves when there is a place, or an error that waiting does not change. */
  join(): Promise<void> {
    throw new Error("not written yet");
  }

  /** Say that Kaltura refused what `place` has: the server checks everything and gives it anew, once. */
  refused(): Promise<void> {
    throw new Error("not written yet");
  }

  leave(): void {}
}
