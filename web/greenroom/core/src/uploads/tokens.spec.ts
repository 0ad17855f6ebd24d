import { describe, expect, it, vi } from "vitest";

import { ManualClock } from "../../testing/manual-clock";
import type { UploadAnswer } from "../schema/types";
import { renewedAfter, UploadTokens } from "./tokens";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

describe("a token", () => {
  it.each([
    [2 * HOUR_MS, 2 * HOUR_MS - 24 * MINUTE_MS],
    [30 * MINUTE_MS, 20 * MINUTE_MS],
    [MINUTE_MS, MINUTE_MS],
    [1, MINUTE_MS],
  ])("that lives %i ms is renewed after %i ms", (lifetime, after) => {
    expect(renewedAfter(lifetime)).toBe(after);
  });

  it("is asked for once however many chunks need it, and again before it ends", async () => {
    const clock = new ManualClock();
    let asked = 0;
    const ask = () => {
      asked += 1;
      // The server's clock: the browser's may be wrong by a day.
      const instants = { issuedAt: "2030-01-01T00:00:00Z", expiresAt: "2030-01-01T02:00:00Z" };
      return Promise.resolve(instants as UploadAnswer);
    };
    const tokens = new UploadTokens(ask, clock);
    await Promise.all([tokens.current(), tokens.current(), tokens.current()]);
    expect(asked).toBe(1);
    await clock.pass(HOUR_MS);
    await tokens.current();
    expect(asked).toBe(1);
    await clock.pass(HOUR_MS - 20 * MINUTE_MS);
    await Promise.all([tokens.current(), tokens.current()]);
    expect(asked).toBe(2);
  });

  it("is asked for again if it ended while the device slept, and the clock of the page stood still", async () => {
    const answer = { issuedAt: "2030-01-01T00:00:00Z", expiresAt: "2030-01-01T02:00:00Z" } as UploadAnswer;
    let asked = 0;
    const tokens = new UploadTokens(() => {
      asked += 1;
      return Promise.resolve(answer);
    });
    await tokens.current();
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 3 * HOUR_MS });
    try {
      await tokens.current();
    } finally {
      vi.useRealTimers();
    }
    expect(asked).toBe(2);
  });

  it("is asked for again after a failure", async () => {
    let asked = 0;
    const tokens = new UploadTokens(() => Promise.reject(new Error(String(++asked))));
    await expect(tokens.current()).rejects.toThrow("1");
    await expect(tokens.current()).rejects.toThrow("2");
  });
});
