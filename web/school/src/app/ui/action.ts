import { type Signal, signal } from "@angular/core";

/** An asynchronous function that a user starts and that may fail. The error stays until it is started again. */
export class Action<Args extends unknown[]> {
  readonly #isBusy = signal(false);
  readonly #error = signal<unknown>(undefined);

  readonly isBusy: Signal<boolean> = this.#isBusy.asReadonly();
  readonly error: Signal<unknown> = this.#error.asReadonly();

  constructor(private readonly work: (...args: Args) => Promise<unknown>) {}

  /** Run the function, unless it is running already. @returns whether it succeeded. */
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
