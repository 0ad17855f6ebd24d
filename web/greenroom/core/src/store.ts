/** A value that changes, and that can be listened to. `fromReadable` of `greenroom/angular` makes it a signal. */
export interface Readable<T> {
  readonly value: T;

  /** Call the listener now and at each change. @returns a function that stops this. */
  subscribe(listener: (value: T) => void): () => void;
}

/** A `Readable` that can be set. */
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
