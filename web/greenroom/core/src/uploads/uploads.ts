import type { Greenroom } from "../greenroom";
import { type Readable, Store } from "../store";
import type { AddedFiles, UploadsOptions, UploadsSummary, UploadTarget } from "./types";

const NOTHING: UploadsSummary = {
  items: [],
  sentBytes: 0,
  sizeBytes: 0,
  isActive: false,
  isOffline: false,
  isKept: true,
};

/** The uploads of one person in this browser. They survive a reload, and no two tabs send the same one. */
export class Uploads {
  readonly summary: Readable<UploadsSummary> = new Store(NOTHING);

  /** How many uploads of an earlier page were found. */
  readonly restored: Promise<number> = Promise.resolve(0);

  /** @param uid The person who is signed in. Nobody else sees or continues these uploads. */
  constructor(greenroom: Greenroom, uid: string, options: UploadsOptions = {}) {
    void [greenroom, uid, options];
  }

  /** Add files, in this order. Refuse what can never be uploaded before a byte of it is sent. */
  add(files: Iterable<File | FileSystemHandle>, target: UploadTarget): Promise<AddedFiles> {
    void [files, target];
    return Promise.resolve({ added: [], refused: [] });
  }

  /** Add what was dropped or pasted. Call it in the event itself: the browser empties the transfer afterwards. */
  addFrom(transfer: DataTransfer, target: UploadTarget): Promise<AddedFiles> {
    void [transfer, target];
    return Promise.resolve({ added: [], refused: [] });
  }

  /** Pause one upload, or all. */
  pause(id?: string): void {
    void id;
  }

  /** Resume one upload, or all. In a click it also asks to read a file again after a reload. */
  resume(id?: string): void {
    void id;
  }

  /** Cancel an upload here and on the server, and remove it. @throws GreenroomError if the server cannot. */
  cancel(id: string): Promise<void> {
    void id;
    return Promise.resolve();
  }

  /** Try again what failed, or waits: one upload, or all. */
  retry(id?: string): void {
    void id;
  }

  /** Give an upload its file again. @throws GreenroomError `FILE_CHANGED` if it is not the file that was begun. */
  reselect(id: string, file: File): Promise<void> {
    void [id, file];
    return Promise.resolve();
  }

  /** Remove a sent or failed upload from the list. */
  dismiss(id: string): void {
    void id;
  }

  /** Stop sending, as if the tab was closed: another tab, or the next page, goes on. */
  close(): void {}
}
