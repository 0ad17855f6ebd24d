/** Whether a text can be the id of an account, as the rules and the server say. */
export function isUid(text: string): boolean {
  return /^[^/]{1,128}$/.test(text);
}

/** Split what was typed or pasted into ids: by blanks, lines and commas; each counts once. */
export function splitUids(text: string): string[] {
  return [...new Set(text.split(/[\s,;،]+/).filter((part) => part !== ""))];
}
