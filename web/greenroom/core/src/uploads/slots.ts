import { RateLimitedQueue } from "@uppy/core/utils";

import type { Release } from "./tabs";

/** Browsers open no more connections to one host, unless it speaks HTTP/2. */
const CONNECTIONS_MAX = 6;

/** Limits how many files are sent at once. Those that were added first are sent first. */
export class Slots {
  readonly #queue: RateLimitedQueue;
  #taken = 0;
  #last: Promise<unknown> = Promise.resolve();

  constructor(limit: number) {
    this.#queue = new RateLimitedQueue(limit);
  }

  /** Wait for a free slot. @returns a function that frees it; `undefined` if the signal was aborted first. */
  take(order: number, signal: AbortSignal): Promise<Release | undefined> {
    return new Promise((resolve) => {
      if (signal.aborted) return resolve(undefined);
      let isTaken = false;
      const turn = this.#queue.run(
        () => {
          isTaken = true;
          this.#taken += 1;
          resolve(() => {
            this.#taken -= 1;
            turn.done();
          });
          return () => undefined;
        },
        { priority: -order },
      );
      signal.addEventListener("abort", () => {
        if (isTaken) return;
        turn.abort();
        resolve(undefined);
      });
    });
  }

  /** How many connections each file that is being sent may use. */
  get connections(): number {
    return Math.max(1, Math.floor(CONNECTIONS_MAX / Math.max(1, this.#taken)));
  }

  /** Run functions one after the other, in the order of the calls. */
  inOrder<T>(run: () => Promise<T>): Promise<T> {
    const running = this.#last.then(run);
    this.#last = running.catch(() => undefined);
    return running;
  }
}
