import type { ErrorCode, GreenroomError } from "../errors";

/** The phase of a player, see `PlaybackState.phase`. The README has a table of them. */
export type PlaybackPhase =
  | "loading"
  | "ready"
  | "playing"
  | "notYet"
  | "over"
  | "ended"
  | "refused"
  | "processing"
  | "restoring"
  | "failed"
  | "reconnecting";

const PHASES: Partial<Record<ErrorCode, PlaybackPhase>> = {
  SESSION_NOT_OPEN_YET: "notYet",
  EVENT_NOT_READY: "notYet",
  SESSION_OVER: "over",
  VIDEO_NOT_READY: "processing",
  VIDEO_NOT_FOUND: "refused",
  VIDEO_DELETED: "refused",
  SESSION_NOT_FOUND: "refused",
  DOCUMENT_NOT_READABLE: "refused",
  ANONYMOUS_NOT_ADMITTED: "refused",
  ACCOUNT_ID_UNUSABLE: "refused",
  APP_CHECK_FAILED: "refused",
  SIGN_IN_REQUIRED: "refused",
  SIGN_IN_INVALID: "refused",
  SIGN_IN_ENDED: "refused",
};

/** Return the phase of a player that was refused a grant with this error. */
export function phaseAfter(error: GreenroomError): PlaybackPhase {
  return PHASES[error.code] ?? (error.retryable ? "reconnecting" : "failed");
}
