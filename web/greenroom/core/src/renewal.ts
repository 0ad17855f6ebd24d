import type { Clock } from "./clock";
import { type GreenroomError } from "./errors";
import { exponentialBackoffMs } from "./backoff";
import { toGreenroomError } from "./to-greenroom-error";

/** The times of a grant, as ISO 8601 strings of the server's clock. */
export interface Grant {
  readonly expiresAt: string;
  readonly renewAt: string;
}

/** The longest pause after a failure. */
const PAUSE_MAX_MS = 30_000;

/** The shortest time between two requests, whatever an answer says. */
const RENEWED_AFTER_MIN_MS = 1_000;

/** The delay after which a grant without usable times is renewed. It may end sooner. */
const UNKNOWN_MS = 60_000;

/** An answer with grants. Times count from `issuedAt`, because the browser's clock may be wrong by a day. */
export interface GrantAnswer {
  readonly issuedAt: string;
}

/** Return after how many milliseconds the first grant of an answer has to be renewed, and ends. */
export function timesOf({ issuedAt }: GrantAnswer, grants: readonly Grant[]): { renewMs: number; endMs: number } {
  const after = (instant: string) => {
    const ms = Date.parse(instant) - Date.parse(issuedAt);
    return Number.isNaN(ms) ? UNKNOWN_MS : Math.max(0, ms);
  };
  const first = (instants: readonly string[]) => Math.min(...instants.map(after));
  return {
    renewMs: first(grants.map(({ renewAt }) => renewAt)),
    endMs: first(grants.map(({ expiresAt }) => expiresAt)),
  };
}

export interface RenewalOptions<Answer extends GrantAnswer> {
  readonly clock: Clock;
  /** Ask the server for an answer. */
  ask(): Promise<Answer>;
  /** The grants in an answer. All are renewed with the one that ends first. */
  grantsOf(answer: Answer): readonly Grant[];
  /** Called with each answer. */
  accept(answer: Answer): void;
  /** Called for each failure. After one that is not retried, only `renewNow` asks again. */
  failed(error: GreenroomError, isRetried: boolean): void;
  /** Whether the grant is in use now. If not, it is renewed when `wake` is called. Always unless set. */
  isNeeded?(): boolean;
}

/** Keeps a grant valid: asks for it, asks again in time, and after failures. */
export class Renewal<Answer extends GrantAnswer> {
  readonly #options: RenewalOptions<Answer>;
  readonly #stopListening: () => void;
  #asking: Promise<void> | undefined;
  #cancel = () => {};
  #pauses = 0;
  #isDue = false;
  #isClosed = false;
  #freshUntil = -Infinity;

  constructor(options: RenewalOptions<Answer>) {
    this.#options = options;
    const isOnline = () => {
      if (this.#pauses > 0) void this.renewNow();
    };
    globalThis.addEventListener?.("online", isOnline);
    this.#stopListening = () => globalThis.removeEventListener?.("online", isOnline);
  }

  /** Whether the grant may have ended. Renew it before you use it. */
  get isStale(): boolean {
    return this.#options.clock.now() >= this.#freshUntil;
  }

  /** Ask now, or wait for the request that is under way. Never rejects: `failed` is called. */
  renewNow(): Promise<void> {
    if (this.#isClosed) return Promise.resolve();
    this.#cancel();
    this.#asking ??= this.#ask().finally(() => (this.#asking = undefined));
    return this.#asking;
  }

  /** Renew if a renewal is due that was postponed because the grant was not in use. */
  wake(): void {
    if (this.#isDue) void this.renewNow();
  }

  /** Use an answer that another call returned. */
  adopt(answer: Answer): void {
    if (this.#isClosed) return;
    this.#pauses = 0;
    this.#isDue = false;
    const { renewMs, endMs } = timesOf(answer, this.#options.grantsOf(answer));
    this.#freshUntil = this.#options.clock.now() + endMs;
    this.#wait(Math.max(RENEWED_AFTER_MIN_MS, renewMs));
    this.#options.accept(answer);
  }

  close(): void {
    this.#isClosed = true;
    this.#cancel();
    this.#stopListening();
  }

  async #ask(): Promise<void> {
    let answer: Answer;
    try {
      answer = await this.#options.ask();
    } catch (error) {
      if (!this.#isClosed) this.#retry(toGreenroomError(error));
      return;
    }
    this.adopt(answer);
  }

  #retry(error: GreenroomError): void {
    this.#pauses += 1;
    if (error.retryable) {
      const pauseMs = exponentialBackoffMs(this.#pauses, PAUSE_MAX_MS) * (0.75 + Math.random() / 4);
      this.#wait(Math.max(pauseMs, (error.retryAfterS ?? 0) * 1000));
    } else {
      this.#pauses = 0;
    }
    this.#options.failed(error, error.retryable);
  }

  #wait(ms: number): void {
    this.#cancel();
    this.#cancel = this.#options.clock.after(ms, () => {
      if (this.#pauses === 0 && this.#options.isNeeded?.() === false) this.#isDue = true;
      else void this.renewNow();
    });
  }
}
