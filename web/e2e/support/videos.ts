import { createHash, randomBytes } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";

import { stack } from "./stack";

const BOX_HEAD_BYTES = 8;

/** Write a playable video of any size: the test video, then a box with random bytes, which players skip. */
export async function writeVideo(path: string, sizeBytes: number): Promise<{ path: string; digest: string }> {
  const picture = await readFile(stack.testPicture);
  const boxBytes = sizeBytes - picture.length;
  const head = Buffer.alloc(BOX_HEAD_BYTES);
  head.writeUInt32BE(boxBytes);
  head.write("free", 4);
  const bytes = Buffer.concat([picture, head, randomBytes(boxBytes - BOX_HEAD_BYTES)]);
  await writeFile(path, bytes);
  return { path, digest: createHash("sha256").update(bytes).digest("hex") };
}
