import { type FileErrorCode, GreenroomError } from "../errors";

/** The file extensions that the server supports. docs/questions.md lists their types. */
export const FILE_ENDINGS: readonly string[] = [
  "3gp",
  "avi",
  "flv",
  "m4v",
  "mkv",
  "mov",
  "mp4",
  "mpeg",
  "mpg",
  "ogv",
  "ts",
  "webm",
  "wmv",
];

/** The default of `UPLOAD_BYTES_MAX`. */
export const FILE_SIZE_MAX_BYTES = 10 * 1024 ** 3;

const FILE_NAME_MAX = 255;

/** Extensions of shortcuts to another file. Windows hides the first two. */
const SHORTCUT_ENDINGS: ReadonlySet<string> = new Set(["lnk", "url", "webloc", "desktop", "website", "icloud"]);

/** Control characters, line breaks, bidirectional overrides and lone surrogates, as in shared/core/text.py. */
// eslint-disable-next-line no-control-regex
const NOT_IN_A_LINE = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202d\u202e\ud800-\udfff]/u;

/** Bidirectional embeddings and isolates. The server removes them, because they would move the visible extension. */
const ORDERING = /[\u202a-\u202c\u2066-\u2069]/gu;

const AT_THE_END = /[. \u00a0\u00ad\u061c\u200b-\u200f\u2060\ufe0f\ufeff]+$/u;

/** The limits of a deployment. */
export interface Restrictions {
  readonly maxFileSizeBytes: number;
  readonly fileEndings: readonly string[];
}

/** Return why a file cannot be uploaded; `undefined` if it can. The server checks the same. */
export function refusalOf(
  file: { name: string; size: number },
  restrictions: Restrictions,
): GreenroomError | undefined {
  return refusalOfName(file.name, restrictions) ?? refusalOfSize(file.size, restrictions);
}

/** Return the error for a folder. */
export function refusedFolder(name: string): GreenroomError {
  return refused("FOLDER", `“${name}” is a folder. Open it, and choose the videos in it.`);
}

/** Return the error for a file that cannot be read: it may be a folder, was moved, or its disk was removed. */
export function refusedUnreadable(name: string): GreenroomError {
  return refused("FILE_UNREADABLE", `“${name}” cannot be read. If it is a file, copy it to this computer first.`);
}

/** Return the error for a file that is in the list already. */
export function refusedTwice(name: string): GreenroomError {
  return refused("FILE_ADDED_ALREADY", `“${name}” is being uploaded to this session already.`);
}

/** Return the error for a file that another tab of this browser uploads. */
export function refusedElsewhere(name: string): GreenroomError {
  const message = `Another tab uploads “${name}” to this session. This tab continues if that one is closed.`;
  return refused("SENT_BY_ANOTHER_TAB", message);
}

/** Return the error for a file that was being added when the user signed out. */
export function refusedClosed(name: string): GreenroomError {
  return new GreenroomError(
    "SIGN_IN_ENDED",
    `You signed out before “${name}” was added. Sign in, and add it again.`,
    false,
  );
}

function refusalOfName(fileName: string, { fileEndings }: Restrictions): GreenroomError | undefined {
  const whole = fileName.replace(ORDERING, "").normalize("NFC").replaceAll("\t", " ").trim();
  if (NOT_IN_A_LINE.test(whole)) {
    const what = "line breaks, control characters or text direction marks";
    return refused("FILE_NAME_INVALID", `The file name has characters that are not allowed in it: ${what}. Rename it.`);
  }
  if (whole.includes("/")) {
    return refused("FILE_NAME_INVALID", "The file name has slashes, which are not allowed in it. Rename the file.");
  }
  const name = whole
    .slice(whole.lastIndexOf("\\") + 1)
    .trim()
    .replace(AT_THE_END, "");
  const { length } = [...name];
  if (length < 1 || length > FILE_NAME_MAX) {
    return refused("FILE_NAME_INVALID", `A file name must have between 1 and ${FILE_NAME_MAX} characters. Rename it.`);
  }
  const dot = name.lastIndexOf(".");
  const ending = name.slice(dot + 1).toLowerCase();
  if (SHORTCUT_ENDINGS.has(ending)) {
    return refused("FILE_IS_SHORTCUT", `“${name}” is a shortcut. Choose the video that it points to.`);
  }
  if (dot < 1 || !fileEndings.includes(ending)) {
    const supported = fileEndings.join(", ");
    return refused("FILE_TYPE_NOT_SUPPORTED", `“${name}” is of a type that is not supported. Supported: ${supported}.`);
  }
  return undefined;
}

function refusalOfSize(sizeBytes: number, { maxFileSizeBytes }: Restrictions): GreenroomError | undefined {
  if (sizeBytes < 1) return refused("FILE_EMPTY", "The file is empty. Choose another file.");
  if (sizeBytes > maxFileSizeBytes) {
    const message = `The file has ${inGigabytes(sizeBytes)}, and at most ${inGigabytes(maxFileSizeBytes)} are allowed.`;
    return refused("FILE_TOO_LARGE", `${message} Choose a smaller one.`);
  }
  return undefined;
}

function inGigabytes(bytes: number): string {
  return bytes >= 1024 ** 3 ? `${+(bytes / 1024 ** 3).toFixed(1)} GiB` : `${+(bytes / 1024 ** 2).toFixed(1)} MiB`;
}

function refused(code: FileErrorCode, message: string): GreenroomError {
  return new GreenroomError(code, message, false);
}
