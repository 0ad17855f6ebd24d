import type { Clock } from "./clock";
import { type GreenroomError } from "./errors";
import { toGreenroomError } from "./to-greenroom-error";

/** What the server says about each grant, in ISO text by its own clock. */
export interface Lasting {
  readonly expiresAt: string;
  readonly renewAt: string;
}

/** The first wait after a failure; each further one is twice as long. */
const FIRST_PAUSE_MS = 1_000;
const PAUSE_MAX_MS = 30_000;

/**
 * Return after how many milliseconds a grant that was just received is renewed.
 *
 * Only the server's two instants are compared: its answers do not say when they were given, and the browser's clock may
 * be wrong by a day. The server asks for a renewal ten minutes before the end of a grant, or after half of its life if
 * that is shorter. So the time from `renewAt` to `expiresAt` is never longer than the time from now to `renewAt`.
 */
export function renewalDelayMs(grants: readonly Lasting[]): number {
  return Math.min(...grants.map(({ expiresAt, renewAt }) => Math.max(0, Date.parse(expiresAt) - Date.parse(renewAt))));
}

export interface RenewalOptions<Answer> {
  readonly clock: Clock;
  ask(): Promise<Answer>;
  /** The grants in an answer. All are renewed with the one that ends first. */
  grantsOf(answer: Answer): readonly Lasting[];
  accept(answer: Answer): void;
  /** Called for each failure. After one that is not retried, only `renewNow` asks again. */
  failed(error: GreenroomError, isRetried: boolean): void;
  /** Whether somebody needs the grant now. If not, it is renewed when `wake` is called. Always, unless set. */
  isNeeded?(): boolean;
}

/** Keeps a grant valid: asks for it, asks again in time, and after failures. */
export class Renewal<Answer> {
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

  /** Whether the grant may have ended, so that it is better renewed than used. */
  get isStale(): boolean {
    return this.#options.clock.now() >= this.#freshUntil;
  }

  /** Ask now, or share the answer that is on its way. Never rejected: `failed` is called. */
  renewNow(): Promise<void> {
    if (this.#isClosed) return Promise.resolve();
    this.#cancel();
    this.#asking ??= this.#ask().finally(() => (this.#asking = undefined));
    return this.#asking;
  }

  /** Renew if that is due, and was put off because nobody needed the grant. */
  wake(): void {
    if (this.#isDue) void this.renewNow();
  }

  /** Take an answer that was got by another call. */
  adopt(answer: Answer): void {
    if (this.#isClosed) return;
    this.#pauses = 0;
    this.#isDue = false;
    const delayMs = renewalDelayMs(this.#options.grantsOf(answer));
    // A grant lives at least twice as long; see `renewalDelayMs`.
    this.#freshUntil = this.#options.clock.now() + 2 * delayMs;
    this.#wait(delayMs);
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
      const pauseMs = Math.min(PAUSE_MAX_MS, FIRST_PAUSE_MS * 2 ** (this.#pauses - 1)) * (0.75 + Math.random() / 4);
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
