import type { GreenroomError } from "../errors";

/** The state of an upload. */
export type UploadState =
  /** Waits until fewer other files are being sent. */
  | "queued"
  /** The server creates the video, or renews the token. */
  | "preparing"
  | "sending"
  /** Paused by the user. */
  | "paused"
  /** Waits for the next retry: after a backoff, or once the browser is online. */
  | "waiting"
  /** After a reload: `resume` asks for permission to read the file again, or `reselect` takes the file. */
  | "needsFile"
  /** Being sent by another tab of this browser. */
  | "elsewhere"
  /** All bytes have arrived. The session's document shows the processing. */
  | "sent"
  | "failed";

/** An upload, to be shown. Each change creates a new object. */
export interface UploadItem {
  readonly id: string;
  readonly sessionId: string;

  /** Absent until the server has answered; the key in `Session.videos`. */
  readonly videoId?: string;

  /** The video that this file replaces. */
  readonly replaces?: string;

  readonly title?: string;
  readonly fileName: string;
  readonly sizeBytes: number;

  /** The bytes that this browser has sent, without those that are known to be lost. */
  readonly sentBytes: number;

  readonly state: UploadState;

  /** The smoothed rate, while bytes are sent. */
  readonly bytesPerSecond?: number;

  /** The remaining time at this rate. */
  readonly secondsLeft?: number;

  /** When the next retry is, in the state `waiting`. Absent while the browser is offline. */
  readonly retryAt?: Date;

  /** The deadline of the upload, set by the server. */
  readonly uploadUntil?: Date;

  /** Whether the connection is too slow to send the rest before `uploadUntil`. */
  readonly isTooSlow: boolean;

  /** Whether `resume`, called in a click, can ask the user for permission to read the file again. */
  readonly canAskForFile: boolean;

  /** Why it failed, waits, or needs its file again. */
  readonly error?: GreenroomError;
}

/** All uploads of a user in this browser. Each change creates a new object. */
export interface UploadsSummary {
  /** In the order in which they were added. */
  readonly items: readonly UploadItem[];

  readonly sentBytes: number;
  readonly sizeBytes: number;

  /** The remaining time for all that are not paused, at their total rate. */
  readonly secondsLeft?: number;

  /** Whether something is being sent, or waits for a turn or a retry. */
  readonly isActive: boolean;

  /** Whether the browser reports that it is offline. */
  readonly isOffline: boolean;

  /** Whether the uploads survive a reload. They do not if the browser stores nothing, as in some private windows. */
  readonly isKept: boolean;
}

/** A file that is not uploaded, and why. */
export interface RefusedFile {
  readonly fileName: string;
  readonly error: GreenroomError;
}

/** The result of `Uploads.add`. */
export interface AddedFiles {
  /** The ids of the new uploads. */
  readonly added: readonly string[];

  readonly refused: readonly RefusedFile[];
}

/** Where a file is uploaded to: a new video of a session, or, with `videoId`, a replacement of that video's file. */
export type UploadTarget =
  | { readonly sessionId: string; readonly title?: string }
  | { readonly sessionId: string; readonly videoId: string; readonly title?: string };

/** Options of `Uploads`. */
export interface UploadsOptions {
  /** How many files are sent at once. 2 unless set. */
  limit?: number;

  /** `UPLOAD_BYTES_MAX` of the deployment. 10 GiB unless set. */
  maxFileSizeBytes?: number;

  /** The supported file extensions, in lower case without a dot. Those of the server unless set. */
  fileEndings?: readonly string[];
}
