import type { Readable } from "../src/store";

const WITHIN_MS = 10_000;

/** Wait for a value that meets a condition, and fail with the last one if none comes in time. */
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

/** Wait until something holds that tells nobody. */
export async function eventually(condition: () => boolean | Promise<boolean>, withinMs = WITHIN_MS): Promise<void> {
  const deadline = performance.now() + withinMs;
  while (!(await condition())) {
    if (performance.now() > deadline)
      throw new Error(`It did not happen within ${withinMs} ms: ${condition.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
