/** The shortest part of an address that can be a token; whatever is shorter means something else. */
const TOKEN_MIN = 16;

/**
 * Puts the newest token into addresses that have an earlier one.
 *
 * A manifest names its segments by addresses with the token of the grant that it was loaded with, and a player reads it
 * once. The token is found by comparing the addresses of one manifest in two grants, so no provider's form of an
 * address is written down here: the parts of the path and the query in which the two differ are the token.
 */
export class RenewedAddresses {
  /** The tokens of all grants, with the number of the part that each of them is. */
  readonly #parts = new Map<string, number>();
  readonly #newest = new Map<number, string>();

  /**
   * Note the addresses of one manifest in an earlier and a later grant.
   *
   * @returns whether they differ in tokens alone. If not, the later one has to be loaded.
   */
  renew(earlier: string, later: string): boolean {
    const [old, now] = [new URL(earlier), new URL(later)];
    if (old.origin !== now.origin) return false;
    const [oldParts, newParts] = [partsOf(old), partsOf(now)];
    if (oldParts.length !== newParts.length) return false;
    const differing = [...oldParts.keys()].filter((index) => oldParts[index] !== newParts[index]);
    const isToken = (part = "") => part.length >= TOKEN_MIN;
    if (!differing.every((index) => isToken(oldParts[index]) && isToken(newParts[index]))) return false;
    for (const index of differing) {
      for (const part of [oldParts[index], newParts[index]]) this.#parts.set(part ?? "", index);
      this.#newest.set(index, newParts[index] ?? "");
    }
    return true;
  }

  /** Return an address with the newest token. */
  apply(url: string): string {
    let renewed = url;
    for (const [part, index] of this.#parts) renewed = renewed.replaceAll(part, this.#newest.get(index) ?? part);
    return renewed;
  }
}

/** Return the parts of a path, and the values of a query with their names. */
function partsOf(url: URL): string[] {
  const query = url.search.slice(1).split("&");
  return [...url.pathname.split("/"), ...query.flatMap((field) => field.split(/=(.*)/s, 2))];
}
