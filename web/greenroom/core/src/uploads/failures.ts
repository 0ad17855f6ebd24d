import { type ErrorCode, GreenroomError } from "../errors";

// None of these has a cause: what browsers and tus-js-client report contains the address, which is a secret.

/** Return that nobody answered, or something in between: the line broke, or a portal of the network wants a sign-in. */
export function unreachable(): GreenroomError {
  return new GreenroomError("UNREACHABLE", "The connection was lost. The upload goes on by itself.", true);
}

/** Return that the provider cannot take bytes at the moment. */
export function providerUnavailable(): GreenroomError {
  const message = "The video provider is not available at the moment. The upload goes on by itself.";
  return new GreenroomError("PROVIDER_UNAVAILABLE", message, true);
}

/** The provider does not take these bytes, or not with this token: the server knows why, or gives another token. */
export class ProviderRefusal extends GreenroomError {
  constructor() {
    const message = "The video provider refuses this file. Try again later, or upload another copy of it.";
    super("PROVIDER_REFUSED", message, false);
  }
}

/** Return that the file on this machine is not what it was when its upload began. */
export function fileChanged(fileName: string): GreenroomError {
  const message = `“${fileName}” is not the file whose upload began. Choose that file, or cancel the upload.`;
  return new GreenroomError("FILE_CHANGED", message, false);
}

/** Return that a page that was loaded again cannot read the file by itself. */
export function fileNeeded(fileName: string): GreenroomError {
  return new GreenroomError("FILE_NEEDED", `Choose “${fileName}” again, so that its upload can go on.`, false);
}

/** Return whether the server will give no other answer, because this upload is over: a retry has to be a new request. */
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
