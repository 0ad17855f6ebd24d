/** A monotonic clock. It measures durations only, so a browser whose date is wrong behaves like any other. */
export interface Clock {
  /** Return the milliseconds since some instant. They never go back, and also pass while the device sleeps. */
  now(): number;

  /** Call back once, after `ms` milliseconds or later. @returns a function that cancels the call. */
  after(ms: number, callback: () => void): () => void;
}

/** The longest timer: timers stop while the device sleeps, so the clock is read at least this often. */
const PIECE_MS = 15_000;

class SystemClock implements Clock {
  #now = 0;
  #steady = performance.now();
  #wall = Date.now();

  now(): number {
    const [steady, wall] = [performance.now(), Date.now()];
    // `performance` may stop while the device sleeps, and the date may be changed. The larger step of the two can only
    // be too large, and then something is renewed early.
    this.#now += Math.max(steady - this.#steady, wall - this.#wall, 0);
    [this.#steady, this.#wall] = [steady, wall];
    return this.#now;
  }

  after(ms: number, callback: () => void): () => void {
    // `NaN` would never be due, and the timer would run without a pause.
    const dueAt = this.now() + (Number.isNaN(ms) ? PIECE_MS : ms);
    let timer: ReturnType<typeof setTimeout>;
    const wait = () => {
      const left = dueAt - this.now();
      if (left <= 0) callback();
      else timer = setTimeout(wait, Math.min(left, PIECE_MS));
    };
    timer = setTimeout(wait, Math.max(0, Math.min(dueAt - this.now(), PIECE_MS)));
    return () => clearTimeout(timer);
  }
}

export const systemClock: Clock = new SystemClock();
