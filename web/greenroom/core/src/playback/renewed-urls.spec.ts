import { describe, expect, it } from "vitest";

import { RenewedUrls } from "./renewed-urls";

const token = (letter: string) => letter.repeat(40);

/**
 * The forms in which URLs carry a token: in the query, in the path, and before the path with more than a token.
 */
const FORMS: Record<string, { manifest: (token: string) => string; segment: (token: string) => string }> = {
  "a query, and segments with it in the path": {
    manifest: (ks) => `https://media.test/p/1/playManifest/entryId/0_a/a.m3u8?ks=${ks}`,
    segment: (ks) => `https://cdn.test/hls/p/1/entryId/0_a/ks/${ks}/seg-1.ts`,
  },
  "the first part of the path": {
    manifest: (jwt) => `https://stream.test/${jwt}/manifest/video.m3u8`,
    segment: (jwt) => `https://stream.test/${jwt}/video/480/seg_1.mp4?p=eyJ0eXBlIjoic2VnbWVudCJ9`,
  },
  "a part of the path with its end": {
    manifest: (hash) =>
      `https://zone.test/bcdn_token=${hash}&expires=17000${hash[0]}&token_path=%2Fv%2F/v/playlist.m3u8`,
    segment: (hash) =>
      `https://zone.test/bcdn_token=${hash}&expires=17000${hash[0]}&token_path=%2Fv%2F/v/720p/video1.ts`,
  },
};

describe("RenewedUrls", () => {
  for (const [name, { manifest, segment }] of Object.entries(FORMS)) {
    it(`puts a new token into segments: ${name}`, () => {
      const addresses = new RenewedUrls();
      expect(addresses.renew(manifest(token("a")), manifest(token("b")))).toBe(true);
      expect(addresses.apply(segment(token("a")))).toBe(segment(token("b")));
    });

    it(`replaces the tokens of all earlier grants: ${name}`, () => {
      const addresses = new RenewedUrls();
      for (const letter of ["b", "c", "d"]) addresses.renew(manifest(token("a")), manifest(token(letter)));
      addresses.renew(manifest(token("c")), manifest(token("e")));
      for (const letter of ["a", "b", "c", "d", "e"]) {
        expect(addresses.apply(segment(token(letter)))).toBe(segment(token("e")));
      }
    });
  }

  it("leaves other URLs unchanged", () => {
    const addresses = new RenewedUrls();
    addresses.renew(`https://a.test/${token("a")}/x.m3u8`, `https://a.test/${token("b")}/x.m3u8`);
    expect(addresses.apply("https://b.test/segment.ts")).toBe("https://b.test/segment.ts");
  });

  it.each([
    ["another host", `https://a.test/${token("a")}/x.m3u8`, `https://b.test/${token("b")}/x.m3u8`],
    ["another path", `https://a.test/${token("a")}/x.m3u8`, `https://a.test/v2/${token("b")}/x.m3u8`],
    ["another video", "https://a.test/0_abc/x.m3u8", "https://a.test/0_def/x.m3u8"],
  ])("says that %s has to be loaded", (_name, earlier, later) => {
    expect(new RenewedUrls().renew(earlier, later)).toBe(false);
  });

  it("treats the same URL as no change", () => {
    const url = `https://a.test/${token("a")}/x.m3u8`;
    const addresses = new RenewedUrls();
    expect(addresses.renew(url, url)).toBe(true);
    expect(addresses.apply(url)).toBe(url);
  });
});
