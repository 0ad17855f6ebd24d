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

/** After so many refusals in a row without a byte arriving the provider will not change its mind. */
const REFUSALS_MAX = 6;

const BACKOFF_MAX_MS = 60_000;

const SHOWN_EVERY_MS = 200;
const TOLD_EVERY_MS = 1000;

/** A browser that calls itself offline may be wrong, so a try is made from time to time. */
const OFFLINE_TRY_MS = 60_000;

/** What all uploads of a tab share. */
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

  /** Do what is next until nothing is left to do. Each control method interrupts it, and it looks again. */
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
   * Try again now. After a failure that cannot change, that is a new request: for the same video if it is still there,
   * so that it keeps its title and its place in the session, else for a new one.
   */
  async retry(): Promise<void> {
    const { state, error, entry } = this.#item ?? {};
    if (entry === undefined || (state !== "failed" && state !== "waiting")) return;
    this.#failures = this.#refusals = 0;
    if (state === "failed" && error !== undefined && isOver(error.code)) {
      const { videoId, resumes: earlier, ...rest } = entry;
      const resumes = ENDED.has(error.code) ? (videoId ?? earlier) : undefined;
      const isAsked = resumes !== undefined;
      const fresh = { ...rest, requestId: newId(), isAsked, ...(isAsked && { resumes }) };
      this.#change({ entry: fresh, sentBytes: 0, uploadUntil: undefined });
      await this.shared.journal.put(fresh);
    }
    this.#change({ state: "queued", error: undefined, retryAt: undefined });
    this.interrupt();
  }

  /** The browser is online again: no reason to wait any longer, unless the server asked for it. */
  reconnect(): void {
    if (this.#item?.state === "waiting" && this.#item.error?.code === "UNREACHABLE") void this.retry();
  }

  /** Go on with this file. @throws GreenroomError if it is not the one whose upload began */
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

  /** Cancel it at the server. @throws GreenroomError if that is not possible; then it is paused */
  async cancel(): Promise<void> {
    await this.pause(true);
    if (this.#item?.entry.isAsked === true) await this.#cancelAtServer();
    await this.end();
  }

  /** Remove it from the list and the journal. */
  async end(): Promise<void> {
    this.#isEnded = true;
    this.interrupt();
    await this.shared.journal.delete(this.id);
    this.shared.list.remove(this.id);
    this.claim?.();
    this.shared.tabs.tell({ kind: "changed" });
  }

  /** Stop without a trace, as if the tab was closed. */
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

  /** Wait until the tab that sends it is closed. It may have finished, or others may have cancelled it. */
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

  /** Read the file again after a reload, if the browser lets this page do so without asking. */
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

  /** Wait for a turn, and try once. */
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
    // The server gives videos their places as they are asked for, so no file overtakes another here.
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
   * Ask for a token. The same request gets the same upload again, and precise words if it is over.
   *
   * `renewUploadToken` would do, were it not for a video that was replaced in another browser meanwhile: it gives the
   * token of the latest upload, so this file would go into that one.
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
    // An instant that cannot be read cannot be shown either.
    if (!Number.isNaN(uploadUntil.getTime())) this.#change({ uploadUntil });
    return answer;
  }

  #request(entry: Entry): Promise<UploadAnswer> {
    const { greenroom } = this.shared;
    const { sessionId, requestId, fileName, sizeBytes: fileSizeBytes, title, replaces, resumes } = entry;
    const request = { requestId, fileName, fileSizeBytes };
    const titled = { ...request, ...(title !== undefined && { title }) };
    if (replaces !== undefined) return greenroom.call("replaceVideo", { videoId: replaces, ...titled });
    // The video has its title already, perhaps another one by now.
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
    // It makes the server look sooner; without it the server looks within seconds.
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
    // A refusal is no sign of a server that needs rest: another token is asked for soon.
    const failures = error instanceof ProviderRefusal ? 1 : this.#failures;
    this.#delay = jitteredBackoffMs(failures, BACKOFF_MAX_MS, error.retryAfterS, Math.random());
    const retryAt = isOffline ? undefined : new Date(Date.now() + this.#delay);
    this.#change({ state: "waiting", error, retryAt });
  }

  /** The file was changed, moved, or its disk is gone: a browser then breaks the request, as if the line had broken. */
  async #loseFile(): Promise<void> {
    this.shared.list.setFile(this.id, undefined);
    this.#change({ state: "needsFile", error: fileChanged(this.#item?.entry.fileName ?? "") });
    await this.restoreFile();
  }

  async #cancelAtServer(): Promise<void> {
    try {
      // The server cancels the latest upload of a video, which may be another one by now: so it is asked before.
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

/** There is nothing left to cancel, or it is not ours. */
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

/** Sleep. @returns whether nothing interrupted it */
function slept(ms: number, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(true), ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve(false);
    });
  });
}
