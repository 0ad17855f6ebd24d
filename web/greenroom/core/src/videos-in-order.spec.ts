import { expect, it } from "vitest";

import type { Session } from "./schema/types";
import { videosInOrder } from "./videos-in-order";

it("sorts videos by their place, those without one last and by their ids", () => {
  const videos = { d: { order: null }, b: { order: 7 }, c: { order: null }, a: { order: 9 }, e: { order: 7 } };
  const session = { videos } as unknown as Session;
  expect(videosInOrder(session).map(({ id }) => id)).toEqual(["b", "e", "a", "c", "d"]);
});

it.each([null, undefined, {} as Session])("returns no videos of %o", (session) => {
  expect(videosInOrder(session)).toEqual([]);
});
