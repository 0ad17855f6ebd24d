/** Time as this library uses it: durations only, so that a browser whose clock is wrong behaves like any other. */
export interface Clock {
  /** Milliseconds since some instant. They never go back, and they also pass while the device sleeps. */
  now(): number;

  /** Call back once, after some milliseconds or later. @returns a function that cancels it. */
  after(ms: number, callback: () => void): () => void;
}

/** The longest wait in one piece: a timer does not run while the device sleeps, so the clock is read this often. */
const PIECE_MS = 15_000;

class SystemClock implements Clock {
  #now = 0;
  #steady = performance.now();
  #wall = Date.now();

  now(): number {
    const [steady, wall] = [performance.now(), Date.now()];
    // `performance` may stop while the device sleeps, and the wall clock may be set. The larger step of the two is at
    // most too large, so that something is renewed early.
    this.#now += Math.max(steady - this.#steady, wall - this.#wall, 0);
    [this.#steady, this.#wall] = [steady, wall];
    return this.#now;
  }

  after(ms: number, callback: () => void): () => void {
    // A time that is no number would never come, and the timer would run without a pause.
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
