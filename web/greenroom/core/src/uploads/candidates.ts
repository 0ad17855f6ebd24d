import { refusedFolder, refusedUnreadable } from "./restrictions";
import type { RefusedFile } from "./types";

/** A file to upload, with the handle that can read it again after a reload, if the browser has one. */
export interface Candidate {
  readonly file: File;
  readonly handle?: FileSystemFileHandle;
}

/** Members of the File System Access API that TypeScript does not declare, because some browsers lack them. */
export interface PermittedHandle extends FileSystemFileHandle {
  queryPermission?(options: { mode: "read" }): Promise<PermissionState>;
  requestPermission?(options: { mode: "read" }): Promise<PermissionState>;
}

interface DroppedItem extends DataTransferItem {
  getAsFileSystemHandle?(): Promise<FileSystemHandle | null>;
}

type Found = Candidate | RefusedFile;

/** Return the chosen files; folders and unreadable files as refused. */
export function candidatesOf(files: Iterable<File | FileSystemHandle>): Promise<Found[]> {
  return Promise.all(Array.from(files, (one) => (one instanceof File ? { file: one } : fromHandle(one))));
}

/** Return the dropped or pasted files. The browser empties the transfer after the event, so all are read at once. */
export function candidatesIn(transfer: DataTransfer): Promise<Found[]> {
  const items = Array.from(transfer.items).filter((item) => item.kind === "file");
  return Promise.all(items.map(fromItem)).then((found) => found.filter((one) => one !== undefined));
}

function fromItem(item: DroppedItem): Promise<Found | undefined> {
  const entry = item.webkitGetAsEntry?.() ?? null;
  const file = item.getAsFile();
  const handle = item.getAsFileSystemHandle?.().catch(() => null);
  return (async () => {
    if (entry?.isDirectory === true) return { fileName: entry.name, error: refusedFolder(entry.name) };
    const found = await handle;
    if (found) return fromHandle(found);
    return file === null ? undefined : { file };
  })();
}

async function fromHandle(handle: FileSystemHandle): Promise<Found> {
  if (handle.kind === "directory") return { fileName: handle.name, error: refusedFolder(handle.name) };
  try {
    return { file: await (handle as FileSystemFileHandle).getFile(), handle: handle as FileSystemFileHandle };
  } catch {
    return { fileName: handle.name, error: refusedUnreadable(handle.name) };
  }
}
