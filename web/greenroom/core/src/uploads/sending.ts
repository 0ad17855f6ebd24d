import type { UploadTokens } from "./tokens";

/** The parameters with which a protocol sends one file, or the rest of it. */
export interface Sending {
  readonly file: Blob;

  /** The number of bytes that the provider has already. */
  readonly from: number;

  readonly tokens: UploadTokens;

  /** Return how many connections this upload may use now. */
  readonly connections: () => number;

  /** Called with the number of bytes sent, and the number that the provider has confirmed. */
  readonly onProgress: (sentBytes: number, arrivedBytes: number) => void;

  readonly signal: AbortSignal;
}

/** A connection that carries no bytes for so long counts as broken. */
export const STALLED_AFTER_MS = 60_000;

/** How long an answer may take. Kaltura holds the last chunk for 45 s until the others have arrived. */
export const ANSWERED_WITHIN_MS = 120_000;
