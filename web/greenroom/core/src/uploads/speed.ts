const SAMPLE_MS = 500;
const SMOOTHED_OVER_MS = 5000;
const KNOWN_AFTER_MS = 1500;

/** Smooths the rate of an upload: the bursts and pauses of each chunk should not show in the remaining time. */
export class Speed {
  #at: number | undefined;
  #bytes = 0;
  #measuredMs = 0;
  #bytesPerMs = 0;

  /** Add a sample: the bytes sent so far, and the time in milliseconds of a monotonic clock. */
  add(bytes: number, now: number): void {
    if (this.#at === undefined || bytes < this.#bytes) {
      this.#at = now;
      this.#bytes = bytes;
      return;
    }
    const elapsed = now - this.#at;
    if (elapsed < SAMPLE_MS) return;
    const latest = (bytes - this.#bytes) / elapsed;
    // At first the samples are averaged: one of them may be a burst into the browser's buffers.
    this.#measuredMs += elapsed;
    const weight = 1 - Math.exp(-elapsed / Math.min(SMOOTHED_OVER_MS, this.#measuredMs));
    this.#bytesPerMs += (latest - this.#bytesPerMs) * (this.#measuredMs === elapsed ? 1 : weight);
    this.#at = now;
    this.#bytes = bytes;
  }

  /** Forget the time of the last sample, so that a pause does not count as a slow connection. */
  pause(): void {
    this.#at = undefined;
  }

  /** Bytes per second, once they are known. */
  get perSecond(): number | undefined {
    return this.#measuredMs < KNOWN_AFTER_MS ? undefined : this.#bytesPerMs * 1000;
  }
}
