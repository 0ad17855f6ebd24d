/** Return whether a text can be the uid of an account. The rules and the server check the same. */
export function isUid(text: string): boolean {
  return /^[^/]{1,128}$/.test(text);
}

/** Split a text into uids, by white space, commas and semicolons, without duplicates. */
export function splitUids(text: string): string[] {
  return [...new Set(text.split(/[\s,;،]+/).filter((part) => part !== ""))];
}
