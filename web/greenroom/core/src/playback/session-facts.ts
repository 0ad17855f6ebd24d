import type { BroadcastState, Session } from "../schema/types";

/** The states in which a placeholder plays. */
const PLACEHOLDER_STATES: ReadonlySet<string> = new Set(["place_holder", "restoring"]);

/** What the document of a session says about a video of it, or about its live event. */
export interface SessionFacts {
  /** When the event begins and ends, if that is planned. */
  readonly opensAt: Date | undefined;
  readonly endsAt: Date | undefined;
  readonly broadcast: BroadcastState;
  /** Whether the video plays. */
  readonly isReady: boolean;
  /** Whether a placeholder plays in place of the video, which is in the archive. */
  readonly isPlaceholder: boolean;
  /** When to expect the video back, if that is known. */
  readonly availableAt: Date | undefined;
}

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

/** Tell whether the planned times of an event were changed. */
export function isMoved(before: SessionFacts, now: SessionFacts): boolean {
  return before.opensAt?.getTime() !== now.opensAt?.getTime() || before.endsAt?.getTime() !== now.endsAt?.getTime();
}
