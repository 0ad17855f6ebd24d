import { type Clock } from "../clock";
import { GreenroomError } from "../errors";
import { Watchdog } from "../watchdog";
import { type UploadRequest, unreachable } from "./slides-api";

/** The progress of the upload of a document. */
export interface SlidesProgress {
  readonly sentBytes: number;
  readonly sizeBytes: number;
}

/** Options of `SlidesPresenter.upload`. */
export interface SlidesUploadOptions {
  /** Called while bytes are sent, and when all have arrived. */
  readonly onProgress?: (progress: SlidesProgress) => void;
  /** Aborts the upload, which then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** The delays between retries of an upload that makes no progress. */
const PAUSES_MS = [500, 1_000, 2_000, 4_000, 8_000, 15_000, 30_000] as const;

/** Failures after which an upload that was never resumed starts over. */
const UNANSWERED_MAX = 3;

/** How long a connection may carry no bytes before it counts as broken. */
const STALLED_MS = 30_000;

/** The status with which Cloud Storage reports that it has some of the bytes, and waits for the rest. */
const INCOMPLETE = 308;

/**
 * Send a document to Cloud Storage: begin a resumable upload with a signed request, send the bytes in one piece, and
 * resume after a broken connection.
 *
 * Source of the protocol: https://docs.cloud.google.com/storage/docs/performing-resumable-uploads
 *
 * @param begin Returns a signed request; called again if an upload cannot be resumed.
 * @throws GreenroomError after the last retry, or if Cloud Storage refuses the document.
 */
export async function uploadToStorage(
  file: File,
  begin: () => Promise<UploadRequest>,
  clock: Clock,
  { onProgress, signal }: SlidesUploadOptions = {},
): Promise<void> {
  const tell = (sentBytes: number) => onProgress?.({ sentBytes, sizeBytes: file.size });
  let location: string | undefined;
  let [failures, furthest, canResume] = [0, 0, false];
  for (;;) {
    signal?.throwIfAborted();
    try {
      const isResumed = location !== undefined;
      location ??= await beginUpload(await begin(), signal);
      const from = isResumed ? await receivedBytes(location, file.size, signal) : 0;
      canResume ||= isResumed;
      if (from >= file.size) return tell(file.size);
      if (from > furthest) [failures, furthest] = [0, from];
      await sendRest(location, file, from, isResumed, tell, signal);
      return;
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof Gone) location = undefined;
      else if (!(error instanceof GreenroomError && error.retryable)) throw error;
      const pauseMs = PAUSES_MS[failures];
      if (pauseMs === undefined) throw error instanceof Gone ? refused(error.status) : error;
      failures += 1;
      // The bucket's CORS settings may not allow the question what has arrived. Then only a new upload can help.
      if (!canResume && failures >= UNANSWERED_MAX && navigator.onLine) location = undefined;
      await pause(pauseMs, clock, signal);
    }
  }
}

/** The upload does not exist any more. */
class Gone extends Error {
  constructor(readonly status: number) {
    super(`The upload cannot be resumed: ${status}.`);
  }
}

async function beginUpload({ url, method, headers }: UploadRequest, signal?: AbortSignal): Promise<string> {
  const answer = await request({ method, url, headers, signal });
  const location = answer.getResponseHeader("Location");
  if (answer.status >= 300) throw answer.status >= 500 ? unreachable(answer.status) : refused(answer.status);
  if (location === null) {
    const message = "The bucket does not let browsers read the header Location. Add it to the bucket's CORS settings.";
    throw new GreenroomError("NOT_SET_UP", message, false);
  }
  return location;
}

/** Ask how many bytes have arrived. */
async function receivedBytes(url: string, size: number, signal?: AbortSignal): Promise<number> {
  const headers = { "Content-Range": `bytes */${size}` };
  const answer = await request({ method: "PUT", url, headers, signal });
  if (answer.status === INCOMPLETE) {
    // If CORS hides the header, everything is sent again, and Cloud Storage ignores the bytes that it has.
    const last = /-(\d+)$/.exec(answer.getResponseHeader("Range") ?? "")?.[1];
    return last === undefined ? 0 : Number(last) + 1;
  }
  if (answer.status < 300) return size;
  throw answer.status >= 500 ? unreachable(answer.status) : new Gone(answer.status);
}

async function sendRest(
  url: string,
  file: File,
  from: number,
  isResumed: boolean,
  tell: (sentBytes: number) => void,
  signal?: AbortSignal,
): Promise<void> {
  const headers = {
    "Content-Type": file.type === "" ? "application/octet-stream" : file.type,
    ...(isResumed ? { "Content-Range": `bytes ${from}-${file.size - 1}/${file.size}` } : {}),
  };
  const body = isResumed ? file.slice(from) : file;
  tell(from);
  const answer = await request({ method: "PUT", url, headers, body, signal, onSent: (bytes) => tell(from + bytes) });
  if (answer.status < 300) return tell(file.size);
  if (answer.status === INCOMPLETE || answer.status >= 500) throw unreachable(answer.status);
  throw new Gone(answer.status);
}

interface XhrRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Blob;
  readonly signal?: AbortSignal | undefined;
  readonly onSent?: (bytes: number) => void;
}

/** Send a request with XMLHttpRequest, because `fetch` does not report the progress of an upload. */
function request({ method, url, headers, body, signal, onSent }: XhrRequest): Promise<XMLHttpRequest> {
  return new Promise((resolve, reject) => {
    const xhr = new XMLHttpRequest();
    const abort = () => xhr.abort();
    const watchdog = new Watchdog(abort);
    xhr.open(method, url);
    for (const [name, value] of Object.entries(headers)) xhr.setRequestHeader(name, value);
    xhr.upload.onprogress = ({ loaded }) => {
      watchdog.expect(STALLED_MS);
      onSent?.(loaded);
    };
    xhr.onload = () => resolve(xhr);
    xhr.onerror = xhr.onabort = () => reject(unreachable(undefined));
    xhr.onloadend = () => {
      watchdog.stop();
      signal?.removeEventListener("abort", abort);
    };
    signal?.addEventListener("abort", abort);
    watchdog.expect(STALLED_MS);
    xhr.send(body ?? null);
  });
}

function pause(ms: number, clock: Clock, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const listening = new AbortController();
    const end = () => {
      cancel();
      listening.abort();
      resolve();
    };
    const cancel = clock.after(ms, end);
    signal?.addEventListener("abort", end, { signal: listening.signal });
    globalThis.addEventListener?.("online", end, { signal: listening.signal });
  });
}

function refused(status: number): GreenroomError {
  return new GreenroomError("UPLOAD_FAILED", `Cloud Storage refuses the document (${status}). Upload it again.`, false);
}
