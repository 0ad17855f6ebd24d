import { type ErrorCode, GreenroomError } from "../errors";

// None of these has a `cause`: errors of browsers and of tus-js-client contain the upload's URL, which is a secret.

/** Return the error for a broken connection, or for an answer of a captive portal. */
export function unreachable(): GreenroomError {
  return new GreenroomError("UNREACHABLE", "The connection was lost. The upload resumes automatically.", true);
}

/** Return the error for a provider that cannot take bytes at the moment. */
export function providerUnavailable(): GreenroomError {
  const message = "The video provider is not available at the moment. The upload resumes automatically.";
  return new GreenroomError("PROVIDER_UNAVAILABLE", message, true);
}

/** The provider refuses these bytes or this token. The server knows why, or issues another token. */
export class ProviderRefusal extends GreenroomError {
  constructor() {
    const message = "The video provider refuses this file. Try again later, or upload another copy of it.";
    super("PROVIDER_REFUSED", message, false);
  }
}

/** Return the error for a file that is not, or no longer, the one whose upload began. */
export function fileChanged(fileName: string): GreenroomError {
  const message = `“${fileName}” is not the file whose upload began. Choose that file, or cancel the upload.`;
  return new GreenroomError("FILE_CHANGED", message, false);
}

/** Return the error for a file that the page cannot read after a reload until the user chooses it again. */
export function fileNeeded(fileName: string): GreenroomError {
  return new GreenroomError("FILE_NEEDED", `Choose “${fileName}” again, so that its upload can go on.`, false);
}

/** Return whether a code means that the upload is over, so that a retry has to be a new request. */
export function isOver(code: ErrorCode): boolean {
  return OVER.has(code);
}

const OVER: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "REQUEST_ID_USED",
  "UPLOAD_CANCELLED",
  "UPLOAD_EXPIRED",
  "UPLOAD_FAILED",
  "UPLOAD_REPLACED",
  "UPLOAD_REQUESTS_TOO_MANY",
  "UPLOAD_TIME_TOO_SHORT",
  "VIDEO_DELETED",
]);
