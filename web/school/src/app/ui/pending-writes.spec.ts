import { vi } from "vitest";

import { PendingWrites } from "./pending-writes";

/** A write that a test ends. */
function writing() {
  let confirm = () => {};
  let refuse = (_error: Error) => {};
  const promise = new Promise<void>((resolve, reject) => {
    confirm = resolve;
    refuse = reject;
  });
  return { promise, confirm, refuse };
}

function goOffline(isOffline: boolean): void {
  Object.defineProperty(navigator, "onLine", { value: !isOffline, configurable: true });
  dispatchEvent(new Event(isOffline ? "offline" : "online"));
}

describe("PendingWrites", () => {
  let writes: PendingWrites;

  beforeEach(() => {
    vi.useFakeTimers();
    writes = new PendingWrites();
  });

  afterEach(() => {
    goOffline(false);
    vi.useRealTimers();
  });

  it("waits for a change that the server confirms", async () => {
    const write = writing();
    const settled = writes.settle(write.promise);
    await vi.advanceTimersByTimeAsync(7_900);
    write.confirm();
    expect(await settled).toBe(true);
    expect(writes.count()).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("says why the server refuses a change", async () => {
    const write = writing();
    const settled = writes.settle(write.promise);
    write.refuse(new Error("denied"));
    await expect(settled).rejects.toThrow("denied");
    expect(writes.count()).toBe(0);
    expect(writes.error()).toBeUndefined();
  });

  it("does not wait while the browser is offline, and counts the change until it was sent", async () => {
    goOffline(true);
    const write = writing();
    const settled = writes.settle(write.promise);
    await vi.advanceTimersByTimeAsync(0);
    expect(await settled).toBe(false);
    expect(writes.count()).toBe(1);
    goOffline(false);
    write.confirm();
    await vi.advanceTimersByTimeAsync(0);
    expect(writes.count()).toBe(0);
  });

  it("stops waiting when the browser goes offline", async () => {
    const settled = writes.settle(writing().promise);
    goOffline(true);
    expect(await settled).toBe(false);
    expect(writes.count()).toBe(1);
  });

  it("stops waiting for a server that does not answer, and does not wait for the next change", async () => {
    const settled = writes.settle(writing().promise);
    await vi.advanceTimersByTimeAsync(8_000);
    expect(await settled).toBe(false);
    const next = writes.settle(writing().promise);
    await vi.advanceTimersByTimeAsync(0);
    expect(await next).toBe(false);
    expect(writes.count()).toBe(2);
  });

  it("reports that the server refused a kept change", async () => {
    goOffline(true);
    const write = writing();
    const settled = writes.settle(write.promise);
    await vi.advanceTimersByTimeAsync(0);
    await settled;
    write.refuse(new Error("denied"));
    await vi.advanceTimersByTimeAsync(0);
    expect(writes.error()).toMatchObject({ message: "denied" });
    expect(writes.count()).toBe(0);
    writes.dismissError();
    expect(writes.error()).toBeUndefined();
  });
});
