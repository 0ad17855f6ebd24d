import type { KalturaUpload } from "../schema/types";
import { Watchdog } from "../watchdog";
import { ProviderRefusal, providerUnavailable, unreachable } from "./failures";
import { ANSWERED_WITHIN_MS, type Sending, STALLED_AFTER_MS } from "./sending";

/** How often a chunk is sent, each time on another connection, before the whole upload backs off. */
const TRIES = 3;

/** How many chunks may wait at Kaltura for an earlier one. Above an unpublished limit Kaltura rejects the file. */
const AHEAD_MAX = 10;

/** A chunk that takes less adds a connection; one that takes longer removes one. */
const FAST_MS = 5000;
const SLOW_MS = 20_000;

/** Kaltura's error codes after which the same request may succeed. All others need a new token. */
const LATER = new Set([
  "ACTION_BLOCKED",
  "FILE_PENDING",
  "INTERNAL_DATABASE_ERROR",
  "INTERNAL_SERVER_ERROR",
  "LOCK_TIMED_OUT",
  "MAX_ALLOWED_CHUNK_COUNT_EXCEEDED",
  "UPLOAD_ERROR",
  "UPLOAD_TOKEN_CANNOT_MATCH_EXPECTED_SIZE",
  "UPLOAD_TOKEN_CANNOT_RESUME",
]);

interface Chunk {
  readonly begin: number;
  readonly end: number;
  sentBytes: number;
  tries: number;
}

/**
 * Send a file to Kaltura in chunks.
 *
 * Kaltura takes the first chunk alone, then any number of chunks at once in any order, and closes the file with the
 * last one. Chunks that arrive early wait there. The number of bytes that Kaltura reports may lag behind, so only its
 * answer to the last chunk says that the file is complete.
 *
 * @throws GreenroomError
 */
export async function sendByKaltura(sending: Sending): Promise<void> {
  await new KalturaFile(sending).send();
}

class KalturaFile {
  readonly #stop = new AbortController();
  readonly #again: Chunk[] = [];
  readonly #inFlight = new Set<Chunk>();
  #next = 0;
  #arrivedBytes: number;
  #connections = 2;

  constructor(private readonly sending: Sending) {
    this.#arrivedBytes = sending.from;
  }

  async send(): Promise<void> {
    const { file, from, tokens, signal } = this.sending;
    const abort = () => this.#stop.abort();
    signal.addEventListener("abort", abort);
    try {
      const { upload } = await tokens.current();
      const { chunkSizeBytes } = upload;
      // All bytes may have arrived without the request that closes the file.
      const begin = Math.min(from, Math.max(0, file.size - chunkSizeBytes));
      this.#next = from < file.size ? from : begin;
      if (this.#next === 0) await this.#one(this.#take(chunkSizeBytes));
      // All chunks up to the last one, which may have any size, are sent in parallel.
      const last = Math.max(this.#next, lastBegin(this.#next, file.size, chunkSizeBytes));
      if (this.#next < last) await this.#all(last, chunkSizeBytes);
      if (this.#next < file.size) await this.#one(this.#take(chunkSizeBytes));
    } finally {
      signal.removeEventListener("abort", abort);
      this.#stop.abort();
    }
  }

  /** Send the chunks before the one that begins at `until`, on several connections. */
  #all(until: number, chunkSizeBytes: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const fail = (error: unknown) => {
        reject(error as Error);
        this.#stop.abort();
      };
      const fill = () => {
        if (this.#stop.signal.aborted) return;
        while (this.#inFlight.size < Math.min(this.#connections, this.sending.connections())) {
          const chunk = this.#again.shift() ?? this.#nextOf(until, chunkSizeBytes);
          if (chunk === undefined) break;
          this.#one(chunk).then(fill, fail);
        }
        if (this.#inFlight.size === 0) resolve();
      };
      this.#stop.signal.addEventListener("abort", () => reject(unreachable()));
      fill();
    });
  }

  #nextOf(until: number, chunkSizeBytes: number): Chunk | undefined {
    const lowest = Math.min(this.#next, ...Array.from(this.#inFlight, (chunk) => chunk.begin));
    const isFarAhead = this.#next - lowest > AHEAD_MAX * chunkSizeBytes;
    return this.#next < until && !isFarAhead ? this.#take(chunkSizeBytes) : undefined;
  }

  #take(chunkSizeBytes: number): Chunk {
    const begin = this.#next;
    const end = Math.min(this.sending.file.size, begin + chunkSizeBytes);
    this.#next = end;
    return { begin, end, sentBytes: 0, tries: 0 };
  }

  /** Send one chunk. A broken connection costs this chunk one try, and the others none. */
  async #one(chunk: Chunk): Promise<void> {
    this.#inFlight.add(chunk);
    try {
      for (;;) {
        const began = performance.now();
        const failure = await this.#post(chunk);
        if (failure === undefined) {
          this.#adapt(performance.now() - began);
          break;
        }
        chunk.sentBytes = 0;
        chunk.tries += 1;
        const isFinal = chunk.end === this.sending.file.size;
        if (failure !== "broken" || isFinal || chunk.tries >= TRIES || this.#stop.signal.aborted) {
          throw failure === "broken" ? unreachable() : failure;
        }
        this.#connections = Math.max(1, this.#connections - 1);
      }
    } finally {
      this.#inFlight.delete(chunk);
    }
    this.#arrivedBytes += chunk.end - chunk.begin;
    this.#report();
  }

  #adapt(tookMs: number): void {
    if (tookMs < FAST_MS) this.#connections += 1;
    else if (tookMs > SLOW_MS) this.#connections = Math.max(1, this.#connections - 1);
  }

  #report(): void {
    const size = this.sending.file.size;
    let sent = this.#arrivedBytes;
    for (const chunk of this.#inFlight) sent += chunk.sentBytes;
    this.sending.onProgress(Math.min(sent, size), Math.min(this.#arrivedBytes, size));
  }

  async #post(chunk: Chunk): Promise<Error | "broken" | undefined> {
    const { file, tokens } = this.sending;
    const { upload } = await tokens.current();
    if (upload.protocol !== "kaltura") return new ProviderRefusal();
    const answer = await this.#answered(upload, chunk);
    if (answer === undefined) return "broken";
    if (answer.code !== undefined) return LATER.has(answer.code) ? providerUnavailable() : new ProviderRefusal();
    const isWhole = Number(answer.uploadedFileSize) === file.size;
    return chunk.end < file.size || isWhole ? undefined : providerUnavailable();
  }

  /** Return Kaltura's answer; `undefined` if the connection broke, or if the answer is not Kaltura's. */
  #answered(upload: KalturaUpload, chunk: Chunk): Promise<KalturaAnswer | undefined> {
    return new Promise((resolve) => {
      const request = new XMLHttpRequest();
      const watchdog = new Watchdog(() => request.abort());
      const abort = () => request.abort();
      this.#stop.signal.addEventListener("abort", abort);
      request.upload.onprogress = ({ loaded }) => {
        chunk.sentBytes = Math.min(loaded, chunk.end - chunk.begin);
        watchdog.expect(STALLED_AFTER_MS);
        this.#report();
      };
      request.upload.onload = () => watchdog.expect(ANSWERED_WITHIN_MS);
      request.onloadend = () => {
        watchdog.stop();
        this.#stop.signal.removeEventListener("abort", abort);
        resolve(request.status === 0 ? undefined : parsed(request.status, request.responseText));
      };
      if (this.#stop.signal.aborted) return resolve(undefined);
      request.open("POST", `${upload.url}?format=1`);
      request.send(this.#form(upload, chunk));
      watchdog.expect(STALLED_AFTER_MS);
    });
  }

  #form(upload: KalturaUpload, { begin, end }: Chunk): FormData {
    const { file } = this.sending;
    const form = new FormData();
    form.set("ks", upload.ks);
    form.set("uploadTokenId", upload.uploadTokenId);
    form.set("resume", String(begin > 0));
    form.set("resumeAt", String(begin > 0 ? begin : -1));
    form.set("finalChunk", String(end === file.size));
    // Kaltura refuses a part without a file name. The real name was declared when the token was issued.
    form.set("fileData", file.slice(begin, end), "video");
    return form;
  }
}

interface KalturaAnswer {
  readonly code?: string;
  readonly uploadedFileSize?: number | string;
}

/** Return Kaltura's answer; `undefined` if it is not Kaltura's, such as the page of a captive portal. */
function parsed(status: number, text: string): KalturaAnswer | undefined {
  try {
    const answer: unknown = JSON.parse(text);
    if (typeof answer !== "object" || answer === null) return undefined;
    const { objectType, code, uploadedFileSize } = answer as KalturaAnswer & { objectType?: string };
    if (objectType === "KalturaAPIException" || code !== undefined) return { code: code ?? "" };
    return uploadedFileSize === undefined ? undefined : { uploadedFileSize };
  } catch {
    return status === 413 ? { code: "HTTP_413" } : undefined;
  }
}

function lastBegin(begin: number, sizeBytes: number, chunkSizeBytes: number): number {
  return begin + Math.max(0, Math.ceil((sizeBytes - begin) / chunkSizeBytes) - 1) * chunkSizeBytes;
}
