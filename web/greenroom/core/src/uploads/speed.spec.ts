import { describe, expect, it } from "vitest";

import { Speed } from "./speed";

describe("the speed", () => {
  it("is that of a steady connection", () => {
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

  it("follows a faster connection within seconds", () => {
    const speed = new Speed();
    let bytes = 0;
    for (let ms = 0; ms <= 20_000; ms += 500) speed.add((bytes += 500), ms);
    for (let ms = 20_500; ms <= 35_000; ms += 500) speed.add((bytes += 5000), ms);
    expect(speed.perSecond).toBeGreaterThan(9000);
  });

  it("starts over when bytes are lost", () => {
    const speed = new Speed();
    for (let ms = 0; ms <= 5000; ms += 500) speed.add(ms, ms);
    speed.add(1000, 5500);
    expect(speed.perSecond).toBeCloseTo(1000, 0);
  });
});
