import type { ErrorCode } from "../errors";
import { FILE_ENDINGS, FILE_SIZE_MAX_BYTES, refusalOf } from "./restrictions";

const ALL = { maxFileSizeBytes: FILE_SIZE_MAX_BYTES, fileEndings: FILE_ENDINGS };

describe("the name of a file", () => {
  it.each([
    "halves.mp4",
    "HALVES.MP4",
    "Brüche – Teil 1.mov",
    "e\u0301te\u0301.mkv",
    "دروس الكسور.mp4",
    "分数の授業.webm",
    "👩🏽‍🏫 lesson 🏴󠁧󠁢󠁥󠁮󠁧󠁿.mp4",
    "\u2067كسور\u2069.mp4",
    "a'b\"c<d>e|f?g*h:i.mp4",
    "tab\there.avi",
    "C:\\fakepath\\halves.mp4",
    "halves.mp4.",
    "halves.mp4 \u200b",
    "archive.tar.mp4",
    ".hidden.mp4",
    `${"x".repeat(251)}.mp4`,
    "😀".repeat(251) + ".mp4",
  ])("may be %j", (name) => {
    expect(refusalOf({ name, size: 1 }, ALL)).toBeUndefined();
  });

  it.each<[string, ErrorCode]>([
    ["", "FILE_NAME_INVALID"],
    ["   ", "FILE_NAME_INVALID"],
    ["\u200b\u200f", "FILE_NAME_INVALID"],
    ["a\nb.mp4", "FILE_NAME_INVALID"],
    ["a\u0000.mp4", "FILE_NAME_INVALID"],
    ["a\u2028b.mp4", "FILE_NAME_INVALID"],
    ["a\u202e4pm.exe.mp4", "FILE_NAME_INVALID"],
    ["a\ud800.mp4", "FILE_NAME_INVALID"],
    ["folder/a.mp4", "FILE_NAME_INVALID"],
    [`${"x".repeat(252)}.mp4`, "FILE_NAME_INVALID"],
    ["mp4", "FILE_TYPE_NOT_SUPPORTED"],
    [".mp4", "FILE_TYPE_NOT_SUPPORTED"],
    ["halves.pdf", "FILE_TYPE_NOT_SUPPORTED"],
    ["halves.mp4.exe", "FILE_TYPE_NOT_SUPPORTED"],
    ["halves.mp4.crdownload", "FILE_TYPE_NOT_SUPPORTED"],
    ["halves.mp4.lnk", "FILE_IS_SHORTCUT"],
    ["Halves.URL", "FILE_IS_SHORTCUT"],
    ["halves.webloc", "FILE_IS_SHORTCUT"],
    [".halves.mp4.icloud", "FILE_IS_SHORTCUT"],
  ])("may not be %j: %s", (name, code) => {
    const refusal = refusalOf({ name, size: 1 }, ALL);
    expect(refusal).toMatchObject({ code, retryable: false });
    expect(refusal?.message).toMatch(/^.{10,}[.]$/su);
  });
});

describe("the size of a file", () => {
  it.each<[number, ErrorCode | undefined]>([
    [0, "FILE_EMPTY"],
    [1, undefined],
    [FILE_SIZE_MAX_BYTES, undefined],
    [FILE_SIZE_MAX_BYTES + 1, "FILE_TOO_LARGE"],
    [40 * 1024 ** 3, "FILE_TOO_LARGE"],
  ])("of %i bytes is refused with %s", (size, code) => {
    expect(refusalOf({ name: "a.mp4", size }, ALL)?.code).toBe(code);
  });

  it("is given in GiB or MiB", () => {
    expect(refusalOf({ name: "a.mp4", size: 40 * 1024 ** 3 }, ALL)?.message).toContain("40 GiB, and at most 10 GiB");
  });
});

it("restricts to what a deployment sets", () => {
  const restrictions = { maxFileSizeBytes: 10, fileEndings: ["mov"] };
  expect(refusalOf({ name: "a.mov", size: 10 }, restrictions)).toBeUndefined();
  expect(refusalOf({ name: "a.mp4", size: 10 }, restrictions)?.code).toBe("FILE_TYPE_NOT_SUPPORTED");
  expect(refusalOf({ name: "a.mov", size: 11 }, restrictions)?.code).toBe("FILE_TOO_LARGE");
});
