import { Uppy } from "@uppy/core";

import type { GreenroomError } from "../errors";
import { type Readable, Store } from "../store";
import type { Entry } from "./journal";
import type { UploadItem, UploadsSummary, UploadState } from "./types";

/** An upload, as this tab knows it. */
export type Item = {
  readonly entry: Entry;
  readonly state: UploadState;
  readonly sentBytes: number;
  readonly bytesPerSecond?: number | undefined;
  readonly retryAt?: Date | undefined;
  readonly uploadUntil?: Date | undefined;
  readonly isTooSlow: boolean;
  readonly canAskForFile: boolean;
  readonly error?: GreenroomError | undefined;
};

const NO_BYTES = new Blob();

/** Uppy's own logger writes to the console, also the names of files. */
const SILENT = { debug: () => undefined, warn: () => undefined, error: () => undefined };

/**
 * The uploads of this tab in their order: a thin layer over Uppy, which hides its types. Uppy keeps the files and runs
 * them in batches; `Upload` does the work for each.
 */
export class UploadList {
  readonly #uppy: Uppy<Item, Record<string, never>>;
  readonly #summary: Store<UploadsSummary>;
  #isKept = true;
  #isOffline = isOffline();

  /** @param run Runs one upload until it is sent or removed. */
  constructor(run: (id: string) => Promise<void>) {
    this.#uppy = new Uppy({
      logger: SILENT,
      // Uppy derives ids from names and sizes, so that the same file could not be uploaded to two sessions.
      onBeforeFileAdded: (file) => ({ ...file, id: file.meta.entry.id }),
    });
    this.#summary = new Store(this.#summarise());
    this.#uppy.addUploader(async (ids) => {
      this.#uppy.emit("upload-start", this.#uppy.getFilesByIds(ids));
      await Promise.all(ids.map(run));
    });
    this.#uppy.on("state-update", () => this.#publish());
  }

  get summary(): Readable<UploadsSummary> {
    return this.#summary;
  }

  get ids(): string[] {
    return this.#sorted().map((item) => item.entry.id);
  }

  /** Add an upload, which `start` runs. */
  add(item: Item, file?: File): void {
    const { fileName: name } = item.entry;
    this.#uppy.addFile({ name, type: file?.type ?? "", data: file ?? NO_BYTES, meta: item });
    if (file === undefined) this.#uppy.setFileState(item.entry.id, { isGhost: true });
  }

  /** Run all uploads that do not run yet. */
  start(): void {
    // This rejects only if a plug-in throws, and ours does not.
    this.#uppy.upload().catch(() => undefined);
  }

  get(id: string): Item | undefined {
    return this.#uppy.getFile(id)?.meta;
  }

  /** Return the file; `undefined` after a reload, until it can be read again. */
  file(id: string): File | undefined {
    const file = this.#uppy.getFile(id);
    return file === undefined || file.isGhost ? undefined : (file.data as File);
  }

  change(id: string, changes: Partial<Item>): void {
    this.#uppy.setFileMeta(id, changes as Item);
  }

  setFile(id: string, file: File | undefined): void {
    if (this.get(id) === undefined) return;
    this.#uppy.setFileState(
      id,
      file === undefined ? { isGhost: true, data: NO_BYTES } : { isGhost: false, data: file },
    );
  }

  remove(id: string): void {
    this.#uppy.removeFile(id);
  }

  setKept(isKept: boolean): void {
    this.#isKept = isKept;
    this.#publish();
  }

  setOffline(isOffline: boolean): void {
    this.#isOffline = isOffline;
    this.#publish();
  }

  get isOffline(): boolean {
    return this.#isOffline;
  }

  close(): void {
    this.#uppy.destroy();
  }

  #publish(): void {
    this.#summary.set(this.#summarise());
  }

  #sorted(): Item[] {
    return this.#uppy
      .getFiles()
      .map((file) => file.meta)
      .sort((one, other) => one.entry.order - other.entry.order);
  }

  #summarise(): UploadsSummary {
    const items = this.#sorted().map(shown);
    const goesOn = items.filter((item) => GOES_ON.has(item.state));
    const leftBytes = sum(goesOn, (item) => item.sizeBytes - item.sentBytes);
    const perSecond = sum(goesOn, (item) => item.bytesPerSecond ?? 0);
    return {
      items,
      sentBytes: sum(items, (item) => item.sentBytes),
      sizeBytes: sum(items, (item) => item.sizeBytes),
      ...(perSecond > 0 && { secondsLeft: leftBytes / perSecond }),
      isActive: goesOn.length > 0,
      isOffline: this.#isOffline,
      isKept: this.#isKept,
    };
  }
}

/** Return whether the browser reports that it is offline. "Online" does not mean that the server can be reached. */
export function isOffline(): boolean {
  return !navigator.onLine;
}

const GOES_ON: ReadonlySet<UploadState> = new Set(["queued", "preparing", "sending", "waiting"]);

function shown({ entry, ...item }: Item): UploadItem {
  const { bytesPerSecond, sentBytes, retryAt, uploadUntil, error } = item;
  return {
    id: entry.id,
    sessionId: entry.sessionId,
    ...(entry.videoId !== undefined && { videoId: entry.videoId }),
    ...(entry.replaces !== undefined && { replaces: entry.replaces }),
    ...(entry.title !== undefined && { title: entry.title }),
    fileName: entry.fileName,
    sizeBytes: entry.sizeBytes,
    sentBytes,
    state: item.state,
    ...(bytesPerSecond !== undefined && { bytesPerSecond }),
    ...(bytesPerSecond !== undefined &&
      bytesPerSecond > 0 && { secondsLeft: (entry.sizeBytes - sentBytes) / bytesPerSecond }),
    ...(retryAt !== undefined && { retryAt }),
    ...(uploadUntil !== undefined && { uploadUntil }),
    isTooSlow: item.isTooSlow,
    canAskForFile: item.canAskForFile,
    ...(error !== undefined && { error }),
  };
}

function sum(items: readonly UploadItem[], of: (item: UploadItem) => number): number {
  return items.reduce((total, item) => total + of(item), 0);
}
