import { type Clock, systemClock } from "../clock";
import type { UploadAnswer } from "../schema/types";

/** How long before its expiry a token is renewed. The server issues a new one if the last expires within 30 minutes. */
const RENEWED_BEFORE_MS = 10 * 60_000;

/** The least time between two requests, however short the lifetime of a token is. */
const RENEWED_AFTER_MIN_MS = 60_000;

/** The token of one upload. It is renewed before it expires, with one request for all chunks that wait for it. */
export class UploadTokens {
  #answer: UploadAnswer | undefined;
  #renewAt = 0;
  #asking: Promise<UploadAnswer> | undefined;

  /**
   * @param ask Sends the request, which always returns the same upload.
   * @param clock Time that also passes while the device sleeps.
   */
  constructor(
    private readonly ask: () => Promise<UploadAnswer>,
    private readonly clock: Clock = systemClock,
  ) {}

  /** Return a token that is valid for the next request. */
  async current(): Promise<UploadAnswer> {
    return this.#answer !== undefined && this.clock.now() < this.#renewAt ? this.#answer : this.renew();
  }

  /** Get a new token. The answer also says how many bytes have arrived. */
  renew(): Promise<UploadAnswer> {
    this.#asking ??= this.#renew().finally(() => (this.#asking = undefined));
    return this.#asking;
  }

  async #renew(): Promise<UploadAnswer> {
    const answer = await this.ask();
    this.#answer = answer;
    this.#renewAt = this.clock.now() + renewedAfter(Date.parse(answer.expiresAt) - Date.parse(answer.issuedAt));
    return answer;
  }
}

/** Return after how many milliseconds a token with this lifetime, `NaN` if unknown, has to be renewed. Pure. */
export function renewedAfter(lifetimeMs: number): number {
  if (Number.isNaN(lifetimeMs)) return RENEWED_AFTER_MIN_MS;
  return Math.max(RENEWED_AFTER_MIN_MS, lifetimeMs - Math.max(RENEWED_BEFORE_MS, lifetimeMs / 5));
}
