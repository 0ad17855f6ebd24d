// Sending a file as a browser app does, by the protocol in the answer of issueUploadToken.

import { open, readFile, stat } from "node:fs/promises";
import { basename } from "node:path";

import { expect } from "./app.mjs";

const CHUNK_BYTES = 100_000; // Kaltura's minimum, so that a small file still shows progress.

export function bar(percent, width = 30) {
  const full = Math.round((percent / 100) * width);
  return `[${"#".repeat(full)}${".".repeat(width - full)}] ${String(percent).padStart(3)} %`;
}

/** Send a file as Kaltura's browser clients do: the first chunk, then each at its offset; the last one completes it. */
async function uploadToKaltura({ upload }, path, onSent) {
  const { size } = await stat(path);
  const file = await open(path);
  for (let at = 0; at < size; at += CHUNK_BYTES) {
    const chunk = Buffer.alloc(Math.min(CHUNK_BYTES, size - at));
    await file.read(chunk, 0, chunk.length, at);
    const form = new FormData();
    form.set("ks", upload.ks);
    form.set("uploadTokenId", upload.uploadTokenId);
    form.set("resume", String(at > 0));
    form.set("resumeAt", String(at > 0 ? at : -1));
    form.set("finalChunk", String(at + chunk.length === size));
    form.set("fileData", new Blob([chunk], { type: "video/mp4" }), basename(path));
    const answer = await (await fetch(`${upload.url}?format=1`, { method: "POST", body: form })).json();
    expect(!answer.code, `Kaltura refused a chunk: ${answer.message}`);
    onSent(Math.round((100 * (at + chunk.length)) / size));
  }
  await file.close();
  return size;
}

/** Send a file by TUS, as tus-js-client does. The demo's file fits into one chunk. */
async function uploadByTus({ upload, receivedBytes }, path, onSent) {
  const { size } = await stat(path);
  const headers = { "Tus-Resumable": "1.0.0", "Content-Type": "application/offset+octet-stream", "Upload-Offset": String(receivedBytes) };
  const answer = await fetch(upload.url, { method: "PATCH", headers, body: await readFile(path) });
  expect(answer.status === 204, `Cloudflare refused a chunk: ${answer.status} ${await answer.text()}`);
  onSent(Math.round((100 * Number(answer.headers.get("upload-offset"))) / size));
  return size;
}

const PROTOCOLS = { kaltura: uploadToKaltura, tus: uploadByTus };

/** Send a file, and return its size. `onSent` is told the percentage that has been sent. */
export const sendFile = (token, path, onSent) => PROTOCOLS[token.upload.protocol](token, path, onSent);
