import type { WithId } from "./documents";
import type { Session, VideoOfSession } from "./schema/types";

/** Return the videos of a session in their order; those without a place come last, by their ids. */
export function videosInOrder(session: Session | null | undefined): WithId<VideoOfSession>[] {
  const place = (video: VideoOfSession) => video.order ?? Infinity;
  return Object.entries(session?.videos ?? {})
    .map(([id, video]) => ({ ...video, id }))
    .sort((a, b) => (place(a) === place(b) ? a.id.localeCompare(b.id) : place(a) - place(b)));
}
