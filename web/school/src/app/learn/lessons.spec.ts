import type { Session } from "greenroom/core";

import { lessonsOf } from "./lessons";

it("shows students what plays now or soon, in its order", () => {
  const states = ["requested", "preparing", "uploading", "processing", "retrying", "ready", "failed"];
  const videos = Object.fromEntries(states.map((state, index) => [state, { state, order: states.length - index }]));
  expect(lessonsOf({ videos } as unknown as Session).map(({ id }) => id)).toEqual(["ready", "retrying", "processing"]);
});
