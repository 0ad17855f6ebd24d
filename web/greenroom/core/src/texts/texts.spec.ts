import { describe, expect, it } from "vitest";

import schema from "../../../../../schema/errors.json";
import { type ErrorCode, GreenroomError } from "../errors";
import { ARABIC } from "./arabic";
import { ENGLISH } from "./english";
import { errorText, type Texts } from "./texts";

/** What the functions of the texts are called with: the numbers choose among forms. */
const COUNTS = [0, 1, 2, 3, 10, 11, 99, 100, 101, 102, 1_000];
const AT = new Date("2026-11-29T12:00:00Z");

const CALLS: Record<string, (call: (...args: never[]) => unknown, count: number) => unknown> = {
  summary: (call, count) =>
    call({ sent: Math.min(1, count), failed: Math.max(0, count - 1), all: Math.max(1, count) } as never),
  refused: (call) => call("a.mp4" as never, new GreenroomError("FOLDER", "", false) as never),
  progress: (call) => call("processing" as never, "queued" as never, 40 as never),
  pageOf: (call, count) => call(count as never, 12 as never, "Fractions" as never),
};

/** Return every text with its path; functions are called. */
function textsOf(value: unknown, path: string, count: number): [string, string][] {
  if (typeof value === "string") return [[path, value]];
  if (typeof value === "function") {
    const name = path.split(".").at(-1) ?? "";
    const call = value as (...args: never[]) => unknown;
    const takesDate = /^(nextTry|tooSlow|archivesAt|availableAt|opensAt|dateTime|time)$/.test(name);
    const takesName = /File|announce|progressOf|warning/.test(name);
    const plain = () => call((takesDate ? AT : takesName ? "name.mp4" : count) as never, 5_000_000 as never);
    return [[path, String((CALLS[name] ?? plain)(call, count))]];
  }
  return Object.entries(value as object).flatMap(([name, one]) => textsOf(one, `${path}.${name}`, count));
}

const languages: [string, Texts][] = [
  ["English", ENGLISH],
  ["Arabic", ARABIC],
];

describe.each(languages)("the texts in %s", (_name, texts) => {
  it("have a sentence for each code of the server", () => {
    for (const code of Object.keys(schema.codes) as ErrorCode[]) expect(texts.errors[code], code).toBeTruthy();
  });

  it.each(COUNTS)("are complete with the number %d", (count) => {
    for (const [path, text] of textsOf(texts, "", count)) {
      expect(text, path).toBeTruthy();
      expect(text, path).not.toMatch(/undefined|NaN|\[object|#/);
    }
  });

  it("show a code that this release does not know as an unknown error", () => {
    const error = new GreenroomError("A_NEW_CODE" as ErrorCode, "new", false);
    expect(errorText(texts, error)).toBe(texts.errors.UNKNOWN);
  });
});

describe("the texts in Arabic", () => {
  it("have the same keys as those in English", () => {
    const keys = (texts: Texts) => textsOf(texts, "", 3).map(([path]) => path);
    expect(keys(ARABIC)).toEqual(keys(ENGLISH));
  });

  it("are in Arabic, all of them", () => {
    for (const [path, text] of textsOf(ARABIC, "", 3)) {
      if (/^\.(locale|direction)$|qualityOf|position|format\.percent|warning/.test(path)) continue;
      expect(text, path).toMatch(/[\u0600-\u06ff]/);
    }
  });

  it("have all six plurals", () => {
    const summary = (all: number) => ARABIC.uploads.summary({ sent: 0, failed: 0, all }).replaceAll(/[\d٠-٩]+/g, "");
    expect(new Set([0, 1, 2, 3, 11, 100].map(summary)).size).toBe(6);
  });

  it("translate the converter's warnings, and leave new ones in English", () => {
    expect(ARABIC.slides.warning('The font "A" is not available; "B" takes its place.')).toMatch(/الخط.*A.*B/);
    expect(ARABIC.slides.warning("Page 3 could not be drawn and is shown as an empty page.")).toMatch(/الصفحة/);
    expect(ARABIC.slides.warning("Something new.")).toBe("Something new.");
  });
});

describe("amounts in English", () => {
  it.each([
    [0, "0 bytes"],
    [1, "1 byte"],
    [999, "999 bytes"],
    [1_500, "2 kB"],
    [4_200_000, "4.2 MB"],
    [999_999_999, "1,000 MB"],
    [40_000_000_000, "40 GB"],
  ])("writes %d bytes as %s", (bytes, text) => {
    expect(ENGLISH.format.size(bytes)).toBe(text);
  });

  it.each([
    [0.2, "1 second"],
    [59, "59 seconds"],
    [60, "1 minute"],
    [125, "2 minutes 5 seconds"],
    [3_600, "1 hour"],
    [3_659, "1 hour 1 minute"],
    [7_500, "2 hours 5 minutes"],
    [90_000, "1 day 1 hour"],
  ])("writes %d s as %s", (seconds, text) => {
    expect(ENGLISH.format.duration(seconds)).toBe(text);
  });

  it("writes rates and percentages", () => {
    expect(ENGLISH.format.rate(2_500_000)).toBe("2.5 MB/s");
    expect(ENGLISH.format.percent(0.415)).toBe("42%");
  });
});
