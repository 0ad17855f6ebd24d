/** Something with a place among others; `null` if it has none yet. */
export interface Ordered {
  readonly id: string;
  readonly order: number | null;
}

/** Return the list with one element at another place. */
export function moved<T>(list: readonly T[], from: number, to: number): T[] {
  const copy = [...list];
  copy.splice(to, 0, ...copy.splice(from, 1));
  return copy;
}

/**
 * Return the orders to change, so that sorting by them gives this list.
 *
 * The present orders are dealt out anew where they are different, so that only what moved changes.
 */
export function changedOrders(wished: readonly Ordered[]): { id: string; order: number }[] {
  const present = wished.map(({ order }) => order).filter((order) => order !== null);
  const isUsable = new Set(present).size === wished.length;
  const places = isUsable ? present.sort((a, b) => a - b) : wished.map((_, index) => index);
  return wished
    .map(({ id, order }, index) => ({ id, order: places[index] ?? index, before: order }))
    .filter(({ order, before }) => order !== before)
    .map(({ id, order }) => ({ id, order }));
}
