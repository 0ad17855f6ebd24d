import { describe, expect, it } from "vitest";

import { type ErrorCode, GreenroomError } from "./errors";

describe("GreenroomError", () => {
  it.each([
    [30, 30],
    [0, 0],
    [1e12, 86_400],
    [Infinity, 86_400],
    [-5, undefined],
    [NaN, undefined],
    ["60" as unknown as number, undefined],
  ])("treats a retryAfterS of %s as %s", (retryAfterS, expected) => {
    expect(new GreenroomError("RATE_LIMITED" as ErrorCode, "later", true, retryAfterS).retryAfterS).toBe(expected);
  });
});
