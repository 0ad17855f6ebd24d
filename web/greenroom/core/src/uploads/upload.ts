import { jitteredBackoffMs } from "../backoff";
import type { ErrorCode, GreenroomError } from "../errors";
import type { Greenroom } from "../greenroom";
import { newId } from "../new-id";
import type { UploadAnswer } from "../schema/types";
import { toGreenroomError } from "../to-greenroom-error";
import { fileChanged, fileNeeded, isOver, ProviderRefusal, unreachable } from "./failures";
import { isReadable } from "./fingerprint";
import type { Entry, Journal } from "./journal";
import { sendByKaltura } from "./kaltura";
import type { Item, UploadList } from "./list";
import { isFileOf, reread } from "./reread";
import type { Sending } from "./sending";
import type { Slots } from "./slots";
import { Speed } from "./speed";
import type { Release, Tabs } from "./tabs";
import { UploadTokens } from "./tokens";
import { sendByTus } from "./tus";

/** An upload fails after so many refusals by the provider in a row, without a byte arriving. */
const REFUSALS_MAX = 6;

const BACKOFF_MAX_MS = 60_000;

const SHOWN_EVERY_MS = 200;
const TOLD_EVERY_MS = 1000;
const STORED_EVERY_MS = 2000;

/** A browser that reports to be offline may be wrong, so the upload is retried from time to time. */
const OFFLINE_TRY_MS = 60_000;

/** The objects that all uploads of a tab share. */
export interface Shared {
  readonly greenroom: Greenroom;
  readonly journal: Journal;
  readonly tabs: Tabs;
  readonly list: UploadList;
  readonly slots: Slots;
}

/** One upload, from the moment it is added until it is sent, cancelled or dismissed. */
export class Upload {
  readonly #tokens: UploadTokens;
  #stop = new AbortController();
  #isEnded = false;
  #failures = 0;
  #refusals = 0;

  /** @param claim The claim on this upload; `undefined` while another tab has it. */
  constructor(
    readonly id: string,
    private readonly shared: Shared,
    private claim: Release | undefined,
  ) {
    this.#tokens = new UploadTokens(() => this.#ask());
  }

  /**
   * Run until the upload is over. Each control method interrupts the current step, and the loop chooses the next one.
   */
  async run(): Promise<void> {
    while (!this.#isEnded) {
      const { signal } = (this.#stop = new AbortController());
      const item = this.#item;
      if (item === undefined) return;
      if (this.claim === undefined) await this.#inherit();
      else if (item.state === "failed" || item.state === "sent") await interrupted(signal);
      else if (item.entry.isPaused) await this.#rest("paused", signal);
      else if (this.#file === undefined) await this.#rest("needsFile", signal);
      else if (item.state === "waiting") await this.#wait(item, signal);
      else await this.#take(signal);
    }
  }

  async pause(isPaused: boolean): Promise<void> {
    const item = this.#item;
    if (item === undefined || this.claim === undefined) return;
    if (item.state === "sent" || item.state === "failed" || item.entry.isPaused === isPaused) return;
    if (!isPaused && item.state !== "needsFile") this.#change({ state: "queued" });
    await this.#write({ isPaused });
    this.interrupt();
  }

  /**
   * Retry now. If the upload is over, this is a new request: for the same video if it still exists, so that it keeps
   * its title and its place in the session, otherwise for a new one.
   */
  async retry(): Promise<void> {
    const { state, error, entry } = this.#item ?? {};
    if (entry === undefined || (state !== "failed" && state !== "waiting")) return;
    this.#failures = this.#refusals = 0;
    if (state === "failed" && error !== undefined && isOver(error.code)) {
      const { videoId, resumes: earlier, arrivedBytes: _, ...rest } = entry;
      const resumes = ENDED.has(error.code) ? (videoId ?? earlier) : undefined;
      const isAsked = resumes !== undefined;
      const fresh = { ...rest, requestId: newId(), isAsked, ...(isAsked && { resumes }) };
      this.#change({ entry: fresh, sentBytes: 0, uploadUntil: undefined });
      await this.shared.journal.put(fresh);
    }
    this.#change({ state: "queued", error: undefined, retryAt: undefined });
    this.interrupt();
  }

  /** Retry because the browser is online again, unless the server asked to wait. */
  reconnect(): void {
    if (this.#item?.state === "waiting" && this.#item.error?.code === "UNREACHABLE") void this.retry();
  }

  /** Continue with this file. @throws GreenroomError `FILE_CHANGED` if it is not the one whose upload began. */
  async reselect(file: File): Promise<void> {
    const item = this.#item;
    if (item === undefined || this.claim === undefined || item.state === "sent") return;
    if (!(await isFileOf(item.entry, file))) {
      const error = fileChanged(item.entry.fileName);
      if (item.state === "needsFile") this.#change({ error });
      throw error;
    }
    this.shared.list.setFile(this.id, file);
    this.#change({ canAskForFile: false, error: undefined, ...(item.state === "needsFile" && { state: "queued" }) });
    if (item.state === "needsFile") this.interrupt();
  }

  /** Cancel the upload, also on the server. @throws GreenroomError if that fails; the upload is paused then. */
  async cancel(): Promise<void> {
    await this.pause(true);
    if (this.#item?.entry.isAsked === true) await this.#cancelAtServer();
    await this.end();
  }

  /** Remove the upload from the list and the journal. */
  async end(): Promise<void> {
    this.#isEnded = true;
    this.interrupt();
    await this.shared.journal.delete(this.id);
    this.shared.list.remove(this.id);
    this.claim?.();
    this.shared.tabs.tell({ kind: "changed" });
  }

  /** Stop as if the tab was closed: the journal keeps the upload. */
  close(): void {
    this.#isEnded = true;
    this.interrupt();
  }

  interrupt(): void {
    this.#stop.abort();
  }

  get #item(): Item | undefined {
    return this.shared.list.get(this.id);
  }

  get #file(): File | undefined {
    return this.shared.list.file(this.id);
  }

  #change(changes: Partial<Item>): void {
    this.shared.list.change(this.id, changes);
  }

  async #write(changes: Partial<Entry>): Promise<void> {
    const entry = this.#item?.entry;
    if (entry === undefined) return;
    const changed = { ...entry, ...changes };
    this.#change({ entry: changed });
    await this.shared.journal.put(changed);
  }

  /** Wait until the tab that sends the upload is closed. The upload may be finished or cancelled by then. */
  async #inherit(): Promise<void> {
    this.#change({ state: "elsewhere" });
    const claim = await this.shared.tabs.inherit(this.id);
    const entry = await this.shared.journal.get(this.id);
    if (entry === undefined) {
      claim();
      this.#isEnded = true;
      this.shared.list.remove(this.id);
      return;
    }
    this.claim = claim;
    this.#change({ entry, state: "queued" });
    await this.restoreFile();
  }

  /** Read the file again after a reload. @param mayAsk Whether the browser may ask the user for permission. */
  async restoreFile(mayAsk = false): Promise<void> {
    const entry = this.#item?.entry;
    if (entry === undefined || this.#file !== undefined) return;
    const { file, canAsk } = await reread(entry, this.shared.journal, mayAsk);
    if (this.#item === undefined || this.#file !== undefined) return;
    if (file !== undefined && (await isFileOf(entry, file))) {
      this.shared.list.setFile(this.id, file);
      this.#change({ canAskForFile: false, error: undefined, state: "queued" });
    } else {
      const isChanged = file !== undefined || this.#item.error?.code === "FILE_CHANGED";
      const error = isChanged ? fileChanged(entry.fileName) : fileNeeded(entry.fileName);
      this.#change({ canAskForFile: canAsk && file === undefined, error });
    }
    this.interrupt();
  }

  async #rest(state: "paused" | "needsFile", signal: AbortSignal): Promise<void> {
    this.#change({ state, retryAt: undefined, bytesPerSecond: undefined, isTooSlow: false });
    await interrupted(signal);
  }

  async #wait({ retryAt }: Item, signal: AbortSignal): Promise<void> {
    const delay = retryAt === undefined ? OFFLINE_TRY_MS : this.#delay;
    if (await slept(delay, signal)) this.#change({ state: "queued", retryAt: undefined });
  }

  #delay = 0;

  /** Wait for a free slot, and try once. */
  async #take(signal: AbortSignal): Promise<void> {
    this.#change({ state: "queued", retryAt: undefined });
    const free = await this.shared.slots.take(this.#item?.entry.order ?? 0, signal);
    if (free === undefined) return;
    try {
      await this.#attempt(signal);
    } catch (error) {
      if (!signal.aborted) await this.#fail(toGreenroomError(error));
    } finally {
      free();
    }
  }

  async #attempt(signal: AbortSignal): Promise<void> {
    this.#change({ state: "preparing" });
    // The server orders videos by their requests, so requests are sent in the order of the files.
    const isFirst = this.#item?.entry.isAsked === false;
    const answer = await (isFirst ? this.shared.slots.inOrder(() => this.#tokens.renew()) : this.#tokens.renew());
    const file = this.#file;
    if (signal.aborted || file === undefined) return;
    this.#change({ state: "sending", error: undefined, sentBytes: answer.receivedBytes });
    const send = answer.upload.protocol === "kaltura" ? sendByKaltura : sendByTus;
    await send(this.#sending(file, answer, signal));
    if (!signal.aborted) await this.#succeed();
  }

  #sending(file: File, answer: UploadAnswer, signal: AbortSignal): Sending {
    const { list, slots, tabs } = this.shared;
    const speed = new Speed();
    let shownAt = 0;
    let toldAt = 0;
    let storedAt = -Infinity;
    let arrived = answer.receivedBytes;
    return {
      file,
      from: answer.receivedBytes,
      tokens: this.#tokens,
      connections: () => slots.connections,
      signal,
      onProgress: (sentBytes, arrivedBytes) => {
        if (signal.aborted) return;
        if (arrivedBytes > arrived) {
          arrived = arrivedBytes;
          this.#failures = this.#refusals = 0;
        }
        const now = performance.now();
        if (arrived > (this.#item?.entry.arrivedBytes ?? 0) && now - storedAt >= STORED_EVERY_MS) {
          storedAt = now;
          void this.#write({ arrivedBytes: arrived });
        }
        speed.add(sentBytes, now);
        if (now - shownAt < SHOWN_EVERY_MS && sentBytes < file.size) return;
        shownAt = now;
        const { perSecond } = speed;
        const isTooSlow = perSecond !== undefined && (perSecond * 8) / 1000 < answer.minKbps;
        list.change(this.id, { sentBytes, bytesPerSecond: perSecond, isTooSlow });
        if (now - toldAt < TOLD_EVERY_MS) return;
        toldAt = now;
        tabs.tell({ kind: "progress", id: this.id, sentBytes });
      },
    };
  }

  /**
   * Ask for a token. The same request returns the same upload, or the reason why it is over.
   *
   * `renewUploadToken` returns the token of the video's latest upload. If another browser has replaced the video since,
   * this file would be sent into that upload.
   */
  async #ask(): Promise<UploadAnswer> {
    const entry = this.#item?.entry;
    if (entry === undefined) throw unreachable();
    if (!entry.isAsked) await this.#write({ isAsked: true });
    let answer: UploadAnswer;
    try {
      answer = await this.#request(entry);
    } catch (error) {
      const { code } = toGreenroomError(error);
      const isDeleted = code === "VIDEO_DELETED" || code === "VIDEO_NOT_FOUND";
      if (entry.resumes === undefined || entry.videoId !== undefined || !isDeleted) throw error;
      // Somebody deleted the video between the failure and the retry.
      await this.#write({ resumes: undefined, requestId: newId() });
      return this.#ask();
    }
    if (answer.videoId !== this.#item?.entry.videoId) await this.#write({ videoId: answer.videoId });
    const uploadUntil = new Date(answer.uploadUntil);
    // An invalid date cannot be shown.
    if (!Number.isNaN(uploadUntil.getTime())) this.#change({ uploadUntil });
    return answer;
  }

  #request(entry: Entry): Promise<UploadAnswer> {
    const { greenroom } = this.shared;
    const { sessionId, requestId, fileName, sizeBytes: fileSizeBytes, title, replaces, resumes } = entry;
    const request = { requestId, fileName, fileSizeBytes };
    const titled = { ...request, ...(title !== undefined && { title }) };
    if (replaces !== undefined) return greenroom.call("replaceVideo", { videoId: replaces, ...titled });
    // The video has a title already, which may have been changed since.
    if (resumes !== undefined) return greenroom.call("replaceVideo", { videoId: resumes, ...request });
    return greenroom.call("issueUploadToken", { sessionId, ...titled });
  }

  async #succeed(): Promise<void> {
    const { journal, greenroom, list, tabs } = this.shared;
    const entry = this.#item?.entry;
    if (entry === undefined) return;
    list.change(this.id, {
      state: "sent",
      sentBytes: entry.sizeBytes,
      bytesPerSecond: undefined,
      retryAt: undefined,
      isTooSlow: false,
      error: undefined,
    });
    await journal.delete(this.id);
    this.claim?.();
    tabs.tell({ kind: "changed" });
    // This makes the server check at once; without it the server checks within seconds.
    if (entry.videoId !== undefined)
      greenroom.call("uploadFinished", { videoId: entry.videoId }).catch(() => undefined);
  }

  async #fail(error: GreenroomError): Promise<void> {
    if (error.code === "UPLOAD_COMPLETE") return this.#succeed();
    this.#change({ bytesPerSecond: undefined, isTooSlow: false });
    if (error.videoId !== undefined) await this.#write({ videoId: error.videoId });
    const file = this.#file;
    if (file !== undefined && !(await isReadable(file))) return this.#loseFile();
    if (error instanceof ProviderRefusal) {
      this.#refusals += 1;
      if (this.#refusals >= REFUSALS_MAX) return this.#change({ state: "failed", error });
    } else if (!error.retryable) return this.#change({ state: "failed", error });
    this.#failures += 1;
    const isOffline = this.shared.list.isOffline && error.code === "UNREACHABLE";
    // A refusal is no sign of an overloaded server, so another token is requested soon.
    const failures = error instanceof ProviderRefusal ? 1 : this.#failures;
    this.#delay = jitteredBackoffMs(failures, BACKOFF_MAX_MS, error.retryAfterS, Math.random());
    const retryAt = isOffline ? undefined : new Date(Date.now() + this.#delay);
    this.#change({ state: "waiting", error, retryAt });
  }

  /** The file was changed, moved, or its disk removed: browsers then abort the request, as with a broken connection. */
  async #loseFile(): Promise<void> {
    this.shared.list.setFile(this.id, undefined);
    this.#change({ state: "needsFile", error: fileChanged(this.#item?.entry.fileName ?? "") });
    await this.restoreFile();
  }

  async #cancelAtServer(): Promise<void> {
    try {
      // `cancelUpload` cancels the latest upload of a video, which may be another one by now. So ask for this one
      // first.
      await this.#ask().catch((error: unknown) => {
        if (!ENDED.has(toGreenroomError(error).code)) throw error;
      });
      const videoId = this.#item?.entry.videoId;
      if (videoId !== undefined) await this.shared.greenroom.call("cancelUpload", { videoId });
    } catch (error) {
      const failure = toGreenroomError(error);
      if (failure.code === "UPLOAD_COMPLETE") await this.#succeed();
      const isUnknown = this.#item?.entry.videoId === undefined && !failure.retryable;
      if (failure.code === "UPLOAD_COMPLETE" || !(isUnknown || GONE.has(failure.code))) throw failure;
    }
  }
}

/** The upload is over, and its video is still there. */
const ENDED: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "UPLOAD_EXPIRED",
  "UPLOAD_FAILED",
  "UPLOAD_REQUESTS_TOO_MANY",
  "UPLOAD_TIME_TOO_SHORT",
]);

/** There is nothing left to cancel, or the latest upload is another one. */
const GONE: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "SESSION_NOT_FOUND",
  "UPLOAD_CANCELLED",
  "UPLOAD_REPLACED",
  "VIDEO_DELETED",
  "VIDEO_NOT_FOUND",
]);

function interrupted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

/** Sleep. @returns whether nothing interrupted the sleep. */
function slept(ms: number, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(true), ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve(false);
    });
  });
}
