/** The first delay; each further one is twice as long. */
const FIRST_MS = 1000;

/** Return an exponential backoff after so many failures in a row, at least 1, in milliseconds. Pure. */
export function exponentialBackoffMs(failures: number, maxMs: number): number {
  return Math.min(maxMs, FIRST_MS * 2 ** (failures - 1));
}

/** Return the delay after so many earlier tries, from a list whose last delay is repeated. Pure. */
export function listedBackoffMs(delaysMs: readonly number[], tries: number): number {
  return delaysMs[Math.min(tries, delaysMs.length - 1)] ?? 0;
}

/**
 * Return an exponential backoff of which half is random, because many browsers lose the same server at the same moment.
 * Pure.
 *
 * @param failures How many tries in a row have failed, at least 1.
 * @param maxMs The longest delay, in milliseconds, unless the server asks for more.
 * @param retryAfterS The least delay that the server asks for, in seconds.
 * @param random Between 0 and 1.
 */
export function jitteredBackoffMs(
  failures: number,
  maxMs: number,
  retryAfterS: number | undefined,
  random: number,
): number {
  const delayMs = (exponentialBackoffMs(failures, maxMs) / 2) * (1 + random);
  return retryAfterS === undefined ? delayMs : Math.max(delayMs, retryAfterS * 1000 * (1 + random / 10));
}
