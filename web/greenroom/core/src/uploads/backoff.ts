import { doubledPauseMs } from "../pauses";

const MOST_MS = 60_000;

/**
 * Return how long to wait before the next try. Pure.
 *
 * Many browsers lose the same server at the same moment, so each waits a different time: half of it is random.
 *
 * @param failures How many tries in a row have failed without a byte arriving, at least 1.
 * @param retryAfterS What the server asked for. It is waited for at least that long.
 * @param random Between 0 and 1.
 */
export function delayAfter(failures: number, retryAfterS: number | undefined, random: number): number {
  const most = doubledPauseMs(failures, MOST_MS);
  const delay = (most / 2) * (1 + random);
  return retryAfterS === undefined ? delay : Math.max(delay, retryAfterS * 1000 * (1 + random / 10));
}
