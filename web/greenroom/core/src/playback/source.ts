import type { Quality } from "./playback";

/**
 * Why a source does not play on, after all that it could do itself.
 *
 * `refused`: the server of the video answered, but does not deliver; the grant may have ended. `unreachable`: nothing
 * answered. `broken`: what was delivered cannot be played.
 */
export type SourceFailure = "refused" | "unreachable" | "broken";

export interface SourceEvents {
  /** The first bytes are there, and the element can play. */
  ready(): void;
  qualities(qualities: readonly Quality[]): void;
  failed(failure: SourceFailure): void;
}

/** Something that brings a picture into a `<video>` element. */
export interface Source {
  /** @param position The position to begin at, in seconds; without one, the beginning or the live edge. */
  load(url: string, position?: number): void;
  /** Try again after a break of the line. */
  restart(): void;
  setQuality(index: number | undefined): void;
  /** The instant at which the picture was taken, if the manifest has dates. */
  playingDate(): Date | undefined;
  /** Seconds from the live edge to the picture. */
  latencyS(): number | undefined;
  goLive(): void;
  close(): void;
}
