/** Calls back if nothing is reported within a time. */
export class Watchdog {
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly onSilence: () => void) {}

  /** Start to wait again, for `withinMs` milliseconds. */
  expect(withinMs: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(this.onSilence, withinMs);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}
