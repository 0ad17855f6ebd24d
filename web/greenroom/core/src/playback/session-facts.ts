import type { BroadcastState, Session } from "../schema/types";

/** The states of the archive in which a placeholder plays. */
const PLACEHOLDER_STATES: ReadonlySet<string> = new Set(["place_holder", "restoring"]);

/** The fields of a session's document that a player needs: about a video, or about the live event. */
export interface SessionFacts {
  /** The planned times of the event. */
  readonly opensAt: Date | undefined;
  readonly endsAt: Date | undefined;
  readonly broadcast: BroadcastState;
  /** Whether the video can be played. */
  readonly isReady: boolean;
  /** Whether a placeholder plays in place of the video, which is in the archive. */
  readonly isPlaceholder: boolean;
  /** When to expect the video back, if that is known. */
  readonly availableAt: Date | undefined;
}

/** Return what the document says; without a video id, only about the live event. */
export function sessionFacts(session: Session, videoId: string | undefined): SessionFacts {
  const video = videoId === undefined ? undefined : session.videos?.[videoId];
  return {
    opensAt: session.startsAt?.toDate(),
    endsAt: session.endsAt?.toDate(),
    broadcast: session.kaltura?.broadcast ?? "offline",
    isReady: video?.state === "ready",
    isPlaceholder: PLACEHOLDER_STATES.has(video?.archive?.state ?? ""),
    availableAt: video?.archive?.availableAt?.toDate(),
  };
}

/** Return whether the planned times of an event were changed. */
export function isMoved(before: SessionFacts, now: SessionFacts): boolean {
  return before.opensAt?.getTime() !== now.opensAt?.getTime() || before.endsAt?.getTime() !== now.endsAt?.getTime();
}
