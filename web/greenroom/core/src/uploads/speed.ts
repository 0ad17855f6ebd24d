const SAMPLE_MS = 500;
const SMOOTHED_OVER_MS = 5000;
const KNOWN_AFTER_MS = 1500;

/** Smooths how fast bytes leave. Each chunk has bursts and pauses, which nobody wants to see in a time that is left. */
export class Speed {
  #at: number | undefined;
  #bytes = 0;
  #measuredMs = 0;
  #bytesPerMs = 0;

  /** Take a sample: so many bytes in all at this instant, in milliseconds of a clock that nobody sets. */
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

  /** Forget the instant of the last sample: what follows is a pause, which is no slow line. */
  pause(): void {
    this.#at = undefined;
  }

  /** Bytes per second, once they are known. */
  get perSecond(): number | undefined {
    return this.#measuredMs < KNOWN_AFTER_MS ? undefined : this.#bytesPerMs * 1000;
  }
}
