import { DestroyRef, effect, inject, type Signal, signal } from "@angular/core";
import type { Readable } from "greenroom/core";

/**
 * Return a signal with the value of a store, or of the store that the function returns at present.
 *
 * It listens as long as the component, or whatever injects it, lives.
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
