import type { ServerErrorCode } from "./schema/error-codes";

/** A code of this client, for what goes wrong before or after the server has a say. */
export type ClientErrorCode =
  /** Nobody answered: the line is down, or a portal of the network stands in between. Tried again. */
  | "UNREACHABLE"
  /** The document does not exist, or this user may not read it. */
  | "DOCUMENT_NOT_READABLE"
  /** This client does not know what went wrong. */
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
  /** After a reload: the file has to be chosen again, or the person has to allow that it is read. */
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

export type ErrorCode = ServerErrorCode | ClientErrorCode;

const RETRY_AFTER_MAX_S = 86_400;

/** The only error that this library throws or shows. Compare `code`, never the message. */
export class GreenroomError extends Error {
  override readonly name = "GreenroomError";
  readonly retryAfterS?: number;

  /** The video whose upload is over, if that is why. */
  readonly videoId?: string;

  /**
   * @param code Why, from the one table of codes, or of this client.
   * @param message A sentence in English. Show `texts.errors[code]` to people who read another language.
   * @param retryable Whether the same call may succeed later without any change.
   * @param retryAfterS How many seconds to wait at least; a day at most counts.
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
    // Timers take a negative, an endless or an unknown time for none, and would ask without a pause.
    if (typeof retryAfterS === "number" && retryAfterS >= 0)
      this.retryAfterS = Math.min(retryAfterS, RETRY_AFTER_MAX_S);
  }
}
