import type { Readable } from "../src/store";

const WITHIN_MS = 10_000;

/** Wait for a value that meets a condition; fail with the last value after a time. */
export function until<T>(readable: Readable<T>, condition: (value: T) => boolean, withinMs = WITHIN_MS): Promise<T> {
  return new Promise((resolve, reject) => {
    let stop: (() => void) | undefined;
    const timer = setTimeout(() => {
      stop?.();
      reject(new Error(`It did not happen within ${withinMs} ms. The last value: ${JSON.stringify(readable.value)}`));
    }, withinMs);
    const look = (value: T) => {
      if (!condition(value)) return;
      clearTimeout(timer);
      queueMicrotask(() => stop?.());
      resolve(value);
    };
    stop = readable.subscribe(look);
  });
}

/** Poll until a condition holds. */
export async function eventually(condition: () => boolean | Promise<boolean>, withinMs = WITHIN_MS): Promise<void> {
  const deadline = performance.now() + withinMs;
  while (!(await condition())) {
    if (performance.now() > deadline)
      throw new Error(`It did not happen within ${withinMs} ms: ${condition.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
