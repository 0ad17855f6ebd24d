import type { PermittedHandle } from "./candidates";
import { fingerprintOf } from "./fingerprint";
import type { Entry, Journal } from "./journal";

/** Return whether a file is the one whose upload began. */
export async function isFileOf(entry: Entry, file: File): Promise<boolean> {
  try {
    return file.size === entry.sizeBytes && (await fingerprintOf(file)) === entry.fingerprint;
  } catch {
    return false;
  }
}

/** A file, or whether the user can be asked for permission to read it. */
export interface Reread {
  readonly file?: File;
  readonly canAsk: boolean;
}

/**
 * Read the file of an entry after a reload, from its copy or by its handle.
 *
 * @param mayAsk Whether this is called in a click, so that the browser lets the page ask for permission.
 */
export async function reread(entry: Entry, journal: Journal, mayAsk: boolean): Promise<Reread> {
  const { id, fileName, lastModified, isCopied, handle } = entry;
  const copy = isCopied === true ? await journal.copyOf(id) : undefined;
  if (copy !== undefined) return { file: new File([copy], fileName, { lastModified }), canAsk: false };
  if (handle === undefined) return { canAsk: false };
  try {
    const permitted: PermittedHandle = handle;
    let permission = (await permitted.queryPermission?.({ mode: "read" })) ?? "granted";
    if (permission === "prompt" && mayAsk) {
      permission = (await permitted.requestPermission?.({ mode: "read" })) ?? "denied";
    }
    if (permission !== "granted") return { canAsk: permission === "prompt" };
    return { file: await handle.getFile(), canAsk: false };
  } catch {
    // The file was moved or deleted, or the click was too long ago.
    return { canAsk: false };
  }
}
