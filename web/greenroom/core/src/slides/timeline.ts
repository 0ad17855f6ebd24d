/** One change of a session's slides. */
export interface TimelineEntry {
  readonly revision: number;
  readonly at: Date;
  /** The media that is shown from then on; `null` if none is. */
  readonly mediaId: string | null;
  /** Its page; `null` if none is shown. */
  readonly page: number | null;
}

/** The document and the page that a session showed at one instant. */
export interface ShownPage {
  readonly mediaId: string | null;
  readonly page: number | null;
  /** Whether the media was deleted since, and cannot be shown any more. */
  readonly isGap: boolean;
}

const NOTHING: ShownPage = { mediaId: null, page: null, isGap: false };

/**
 * Return what a session showed at an instant. Pure.
 *
 * @param timeline The changes, in any order.
 * @param instant For a recording, its start plus the position in it.
 * @param deleted The ids of the media that were deleted since.
 */
export function pageAt(
  timeline: Iterable<TimelineEntry>,
  instant: Date,
  deleted: ReadonlySet<string> = new Set(),
): ShownPage {
  const last = entryAt(timeline, instant);
  if (last === undefined || last.mediaId === null) return NOTHING;
  return { mediaId: last.mediaId, page: last.page, isGap: deleted.has(last.mediaId) };
}

/** Return the last change until an instant. */
function entryAt(timeline: Iterable<TimelineEntry>, instant: Date): TimelineEntry | undefined {
  let last: TimelineEntry | undefined;
  for (const entry of timeline) {
    if (entry.at <= instant && (last === undefined || compareEntries(last, entry) < 0)) last = entry;
  }
  return last;
}

/** How many changes after the displayed frame have their pages preloaded. */
const NEXT_CHANGES = 3;

/** Return the last change until an instant, and the next ones. @param timeline The changes in their order. */
export function changesAround(
  timeline: readonly TimelineEntry[],
  instant: Date,
): { readonly last: TimelineEntry | undefined; readonly next: readonly TimelineEntry[] } {
  const next = timeline.filter(({ at }) => at > instant).slice(0, NEXT_CHANGES);
  return { last: entryAt(timeline, instant), next };
}

/** Order changes by their instants, and those of one instant by their revisions. */
export function compareEntries(one: TimelineEntry, other: TimelineEntry): number {
  return one.at.getTime() - other.at.getTime() || one.revision - other.revision;
}
