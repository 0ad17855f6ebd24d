import type { Clock } from "../src/clock";

/** A clock that only a test moves. */
export class ManualClock implements Clock {
  #now = 0;
  #waiting: { readonly dueAt: number; readonly callback: () => void }[] = [];

  now(): number {
    return this.#now;
  }

  after(ms: number, callback: () => void): () => void {
    const one = { dueAt: this.#now + ms, callback };
    this.#waiting.push(one);
    return () => {
      this.#waiting = this.#waiting.filter((other) => other !== one);
    };
  }

  /** The number of pending callbacks. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Let time pass: call back whatever is due, in its order, and let promises settle in between. */
  async pass(ms: number): Promise<void> {
    const until = this.#now + ms;
    await settled();
    for (;;) {
      const [first] = this.#waiting.filter(({ dueAt }) => dueAt <= until).sort((a, b) => a.dueAt - b.dueAt);
      if (first === undefined) break;
      this.#waiting = this.#waiting.filter((other) => other !== first);
      this.#now = Math.max(this.#now, first.dueAt);
      first.callback();
      await settled();
    }
    this.#now = until;
  }
}

/** Run the callbacks of settled promises. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
}
