/** A value that changes, and tells its listeners. Angular's layer turns it into a signal. */
export interface Readable<T> {
  readonly value: T;

  /** Call the listener now and at each change, until the returned function is called. */
  subscribe(listener: (value: T) => void): () => void;
}

/** A `Readable` whose owner sets it. */
export class Store<T> implements Readable<T> {
  readonly #listeners = new Set<(value: T) => void>();
  #value: T;

  constructor(value: T) {
    this.#value = value;
  }

  get value(): T {
    return this.#value;
  }

  set(value: T): void {
    if (Object.is(value, this.#value)) return;
    this.#value = value;
    for (const listener of [...this.#listeners]) listener(value);
  }

  subscribe(listener: (value: T) => void): () => void {
    this.#listeners.add(listener);
    listener(this.#value);
    return () => this.#listeners.delete(listener);
  }
}
