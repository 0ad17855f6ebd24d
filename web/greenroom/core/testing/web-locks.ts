interface Waiting {
  readonly run: () => void;
}

/** The Web Locks of a browser, which jsdom lacks: exclusive locks, `ifAvailable` and `signal`. */
export class WebLocks {
  readonly #held = new Map<string, Waiting[]>();

  request(name: string, options: LockOptions, callback: (lock: { name: string } | null) => unknown): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const run = () => {
        if (!this.#held.has(name)) this.#held.set(name, []);
        void Promise.resolve(callback({ name }))
          .then(resolve, reject)
          .finally(() => this.#next(name));
      };
      const queue = this.#held.get(name);
      if (queue === undefined) return run();
      if (options.ifAvailable === true) return void Promise.resolve(callback(null)).then(resolve, reject);
      const waiting = { run };
      queue.push(waiting);
      options.signal?.addEventListener("abort", () => {
        const at = queue.indexOf(waiting);
        if (at < 0) return;
        queue.splice(at, 1);
        reject(options.signal?.reason as Error);
      });
    });
  }

  #next(name: string): void {
    const next = this.#held.get(name)?.shift();
    if (next === undefined) this.#held.delete(name);
    else next.run();
  }
}
