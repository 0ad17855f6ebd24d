import { Injectable, signal } from "@angular/core";

/** How long to wait for the server to confirm a change. */
const ANSWERED_WITHIN_MS = 8_000;

/**
 * Changes that Firestore could not send yet. Firestore keeps them in the memory of this tab, shows them to listeners,
 * and sends them once it reaches the server. Until then their promises do not settle, so the app must not await them.
 */
@Injectable({ providedIn: "root" })
export class PendingWrites {
  readonly #count = signal(0);
  readonly #error = signal<unknown>(undefined);

  /** How many changes wait to be sent. */
  readonly count = this.#count.asReadonly();

  /** Why the server refused a change that had waited to be sent. */
  readonly error = this.#error.asReadonly();

  /**
   * Wait until the server has confirmed a change, or until it seems that it cannot be sent now.
   *
   * @returns whether the server has confirmed it. If not, it waits to be sent.
   * @throws FirebaseError if the server refuses it.
   */
  async settle(write: Promise<unknown>): Promise<boolean> {
    const isConfirmed = await isAnswered(write, this.#count() > 0 ? 0 : ANSWERED_WITHIN_MS);
    if (!isConfirmed) void this.#keep(write);
    return isConfirmed;
  }

  dismissError(): void {
    this.#error.set(undefined);
  }

  async #keep(write: Promise<unknown>): Promise<void> {
    this.#count.update((count) => count + 1);
    try {
      await write;
    } catch (error) {
      this.#error.set(error);
    } finally {
      this.#count.update((count) => count - 1);
    }
  }
}

function isAnswered(write: Promise<unknown>, withinMs: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const listening = new AbortController();
    const giveUp = () => resolve(false);
    const timer = setTimeout(giveUp, navigator.onLine ? withinMs : 0);
    addEventListener("offline", giveUp, { signal: listening.signal });
    write
      .then(() => resolve(true), reject)
      .finally(() => {
        clearTimeout(timer);
        listening.abort();
      });
  });
}
