import { type Clock, systemClock } from "../clock";
import type { UploadAnswer } from "../schema/types";

/** How long before its end a token is renewed. The server gives a new one if the last ends within half an hour. */
const RENEWED_BEFORE_MS = 10 * 60_000;

/** However short its life is, a token is not asked for more often than this. */
const RENEWED_AFTER_MIN_MS = 60_000;

/** The token of one upload: renewed before it ends, and asked for once however many chunks need it. */
export class UploadTokens {
  #answer: UploadAnswer | undefined;
  #renewAt = 0;
  #asking: Promise<UploadAnswer> | undefined;

  /**
   * @param ask Asks the server; the same request gives the same upload.
   * @param clock Time that also passes while the device sleeps.
   */
  constructor(
    private readonly ask: () => Promise<UploadAnswer>,
    private readonly clock: Clock = systemClock,
  ) {}

  /** Return a token that is good for the next request. */
  async current(): Promise<UploadAnswer> {
    return this.#answer !== undefined && this.clock.now() < this.#renewAt ? this.#answer : this.renew();
  }

  /** Ask the server, which also says how much has arrived. */
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

/** Return after how many milliseconds a token of this lifetime is renewed; `NaN` if that is unknown. Pure. */
export function renewedAfter(lifetimeMs: number): number {
  if (Number.isNaN(lifetimeMs)) return RENEWED_AFTER_MIN_MS;
  return Math.max(RENEWED_AFTER_MIN_MS, lifetimeMs - Math.max(RENEWED_BEFORE_MS, lifetimeMs / 5));
}
