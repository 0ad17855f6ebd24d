import { vi } from "vitest";

import { ManualClock } from "../../testing/manual-clock";
import type { UploadAnswer } from "../schema/types";
import { delayAfter } from "./backoff";
import { fingerprintOf, samplesOf } from "./fingerprint";
import { Speed } from "./speed";
import { renewedAfter, UploadTokens } from "./tokens";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

describe("the pause after a failure", () => {
  it("grows up to a minute, and differs from browser to browser", () => {
    for (let failures = 1; failures <= 40; failures++) {
      const [least, most] = [delayAfter(failures, undefined, 0), delayAfter(failures, undefined, 1)];
      expect(most).toBe(Math.min(60_000, 1000 * 2 ** (failures - 1)));
      expect(least).toBe(most / 2);
    }
  });

  it("is at least what the server asks for, and not the same for all", () => {
    for (const retryAfterS of [0, 1, 30, 600]) {
      for (const random of [0, 0.5, 1]) {
        expect(delayAfter(1, retryAfterS, random)).toBeGreaterThanOrEqual(retryAfterS * 1000);
      }
    }
    expect(delayAfter(1, 30, 1)).toBeGreaterThan(delayAfter(1, 30, 0));
  });
});

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

describe("the speed", () => {
  it("is that of a steady line", () => {
    const speed = new Speed();
    for (let ms = 0; ms <= 10_000; ms += 250) speed.add(ms * 25, ms);
    expect(speed.perSecond).toBeCloseTo(25_000, 0);
  });

  it("is unknown at first, and smooth in bursts", () => {
    const speed = new Speed();
    speed.add(0, 0);
    speed.add(5_000_000, 600);
    expect(speed.perSecond).toBeUndefined();
    const seen: number[] = [];
    for (let second = 1; second <= 30; second++) {
      speed.add(5_000_000 * (1 + Math.floor(second / 2)), 600 + second * 1000);
      if (second > 15) seen.push(speed.perSecond ?? 0);
    }
    for (const value of seen) {
      expect(value).toBeGreaterThan(2_000_000);
      expect(value).toBeLessThan(3_100_000);
    }
  });

  it("follows a line that becomes faster within seconds", () => {
    const speed = new Speed();
    let bytes = 0;
    for (let ms = 0; ms <= 20_000; ms += 500) speed.add((bytes += 500), ms);
    for (let ms = 20_500; ms <= 35_000; ms += 500) speed.add((bytes += 5000), ms);
    expect(speed.perSecond).toBeGreaterThan(9000);
  });

  it("starts anew when bytes are lost", () => {
    const speed = new Speed();
    for (let ms = 0; ms <= 5000; ms += 500) speed.add(ms, ms);
    speed.add(1000, 5500);
    expect(speed.perSecond).toBeCloseTo(1000, 0);
  });
});

describe("a fingerprint", () => {
  it("reads head, tail and blocks between them in order, and at most 4 MiB", () => {
    for (const size of [1, 4095, 4 * 1024 ** 2, 4 * 1024 ** 2 + 1, 10 * 1024 ** 3]) {
      const ranges = samplesOf(size);
      expect(ranges[0]?.[0]).toBe(0);
      expect(ranges.at(-1)?.[1]).toBe(size);
      expect(ranges.reduce((bytes, [begin, end]) => bytes + end - begin, 0)).toBeLessThanOrEqual(4 * 1024 ** 2);
      for (const [begin, end] of ranges) expect(end).toBeGreaterThan(begin);
      for (let at = 1; at < ranges.length; at++) expect(ranges[at]![0]).toBeGreaterThanOrEqual(ranges[at - 1]![1]);
    }
  });

  it("differs by any byte of head, tail and blocks, and by the size; not by name and date", async () => {
    const size = 6 * 1024 ** 2;
    const bytes = new Uint8Array(size);
    const of = (name = "a.mp4", lastModified = 1) => fingerprintOf(new File([bytes], name, { lastModified }));
    const first = await of();
    expect(await of("b.mp4", 2)).toBe(first);
    const seen = new Set([first]);
    for (const [begin, end] of samplesOf(size).filter((_, index) => index % 16 === 0)) {
      for (const at of [begin, end - 1]) {
        bytes[at] = 1;
        seen.add(await of());
        bytes[at] = 0;
      }
    }
    seen.add(await fingerprintOf(new File([bytes.subarray(1)], "a.mp4", { lastModified: 1 })));
    expect(seen.size).toBe(2 + 2 * samplesOf(size).filter((_, index) => index % 16 === 0).length);
  });
});
