import { describe, expect, it } from "vitest";

import cases from "./page-at.cases.json";
import { pageAt, type TimelineEntry } from "./timeline";

interface Case {
  readonly timeline: readonly [revision: number, ms: number, mediaId: string | null, page: number | null][];
  readonly deleted: readonly string[];
  readonly shown: readonly [ms: number, mediaId: string | null, page: number | null, isGap: boolean][];
}

describe("pageAt", () => {
  it.each((cases as unknown as Case[]).map((one) => [one.timeline.length, one] as const))(
    "shows what the server's page_at shows, with a timeline of %d changes",
    (_size, { timeline, deleted, shown }) => {
      const entries = timeline.map(([revision, ms, mediaId, page]): TimelineEntry => ({
        revision,
        at: new Date(ms),
        mediaId,
        page,
      }));
      for (const [ms, mediaId, page, isGap] of shown) {
        expect(pageAt(entries, new Date(ms), new Set(deleted)), `at ${ms} ms`).toEqual({ mediaId, page, isGap });
      }
    },
  );
});
