import { describe, expect, it } from "vitest";

import { fingerprintOf, samplesOf } from "./fingerprint";

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
