/** Calls back once nothing was reported for some time. */
export class Watchdog {
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly onSilence: () => void) {}

  /** Start to wait anew. */
  expect(withinMs: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(this.onSilence, withinMs);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}
