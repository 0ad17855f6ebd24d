import { type Signal, signal } from "@angular/core";

/** Something that a person starts and that may fail. Its error stays until it is started again. */
export class Action<Args extends unknown[]> {
  readonly #isBusy = signal(false);
  readonly #error = signal<unknown>(undefined);

  readonly isBusy: Signal<boolean> = this.#isBusy.asReadonly();
  readonly error: Signal<unknown> = this.#error.asReadonly();

  constructor(private readonly work: (...args: Args) => Promise<unknown>) {}

  /** @returns whether it was done. A second click while it runs does nothing. */
  async run(...args: Args): Promise<boolean> {
    if (this.#isBusy()) return false;
    this.#isBusy.set(true);
    this.#error.set(undefined);
    try {
      await this.work(...args);
      return true;
    } catch (error) {
      this.#error.set(error);
      return false;
    } finally {
      this.#isBusy.set(false);
    }
  }
}
