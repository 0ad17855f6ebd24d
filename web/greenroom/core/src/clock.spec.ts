import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { systemClock } from "./clock";

describe("systemClock", () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ["Date", "performance", "setTimeout", "clearTimeout"] }));
  afterEach(() => void vi.useRealTimers());

  const dueAfter = async (ms: number, whileWaiting: () => void) => {
    let isDue = false;
    systemClock.after(ms, () => (isDue = true));
    whileWaiting();
    await vi.advanceTimersByTimeAsync(ms);
    return isDue;
  };

  it.each([-86_400_000, 0])("is on time if the clock is moved by %d ms while it waits", async (ms) => {
    expect(await dueAfter(40_000, () => vi.setSystemTime(Date.now() + ms))).toBe(true);
  });

  it("is due early if the clock jumps ahead, as after the device has slept", async () => {
    let isDue = false;
    systemClock.after(600_000, () => (isDue = true));
    vi.setSystemTime(Date.now() + 700_000);
    await vi.advanceTimersByTimeAsync(15_000);
    expect(isDue).toBe(true);
  });

  it("does not call back after a cancellation", async () => {
    let isDue = false;
    systemClock.after(20_000, () => (isDue = true))();
    await vi.advanceTimersByTimeAsync(30_000);
    expect(isDue).toBe(false);
  });
});
