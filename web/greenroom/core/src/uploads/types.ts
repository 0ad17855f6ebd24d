import type { GreenroomError } from "../errors";

/** Where an upload stands. */
export type UploadState =
  /** It waits for its turn. */
  | "queued"
  /** The server creates the empty video, or renews the token. */
  | "preparing"
  | "sending"
  /** Somebody paused it. */
  | "paused"
  /** It goes on by itself: after a pause that grows with each failure, or once the browser is online. */
  | "waiting"
  /** After a reload: `resume` asks to read the file again, or the same file has to be chosen with `reselect`. */
  | "needsFile"
  /** Another tab of this browser sends it. */
  | "elsewhere"
  /** All bytes have arrived. The session document shows the rest. */
  | "sent"
  | "failed";

/** An upload, as it is shown. Each change makes a new object. */
export interface UploadItem {
  readonly id: string;
  readonly sessionId: string;

  /** Known once the server has answered; the session document has the same key. */
  readonly videoId?: string;

  /** The video that this file replaces. */
  readonly replaces?: string;

  readonly title?: string;
  readonly fileName: string;
  readonly sizeBytes: number;

  /** The bytes that have left this browser, and of which none is known to be lost. */
  readonly sentBytes: number;

  readonly state: UploadState;

  /** Smoothed, while bytes are sent. */
  readonly bytesPerSecond?: number;

  /** By this speed. */
  readonly secondsLeft?: number;

  /** When it goes on by itself, in the state `waiting`. Absent while the browser is offline. */
  readonly retryAt?: Date;

  /** When the upload ends, however often it is continued. */
  readonly uploadUntil?: Date;

  /** Whether the line cannot send the rest before `uploadUntil`. */
  readonly isTooSlow: boolean;

  /** Whether `resume`, called in a click, can ask the person to let this page read the file again. */
  readonly canAskForFile: boolean;

  /** Why it failed, waits, or needs its file again. */
  readonly error?: GreenroomError;
}

/** All uploads of a person in this browser. Each change makes a new object. */
export interface UploadsSummary {
  /** In the order in which they were added. */
  readonly items: readonly UploadItem[];

  readonly sentBytes: number;
  readonly sizeBytes: number;

  /** For all that are not paused, by the speed of all together. */
  readonly secondsLeft?: number;

  /** Whether something is sent, or goes on by itself. */
  readonly isActive: boolean;

  readonly isOffline: boolean;

  /** Whether the uploads survive a reload. They do not where the browser stores nothing, as in some private windows. */
  readonly isKept: boolean;
}

/** A file of which no byte is sent, and why. */
export interface RefusedFile {
  readonly fileName: string;
  readonly error: GreenroomError;
}

/** What became of files that were added. */
export interface AddedFiles {
  /** The ids of the new uploads. */
  readonly added: readonly string[];

  readonly refused: readonly RefusedFile[];
}

/** Where a file goes: into a session, or in the place of one of its videos. */
export type UploadTarget =
  | { readonly sessionId: string; readonly title?: string }
  | { readonly sessionId: string; readonly videoId: string; readonly title?: string };

export interface UploadsOptions {
  /** How many files are sent at once. 2 unless set. */
  limit?: number;

  /** `UPLOAD_BYTES_MAX` of the deployment. 10 GiB unless set. */
  maxFileSizeBytes?: number;

  /** The supported endings, in lower case without a dot. Those of the server unless set. */
  fileEndings?: readonly string[];
}
