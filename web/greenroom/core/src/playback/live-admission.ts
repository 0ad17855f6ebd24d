import { type Clock, systemClock } from "../clock";
import type { GreenroomError } from "../errors";
import type { Greenroom } from "../greenroom";
import { type Grant, Renewal } from "../renewal";
import type { JoinAnswer, Slides, SlidesChat } from "../schema/types";
import { type Readable, Store } from "../store";

/** The least time between two forced refreshes: the server does not check again sooner. */
const REFRESHED_MS = 60_000;

/**
 * The admission to a live event: grants for its chat, its room and its slides. `join()` asks for them; they are renewed
 * until `close()`.
 */
export class LiveAdmission {
  readonly #grants = new Store<JoinAnswer | undefined>(undefined);
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

  /** The latest grants; `undefined` without admission. Use `room.url` once, to enter: it changes with each renewal. */
  get grants(): Readable<JoinAnswer | undefined> {
    return this.#grants;
  }

  /** The grant for the REST API of slides. `SlidesFollower` and `SlidesPresenter` take it. */
  get slides(): Readable<Slides | undefined> {
    return this.#slides;
  }

  /** The grant for the chat room with changes of slides. `XmppSlides` and `converseSlidesPlugin` take it. */
  get slidesChat(): Readable<SlidesChat | undefined> {
    return this.#slidesChat;
  }

  /** Why there is no admission, or why the last renewal failed. */
  get error(): Readable<GreenroomError | undefined> {
    return this.#error;
  }

  /** Enter. Resolves after the first answer, also if it is an error: see `error`. Retryable errors are retried. */
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

  /**
   * Get new grants, for example because Kaltura refuses one. The server checks everything again. At most once a minute.
   */
  async refresh(): Promise<void> {
    if (this.#renewal === undefined || this.clock.now() - this.#refreshedAt < REFRESHED_MS) return;
    this.#refreshedAt = this.clock.now();
    this.#isRefreshing = true;
    await this.#renewal.renewNow();
  }

  /** Leave, and stop renewing. `join()` enters again. */
  close(): void {
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
    // `refresh` was called while this request was under way.
    if (this.#isRefreshing) queueMicrotask(() => void this.#renewal?.renewNow());
  }

  #failed(error: GreenroomError, isRetried: boolean): void {
    this.#error.set(error);
    if (!isRetried) this.#set(undefined);
  }

  #set(grants: JoinAnswer | undefined): void {
    this.#grants.set(grants);
    this.#slides.set(grants?.slides ?? undefined);
    this.#slidesChat.set(grants?.slides?.chat ?? undefined);
  }
}

function grantsOf({ player, chat, room, slides }: JoinAnswer): readonly Grant[] {
  return [player, chat, room, slides, slides?.chat].filter((grant) => grant !== null && grant !== undefined);
}
