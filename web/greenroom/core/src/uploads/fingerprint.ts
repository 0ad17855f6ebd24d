const EDGE_BYTES = 1024 * 1024;
const BLOCK_BYTES = 32 * 1024;
const BLOCKS = 64;

/**
 * Return a SHA-256 of a file's size, its head, its tail and blocks between them. At most 4 MiB are read.
 *
 * It verifies that a file that is chosen again is the one whose upload began. The date of a file cannot: a copy has
 * another one, and programs change it.
 *
 * @throws if the file cannot be read
 */
export async function fingerprintOf(file: File): Promise<string> {
  // Pages without HTTPS have no `crypto.subtle`. Their journal does not survive a reload, so nothing has to be
  // verified.
  if (!hasDigests()) return `${file.name}/${file.size}/${file.lastModified}`;
  const ranges = samplesOf(file.size);
  const size = new TextEncoder().encode(`${file.size}\n`);
  const read = new Uint8Array(ranges.reduce((bytes, [begin, end]) => bytes + end - begin, size.length));
  read.set(size);
  let at = size.length;
  for (const [begin, end] of ranges) {
    read.set(new Uint8Array(await file.slice(begin, end).arrayBuffer()), at);
    at += end - begin;
  }
  const digest = await crypto.subtle.digest("SHA-256", read);
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Return whether this page has `crypto.subtle`, and can compare files by their bytes. */
export function hasDigests(): boolean {
  return (crypto as Partial<Crypto>).subtle !== undefined;
}

/** Return the ranges of a file that are read, in bytes. */
export function samplesOf(sizeBytes: number): [begin: number, end: number][] {
  if (sizeBytes <= 2 * EDGE_BYTES + BLOCKS * BLOCK_BYTES) return [[0, sizeBytes]];
  const ranges: [number, number][] = [[0, EDGE_BYTES]];
  const step = (sizeBytes - 2 * EDGE_BYTES) / BLOCKS;
  for (let block = 0; block < BLOCKS; block++) {
    const begin = EDGE_BYTES + Math.floor(block * step);
    ranges.push([begin, begin + BLOCK_BYTES]);
  }
  ranges.push([sizeBytes - EDGE_BYTES, sizeBytes]);
  return ranges;
}

/** Return whether a file can still be read. Browsers refuse one that was changed or moved since it was chosen. */
export async function isReadable(file: Blob): Promise<boolean> {
  try {
    await file.slice(0, 1).arrayBuffer();
    return true;
  } catch {
    return false;
  }
}
