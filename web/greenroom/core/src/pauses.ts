/** The first pause after a failure; each further one is twice as long. */
const FIRST_MS = 1000;

/** Return the pause after so many failures in a row, at least 1, in milliseconds. Pure. */
export function doubledPauseMs(failures: number, mostMs: number): number {
  return Math.min(mostMs, FIRST_MS * 2 ** (failures - 1));
}

/** Return the pause after so many earlier tries, from a list whose last one is repeated. Pure. */
export function listedPauseMs(pausesMs: readonly number[], tries: number): number {
  return pausesMs[Math.min(tries, pausesMs.length - 1)] ?? 0;
}
