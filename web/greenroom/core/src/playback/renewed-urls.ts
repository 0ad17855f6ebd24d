/** The length of the shortest part of a URL that can be a token. */
const TOKEN_MIN = 16;

/**
 * Puts the newest token into URLs that have an earlier one.
 *
 * A manifest lists its segments by URLs with the token of the grant that it was loaded with, and a player reads it
 * once. So that it needs to know no provider's URLs, this class compares the URLs of one manifest in two grants: the
 * parts of the path and of the query that differ are the token.
 */
export class RenewedUrls {
  /** The tokens of all grants, each with the index of its part. */
  readonly #parts = new Map<string, number>();
  readonly #newest = new Map<number, string>();

  /**
   * Compare the URLs of one manifest in an earlier and a later grant.
   *
   * @returns whether they differ only in tokens. If not, the player has to load the later one.
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

  /** Return a URL with the newest token. */
  apply(url: string): string {
    let renewed = url;
    for (const [part, index] of this.#parts) renewed = renewed.replaceAll(part, this.#newest.get(index) ?? part);
    return renewed;
  }
}

/** Return the parts of the path, and the names and values of the query. */
function partsOf(url: URL): string[] {
  const query = url.search.slice(1).split("&");
  return [...url.pathname.split("/"), ...query.flatMap((field) => field.split(/=(.*)/s, 2))];
}
