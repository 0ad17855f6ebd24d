import { GreenroomError } from "../errors";
import type { Greenroom } from "../greenroom";
import { newId } from "../new-id";
import type { Readable } from "../store";
import { type Candidate, candidatesIn, candidatesOf } from "./candidates";
import { fingerprintOf } from "./fingerprint";
import { COPIED_BYTES_IN_ALL_MAX, COPIED_BYTES_MAX, type Entry, Journal } from "./journal";
import { isOffline, UploadList } from "./list";
import {
  FILE_ENDINGS,
  FILE_SIZE_MAX_BYTES,
  refusalOf,
  refusedClosed,
  refusedElsewhere,
  refusedFolder,
  refusedTwice,
  refusedUnreadable,
  type Restrictions,
} from "./restrictions";
import { Slots } from "./slots";
import { type Release, type TabMessage, Tabs } from "./tabs";
import type { AddedFiles, RefusedFile, UploadsOptions, UploadsSummary, UploadTarget } from "./types";
import { type Shared, Upload } from "./upload";
import { WakeLock } from "./wake-lock";

const LIMIT = 2;

/**
 * The uploads of one user in this browser. They survive a reload, and no two tabs send the same one.
 *
 * Create one when a user signs in, and close it when they sign out: each user has their own uploads.
 */
export class Uploads {
  /** All uploads, and their total. */
  readonly summary: Readable<UploadsSummary>;

  /** How many uploads were restored from an earlier page. */
  readonly restored: Promise<number>;

  readonly #uploads = new Map<string, Upload>();
  readonly #restrictions: Restrictions;
  readonly #list: UploadList;
  readonly #tabs: Tabs;
  readonly #wakeLock = new WakeLock();
  readonly #shared: Promise<Shared>;
  readonly #closing = new AbortController();

  /** @param uid The uid of the signed-in user. No other user sees or continues these uploads. */
  constructor(greenroom: Greenroom, uid: string, options: UploadsOptions = {}) {
    const { limit = LIMIT, maxFileSizeBytes = FILE_SIZE_MAX_BYTES, fileEndings = FILE_ENDINGS } = options;
    this.#restrictions = { maxFileSizeBytes, fileEndings };
    this.#list = new UploadList((id) => this.#uploads.get(id)?.run() ?? Promise.resolve());
    this.summary = this.#list.summary;
    // Two deployments may share an origin, and two users a browser.
    const { app, options: deployment } = greenroom;
    const owner = [app.options.projectId ?? app.name, deployment.functionsPrefix ?? "", uid].map(encodeURIComponent);
    const name = `greenroom-uploads/${owner.join("/")}`;
    this.#tabs = new Tabs(name, (message) => this.#hear(message));
    const slots = new Slots(limit);
    const shared = { greenroom, tabs: this.#tabs, list: this.#list, slots };
    const journal = Journal.open(name, () => this.#list.setKept(false));
    this.#shared = journal.then((opened) => ({ ...shared, journal: opened }));
    this.restored = this.#sync();
    this.summary.subscribe(({ items }) => this.#wakeLock.set(items.some(({ state }) => AWAKE.has(state))));
    for (const event of ["online", "offline"]) {
      addEventListener(event, () => this.#reconnect(), { signal: this.#closing.signal });
    }
  }

  /** Add files, in this order. Files that can never be uploaded are returned as `refused`. */
  add(files: Iterable<File | FileSystemHandle>, target: UploadTarget): Promise<AddedFiles> {
    return this.#add(candidatesOf(files), target);
  }

  /** Add dropped or pasted files. Call it in the event's handler: the browser empties the transfer afterwards. */
  addFrom(transfer: DataTransfer, target: UploadTarget): Promise<AddedFiles> {
    return this.#add(candidatesIn(transfer), target);
  }

  /** Pause one upload; all without an id. */
  pause(id?: string): void {
    for (const upload of this.#chosen(id)) void upload.pause(true);
  }

  /**
   * Resume one upload; all without an id. In a click, it also asks for permission to read files again after a reload.
   */
  resume(id?: string): void {
    for (const upload of this.#chosen(id)) void upload.restoreFile(true).then(() => upload.pause(false));
  }

  /** Cancel an upload, also on the server, and remove it. @throws GreenroomError if that fails; it is paused then. */
  async cancel(id: string): Promise<void> {
    await this.#shared;
    if (this.#list.get(id)?.state === "elsewhere") this.#tabs.tell({ kind: "cancel", id });
    else await this.#uploads.get(id)?.cancel();
  }

  /**
   * Retry one upload that failed or waits; all without an id. A retry uploads into the same video, unless that was
   * deleted.
   */
  retry(id?: string): void {
    for (const upload of this.#chosen(id)) void upload.retry();
  }

  /** Give an upload its file again. @throws GreenroomError `FILE_CHANGED` if it is not the file whose upload began. */
  async reselect(id: string, file: File): Promise<void> {
    await this.#uploads.get(id)?.reselect(file);
  }

  /** Remove a sent or failed upload from the list. */
  dismiss(id: string): void {
    const state = this.#list.get(id)?.state;
    if (state !== "sent" && state !== "failed") return;
    void this.#uploads.get(id)?.end();
    this.#uploads.delete(id);
  }

  /** Stop, as if the tab was closed: another tab, or the next page, continues. */
  close(): void {
    if (this.#isClosed) return;
    this.#closing.abort();
    for (const upload of this.#uploads.values()) upload.close();
    this.#tabs.close();
    this.#wakeLock.close();
    this.#list.close();
    void this.#shared.then(({ journal }) => journal.close());
  }

  get #isClosed(): boolean {
    return this.#closing.signal.aborted;
  }

  #chosen(id: string | undefined): Upload[] {
    const ids = id === undefined ? this.#list.ids : [id];
    return ids.map((one) => this.#uploads.get(one)).filter((upload) => upload !== undefined);
  }

  async #add(candidates: Promise<(Candidate | RefusedFile)[]>, target: UploadTarget): Promise<AddedFiles> {
    const found = await candidates;
    await this.restored;
    const added: string[] = [];
    const refused: RefusedFile[] = [];
    for (const one of found) {
      if ("error" in one) refused.push(one);
      else {
        const outcome = await this.#addOne(one, target);
        if (typeof outcome === "string") added.push(outcome);
        else refused.push({ fileName: one.file.name, error: outcome });
      }
    }
    return { added, refused };
  }

  /** Add a file. @returns the id of its upload, or why it is refused. */
  async #addOne(candidate: Candidate, target: UploadTarget): Promise<string | GreenroomError> {
    const { file } = candidate;
    const refusal = refusalOf(file, this.#restrictions);
    // A dropped folder looks like a file without an extension until it is read.
    if (refusal !== undefined) return (await isFolder(file, refusal)) ? refusedFolder(file.name) : refusal;
    let fingerprint: string;
    try {
      fingerprint = await fingerprintOf(file);
    } catch {
      return refusedUnreadable(file.name);
    }
    const shared = await this.#shared;
    return this.#tabs.alone(async () => {
      if (this.#isClosed) return refusedClosed(file.name);
      const entries = await shared.journal.all();
      const same = entries.find((entry) => isSame(entry, target, file.size, fingerprint));
      if (same !== undefined) return this.#addAgain(same, file);
      const entry = await this.#entry(candidate, target, fingerprint, entries, shared.journal);
      const claim = await this.#tabs.claim(entry.id);
      if (this.#isClosed) return refusedClosed(file.name);
      await shared.journal.put(entry);
      // It is stored, and the next page of this user sends it.
      if (this.#isClosed) return entry.id;
      this.#begin(shared, entry, claim, file);
      this.#list.start();
      this.#tabs.tell({ kind: "changed" });
      return entry.id;
    });
  }

  /** Add a file that is in the list already: after a reload, this is how many users choose it again. */
  async #addAgain(entry: Entry, file: File): Promise<string | GreenroomError> {
    const state = this.#list.get(entry.id)?.state;
    if (state === "failed") await this.#uploads.get(entry.id)?.retry();
    if (state === "failed" && this.#list.file(entry.id) !== undefined) return entry.id;
    if (state !== undefined && state !== "elsewhere" && this.#list.file(entry.id) === undefined) {
      await this.#uploads.get(entry.id)?.reselect(file);
      return entry.id;
    }
    return state === undefined || state === "elsewhere" ? refusedElsewhere(file.name) : refusedTwice(file.name);
  }

  async #entry(
    { file, handle }: Candidate,
    target: UploadTarget,
    fingerprint: string,
    entries: readonly Entry[],
    journal: Journal,
  ): Promise<Entry> {
    const id = newId();
    const copiedBytes = entries.reduce((bytes, entry) => bytes + (entry.isCopied ? entry.sizeBytes : 0), 0);
    const isSmall = file.size <= COPIED_BYTES_MAX && copiedBytes + file.size <= COPIED_BYTES_IN_ALL_MAX;
    return {
      id,
      order: Math.max(0, ...entries.map((entry) => entry.order), ...this.#orders()) + 1,
      sessionId: target.sessionId,
      ...(target.title !== undefined && { title: target.title }),
      ...("videoId" in target && { replaces: target.videoId }),
      requestId: newId(),
      isAsked: false,
      fileName: file.name,
      sizeBytes: file.size,
      fingerprint,
      lastModified: file.lastModified,
      isPaused: false,
      ...(handle !== undefined && { handle }),
      isCopied: handle === undefined && isSmall && (await journal.copy(id, await file.arrayBuffer())),
    };
  }

  #orders(): number[] {
    return this.#list.ids.map((id) => this.#list.get(id)?.entry.order ?? 0);
  }

  #begin(shared: Shared, entry: Entry, claim: Release | undefined, file?: File): Upload {
    const upload = new Upload(entry.id, shared, claim);
    this.#uploads.set(entry.id, upload);
    const state = claim === undefined ? "elsewhere" : entry.isPaused ? "paused" : "queued";
    this.#list.add({ entry, state, sentBytes: entry.arrivedBytes ?? 0, isTooSlow: false, canAskForFile: false }, file);
    return upload;
  }

  /** Add the entries of the journal that this tab does not have: at the start, and when another tab adds one. */
  async #sync(): Promise<number> {
    const shared = await this.#shared;
    let count = 0;
    for (const entry of await shared.journal.all()) {
      if (this.#uploads.has(entry.id)) continue;
      const claim = await this.#tabs.claim(entry.id);
      if (this.#isClosed) return count;
      if (this.#uploads.has(entry.id)) {
        claim?.();
        continue;
      }
      const upload = this.#begin(shared, entry, claim);
      if (claim !== undefined) await upload.restoreFile();
      count += 1;
    }
    if (!this.#isClosed) this.#list.start();
    return count;
  }

  #hear(message: TabMessage): void {
    if (message.kind === "changed") void this.restored.then(() => this.#sync());
    else if (message.kind === "progress") {
      if (this.#list.get(message.id)?.state === "elsewhere")
        this.#list.change(message.id, { sentBytes: message.sentBytes });
    } else if (this.#list.get(message.id)?.state !== "elsewhere") {
      // If that fails, the upload stays and is paused, which the lists of all tabs show.
      void this.#uploads
        .get(message.id)
        ?.cancel()
        .catch(() => undefined);
    }
  }

  #reconnect(): void {
    this.#list.setOffline(isOffline());
    if (!isOffline()) for (const upload of this.#uploads.values()) upload.reconnect();
  }
}

/** The states in which the device should not sleep. */
const AWAKE: ReadonlySet<string> = new Set(["queued", "preparing", "sending"]);

function isSame(entry: Entry, target: UploadTarget, sizeBytes: number, fingerprint: string): boolean {
  const replaces = "videoId" in target ? target.videoId : undefined;
  const isSameTarget = entry.sessionId === target.sessionId && entry.replaces === replaces;
  return isSameTarget && entry.sizeBytes === sizeBytes && entry.fingerprint === fingerprint;
}

async function isFolder(file: File, refusal: GreenroomError): Promise<boolean> {
  if (refusal.code !== "FILE_TYPE_NOT_SUPPORTED" && refusal.code !== "FILE_EMPTY") return false;
  if (file.type !== "" || file.name.includes(".")) return false;
  return file
    .slice(0, 1)
    .arrayBuffer()
    .then(
      () => false,
      () => true,
    );
}
