import { describe, expect, it } from "vitest";

import { jitteredBackoffMs } from "./backoff";

describe("jitteredBackoffMs", () => {
  it("grows up to a minute, and differs from browser to browser", () => {
    for (let failures = 1; failures <= 40; failures++) {
      const [least, most] = [
        jitteredBackoffMs(failures, 60_000, undefined, 0),
        jitteredBackoffMs(failures, 60_000, undefined, 1),
      ];
      expect(most).toBe(Math.min(60_000, 1000 * 2 ** (failures - 1)));
      expect(least).toBe(most / 2);
    }
  });

  it("is at least what the server asks for, with jitter", () => {
    for (const retryAfterS of [0, 1, 30, 600]) {
      for (const random of [0, 0.5, 1]) {
        expect(jitteredBackoffMs(1, 60_000, retryAfterS, random)).toBeGreaterThanOrEqual(retryAfterS * 1000);
      }
    }
    expect(jitteredBackoffMs(1, 60_000, 30, 1)).toBeGreaterThan(jitteredBackoffMs(1, 60_000, 30, 0));
  });
});
