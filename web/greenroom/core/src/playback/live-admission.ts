import { type Clock, systemClock } from "../clock";
import type { GreenroomError } from "../errors";
import type { Greenroom } from "../greenroom";
import { type Lasting, Renewal } from "../renewal";
import type { JoinAnswer, Slides, SlidesChat } from "../schema/types";
import { type Readable, Store } from "../store";

/** What the server checked within this time, it does not check again. */
const REFRESHED_MS = 60_000;

/** A place in a live event: chat, room, and slides. It is renewed until somebody leaves. */
export class LiveAdmission {
  readonly #place = new Store<JoinAnswer | undefined>(undefined);
  readonly #slides = new Store<Slides | undefined>(undefined);
  readonly #slidesChat = new Store<SlidesChat | undefined>(undefined);
  readonly #error = new Store<GreenroomError | undefined>(undefined);
  #renewal: Renewal<JoinAnswer> | undefined;
  #isRefreshing = false;
  #refreshedAt = -Infinity;

  constructor(
    private readonly greenroom: Greenroom,
    readonly sessionId: string,
    private readonly clock: Clock = systemClock,
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

  /** Enter. Resolves after the first answer; if that is an error which passes, it is tried again by itself. */
  join(): Promise<void> {
    this.#renewal ??= new Renewal<JoinAnswer>({
      clock: this.clock,
      ask: () => this.#ask(),
      grantsOf,
      accept: (answer) => this.#accept(answer),
      failed: (error, isRetried) => this.#failed(error, isRetried),
    });
    return this.#renewal.renewNow();
  }

  /** Say that Kaltura refused what `place` has: the server checks everything and gives it anew, once a minute. */
  async refused(): Promise<void> {
    if (this.#renewal === undefined || this.clock.now() - this.#refreshedAt < REFRESHED_MS) return;
    this.#refreshedAt = this.clock.now();
    this.#isRefreshing = true;
    await this.#renewal.renewNow();
  }

  /** Leave: what `place` has is not renewed any more. */
  leave(): void {
    this.#renewal?.close();
    this.#renewal = undefined;
    this.#set(undefined);
    this.#error.set(undefined);
  }

  #ask(): Promise<JoinAnswer> {
    const isRefreshing = this.#isRefreshing;
    this.#isRefreshing = false;
    const request = { sessionId: this.sessionId, ...(isRefreshing ? { forceRefresh: true } : {}) };
    return this.greenroom.call("joinSession", request);
  }

  #accept(answer: JoinAnswer): void {
    this.#error.set(undefined);
    this.#set(answer);
    // A refresh was asked for while this answer was on its way.
    if (this.#isRefreshing) queueMicrotask(() => void this.#renewal?.renewNow());
  }

  #failed(error: GreenroomError, isRetried: boolean): void {
    this.#error.set(error);
    if (!isRetried) this.#set(undefined);
  }

  #set(place: JoinAnswer | undefined): void {
    this.#place.set(place);
    this.#slides.set(place?.slides ?? undefined);
    this.#slidesChat.set(place?.slides?.chat ?? undefined);
  }
}

function grantsOf({ player, chat, room, slides }: JoinAnswer): readonly Lasting[] {
  return [player, chat, room, slides, slides?.chat].filter((grant) => grant !== null && grant !== undefined);
}
