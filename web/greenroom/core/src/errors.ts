import type { ServerErrorCode } from "./schema/error-codes";

/** A code of this client, for errors that the server does not report. */
export type ClientErrorCode =
  /** No answer: the connection is down, or a captive portal answered. The same may succeed later. */
  | "UNREACHABLE"
  /** The document does not exist, or this user may not read it. */
  | "DOCUMENT_NOT_READABLE"
  /** The rules refuse a change of a document. */
  | "WRITE_REFUSED"
  /** Slides were used without a grant: `LiveAdmission.join()` has not succeeded, or `close()` was called. */
  | "NOT_ADMITTED"
  /** An unexpected error; `cause` has it. */
  | "UNKNOWN"
  | FileErrorCode
  | PlaybackErrorCode;

/** Why a file is refused before a byte of it is sent, or cannot be sent any more. */
export type FileErrorCode =
  | "FOLDER"
  /** A shortcut to a file, such as .lnk or .url, which has none of its bytes. */
  | "FILE_IS_SHORTCUT"
  | "FILE_UNREADABLE"
  | "FILE_EMPTY"
  | "FILE_TOO_LARGE"
  | "FILE_TYPE_NOT_SUPPORTED"
  | "FILE_NAME_INVALID"
  | "FILE_ADDED_ALREADY"
  /** After a reload: the user has to choose the file again, or to allow the page to read it. */
  | "FILE_NEEDED"
  /** The chosen file is not the one whose upload began. */
  | "FILE_CHANGED"
  /** Another tab sends this file. */
  | "SENT_BY_ANOTHER_TAB";

/** Why a video does not play. */
export type PlaybackErrorCode =
  /** No host delivers the video to this browser. */
  | "VIDEO_NOT_DELIVERED"
  /** This browser plays none of its formats. */
  | "FORMAT_NOT_SUPPORTED";

/** Every code of a `GreenroomError`; `Texts.errors` has a sentence for each. */
export type ErrorCode = ServerErrorCode | ClientErrorCode;

const RETRY_AFTER_MAX_S = 86_400;

/** The only error that this library throws or shows. Compare `code`, never the message. */
export class GreenroomError extends Error {
  override readonly name = "GreenroomError";
  /** The seconds to wait before a retry, if the server asks for that; at most a day. */
  readonly retryAfterS?: number;

  /** The video of the upload, if the error is that the upload is over. */
  readonly videoId?: string;

  /**
   * @param code A code of the server (docs/api.md lists them) or of this client.
   * @param message A sentence in English. Show `texts.errors[code]` to people who read another language.
   * @param retryable Whether the same call may succeed later without any change.
   * @param retryAfterS The seconds to wait before a retry; more than a day counts as a day.
   */
  constructor(
    readonly code: ErrorCode,
    message: string,
    readonly retryable: boolean,
    retryAfterS?: number,
    options?: ErrorOptions & { videoId?: string | undefined },
  ) {
    super(message, options);
    if (options?.videoId !== undefined) this.videoId = options.videoId;
    // Timers treat a negative, infinite or invalid delay as none, and would retry without a pause.
    if (typeof retryAfterS === "number" && retryAfterS >= 0)
      this.retryAfterS = Math.min(retryAfterS, RETRY_AFTER_MAX_S);
  }
}
