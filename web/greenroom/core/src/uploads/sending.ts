import type { UploadTokens } from "./tokens";

/** What a protocol gets to send one file, or the rest of it. */
export interface Sending {
  readonly file: Blob;

  /** Bytes that the provider has. */
  readonly from: number;

  readonly tokens: UploadTokens;

  /** Return how many connections this upload may use now. */
  readonly connections: () => number;

  /** Told how many bytes have left, and of how many the provider has said that they arrived. */
  readonly onProgress: (sentBytes: number, arrivedBytes: number) => void;

  readonly signal: AbortSignal;
}

/** A line on which nothing moves for so long is broken, even if nobody says so. */
export const STALLED_AFTER_MS = 60_000;

/** How long an answer may take. Kaltura lets the last chunk wait 45 s for the others. */
export const ANSWERED_WITHIN_MS = 120_000;
