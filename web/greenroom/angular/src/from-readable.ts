import { DestroyRef, effect, inject, type Signal, signal } from "@angular/core";
import type { Readable } from "greenroom/core";

/**
 * Return a signal with the value of a `Readable`, or of the `Readable` that a function of signals returns.
 *
 * Call it in an injection context, such as a component's fields: it listens until that is destroyed.
 */
export function fromReadable<T>(readable: Readable<T>): Signal<T>;
export function fromReadable<T>(readable: () => Readable<T> | undefined): Signal<T | undefined>;
export function fromReadable<T>(readable: Readable<T> | (() => Readable<T> | undefined)): Signal<T | undefined> {
  if (typeof readable !== "function") {
    const value = signal(readable.value);
    inject(DestroyRef).onDestroy(readable.subscribe((next) => value.set(next)));
    return value.asReadonly();
  }
  const value = signal<T | undefined>(undefined);
  effect((onCleanup) => {
    const present = readable();
    if (present === undefined) value.set(undefined);
    else onCleanup(present.subscribe((next) => value.set(next)));
  });
  return value.asReadonly();
}
