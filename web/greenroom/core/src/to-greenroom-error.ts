import { FirebaseError } from "firebase/app";

import { type ErrorCode, GreenroomError } from "./errors";

/** Firebase's error codes for a call that did not reach the server, or whose answer was lost. */
const UNREACHABLE = new Set([
  "functions/internal",
  "functions/unavailable",
  "functions/deadline-exceeded",
  "functions/cancelled",
  "unavailable",
  "auth/network-request-failed",
]);

interface Details {
  code: ErrorCode;
  retryable: boolean;
  retryAfterS?: number;
  videoId?: string;
}

/**
 * Return any error as a `GreenroomError`.
 *
 * It knows the errors of callables, and those of Firestore's writes: `permission-denied` becomes `WRITE_REFUSED`. Those
 * of this library's own listeners are `GreenroomError`s already. Anything else becomes `UNKNOWN`, such as a wrong
 * password: Firebase Auth has codes of its own.
 */
export function toGreenroomError(error: unknown): GreenroomError {
  if (error instanceof GreenroomError) return error;
  const cause = { cause: error };
  if (!(error instanceof FirebaseError)) {
    return new GreenroomError(
      "UNKNOWN",
      error instanceof Error ? error.message : String(error),
      false,
      undefined,
      cause,
    );
  }
  const details = detailsOf(error);
  if (details !== undefined) {
    const { code, retryable, retryAfterS, videoId } = details;
    return new GreenroomError(code, error.message, retryable, retryAfterS, { ...cause, videoId });
  }
  if (UNREACHABLE.has(error.code)) {
    return new GreenroomError(
      "UNREACHABLE",
      "The server does not answer. Check the connection.",
      true,
      undefined,
      cause,
    );
  }
  if (error.code === "permission-denied") {
    return new GreenroomError("WRITE_REFUSED", "You may not change this.", false, undefined, cause);
  }
  if (error.code === "not-found") return notReadable(error);
  return new GreenroomError("UNKNOWN", error.message, false, undefined, cause);
}

/** Return the error of a listener. Firestore refuses reads with the same code as writes. */
export function toReadError(error: FirebaseError): GreenroomError {
  return error.code === "permission-denied" ? notReadable(error) : toGreenroomError(error);
}

function notReadable(cause: FirebaseError): GreenroomError {
  const message = "This does not exist, or you may not see it.";
  return new GreenroomError("DOCUMENT_NOT_READABLE", message, false, undefined, { cause });
}

function detailsOf(error: FirebaseError): Details | undefined {
  const details = (error as { details?: unknown }).details;
  return typeof details === "object" && details !== null && typeof (details as Details).code === "string"
    ? (details as Details)
    : undefined;
}
