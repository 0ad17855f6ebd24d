/** A change of the session's slides, from a message in its chat room. */
export interface SharingMessage {
  readonly event: SharingEvent;
  readonly revision: number;
  readonly media: { readonly id: string; readonly title: string | null; readonly pageCount: number | null } | null;
  readonly page: number | null;
}

/** The kind of a change: the attribute `event` of the message. */
export type SharingEvent = "start_sharing" | "navigate_sharing" | "end_sharing";

const EVENTS: ReadonlySet<string> = new Set<SharingEvent>(["start_sharing", "navigate_sharing", "end_sharing"]);

/** The parts of a message stanza that Greenroom reads. */
export interface RoomMessage {
  readonly from: string;
  readonly event: string | null | undefined;
  readonly body: string | null | undefined;
}

/** Return whether a message is a change of slides, which clients should not show in the conversation. */
export function isSharingEvent(event: string | null | undefined): event is SharingEvent {
  return typeof event === "string" && EVENTS.has(event);
}

/**
 * Return the change in a message of the room; `undefined` if there is none.
 *
 * Only messages of the room itself count: their `from` has no nickname. Anything else may be forged.
 */
export function sharingMessage({ from, event, body }: RoomMessage): SharingMessage | undefined {
  if (!isSharingEvent(event) || from.includes("/") || typeof body !== "string") return undefined;
  let content: unknown;
  try {
    content = JSON.parse(body);
  } catch {
    return undefined;
  }
  if (typeof content !== "object" || content === null) return undefined;
  const { revision, active_shared_live_media: media, active_shared_live_media_page: page } = content as Content;
  if (!isWhole(revision) || !(page === null || isWhole(page))) return undefined;
  if (media === null) return { event, revision, media: null, page: null };
  if (typeof media !== "object" || typeof media.id !== "string") return undefined;
  const { id, title, nb_pages: pageCount } = media;
  return {
    event,
    revision,
    media: {
      id,
      title: typeof title === "string" ? title : null,
      pageCount: isWhole(pageCount) ? pageCount : null,
    },
    page,
  };
}

interface Content {
  readonly revision: unknown;
  readonly active_shared_live_media: { id: unknown; title: unknown; nb_pages: unknown } | null;
  readonly active_shared_live_media_page: unknown;
}

function isWhole(value: unknown): value is number {
  return Number.isSafeInteger(value);
}
