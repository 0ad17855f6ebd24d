import type { Quality } from "./playback";

/**
 * Why a source stopped playing, after its own retries.
 *
 * `refused`: the video's server answered with an error; the token may have expired. `unreachable`: there was no answer.
 * `broken`: the bytes cannot be played.
 */
export type SourceFailure = "refused" | "unreachable" | "broken";

/** The callbacks of a source. */
export interface SourceEvents {
  /** The first bytes are there, and the element can play. */
  ready(): void;
  qualities(qualities: readonly Quality[]): void;
  failed(failure: SourceFailure): void;
}

/** Something that plays in a `<video>` element: hls.js, or the browser itself. */
export interface Source {
  /** Load a URL. @param position Where to begin, in seconds; the start or the live edge unless set. */
  load(url: string, position?: number): void;
  /** Try again after a network error. */
  restart(): void;
  /** Play one quality level; `undefined` adapts to the bandwidth. */
  setQuality(index: number | undefined): void;
  /** Return when the displayed frame was recorded, if the manifest has dates. */
  playingDate(): Date | undefined;
  /** Return the seconds from the displayed frame to the live edge. */
  latencyS(): number | undefined;
  goLive(): void;
  close(): void;
}
