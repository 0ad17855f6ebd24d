import type { Clock } from "../clock";
import type { Observer } from "../documents";
import { exponentialBackoffMs } from "../backoff";

/** The longest delay before another listener. */
const PAUSE_MAX_MS = 60_000;

/**
 * Listen, and retry with a backoff each time that Firestore ends the listener with an error.
 *
 * The rules let nobody read a session that does not exist yet. Firestore ends a listener that comes before its session,
 * and never calls it again.
 *
 * @returns a function that stops listening.
 */
export function listenWithRetry<T>(
  clock: Clock,
  listen: (observer: Observer<T>) => () => void,
  observer: Observer<T>,
): () => void {
  let failures = 0;
  let beganAt: number;
  let isStopped = false;
  let stop = () => {};
  let cancel = () => {};
  const begin = () => {
    beganAt = clock.now();
    stop = listen({
      next: (value) => observer.next(value),
      error: (error) => {
        if (isStopped) return;
        failures = clock.now() - beganAt > PAUSE_MAX_MS ? 1 : failures + 1;
        observer.error(error);
        cancel = clock.after(exponentialBackoffMs(failures, PAUSE_MAX_MS), begin);
      },
    });
  };
  begin();
  return () => {
    isStopped = true;
    cancel();
    stop();
  };
}
