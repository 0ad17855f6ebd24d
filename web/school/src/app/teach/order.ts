/** Something with a position among others; `null` if it has none yet. */
export interface Ordered {
  readonly id: string;
  readonly order: number | null;
}

/** Return the list with one element moved to another index. */
export function moved<T>(list: readonly T[], from: number, to: number): T[] {
  const copy = [...list];
  copy.splice(to, 0, ...copy.splice(from, 1));
  return copy;
}

/**
 * Return the orders to change, so that sorting by them results in this list.
 *
 * If the present orders are distinct, they are reassigned, so that only elements that moved change.
 */
export function changedOrders(wanted: readonly Ordered[]): { id: string; order: number }[] {
  const present = wanted.map(({ order }) => order).filter((order) => order !== null);
  const isUsable = new Set(present).size === wanted.length;
  const places = isUsable ? present.sort((a, b) => a - b) : wanted.map((_, index) => index);
  return wanted
    .map(({ id, order }, index) => ({ id, order: places[index] ?? index, before: order }))
    .filter(({ order, before }) => order !== before)
    .map(({ id, order }) => ({ id, order }));
}
