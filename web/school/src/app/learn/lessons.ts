import { type Session, videosInOrder, type VideoOfSession, type WithId } from "greenroom/core";

const SHOWN: ReadonlySet<VideoOfSession["state"]> = new Set(["processing", "retrying", "ready"]);

/** Return the videos that students can watch, now or soon: no unfinished or failed upload is a lesson. */
export function lessonsOf(session: Session | undefined): WithId<VideoOfSession>[] {
  return videosInOrder(session).filter(({ state }) => SHOWN.has(state));
}
