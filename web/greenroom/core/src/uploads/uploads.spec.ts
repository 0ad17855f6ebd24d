import { vi } from "vitest";

import { Browser, bytesOf, fileOf } from "../../testing/browser";
import { eventually, until } from "../../testing/until";
import type { GreenroomError } from "../errors";
import type { UploadAnswer } from "../schema/types";
import { UploadTokens } from "./tokens";
import type { UploadItem, UploadState } from "./types";
import type { Uploads } from "./uploads";
import { WakeLock } from "./wake-lock";

const SESSION = { sessionId: "fractions" };

// A busy machine takes its time. What does not happen fails by its own deadline.
vi.setConfig({ testTimeout: 20_000 });

let browser: Browser;

beforeEach(async () => {
  browser = await Browser.open();
});

afterEach(async () => {
  vi.restoreAllMocks();
  await browser.close();
});

/** Return the states that an upload goes through, as they come. */
function statesOf(uploads: Uploads, id?: string): UploadState[] {
  const states: UploadState[] = [];
  uploads.summary.subscribe(({ items }) => {
    const state = items.find((item) => id === undefined || item.id === id)?.state;
    if (state !== undefined && states.at(-1) !== state) states.push(state);
  });
  return states;
}

function reaches(uploads: Uploads, state: UploadState, index = 0): Promise<UploadItem> {
  return until(uploads.summary, ({ items }) => items[index]?.state === state).then(
    ({ items }) => items[index] as UploadItem,
  );
}

describe.each(["kaltura", "tus"] as const)("an upload by %s", (protocol) => {
  beforeEach(() => {
    browser.server.protocol = protocol;
  });

  it("goes from queued to sent, and the server has the bytes", async () => {
    const uploads = browser.tab();
    const states = statesOf(uploads);
    const { added, refused } = await uploads.add([fileOf("halves.mp4", 5500)], SESSION);
    const item = await reaches(uploads, "sent");
    expect(states).toEqual(["queued", "preparing", "sending", "sent"]);
    expect({ added, refused }).toEqual({ added: [item.id], refused: [] });
    expect(item).toMatchObject({ fileName: "halves.mp4", sizeBytes: 5500, sentBytes: 5500, isTooSlow: false });
    const [video] = browser.server.videos;
    expect(item.videoId).toBe(video?.videoId);
    expect(browser.server.bytesOf(video!)).toEqual(Buffer.from(bytesOf(5500)));
    await eventually(() => browser.server.called("uploadFinished").length === 1);
  });

  it.each([1, 999, 1000, 1001, 2000, 2001, 12_345])("sends a file of %i bytes whole", async (size) => {
    const uploads = browser.tab();
    await uploads.add([fileOf("halves.mp4", size)], SESSION);
    await reaches(uploads, "sent");
    expect(browser.server.bytesOf(browser.server.videos[0]!)).toEqual(Buffer.from(bytesOf(size)));
  });

  it("resumes after a broken connection", async () => {
    browser.server.faultOf = (count) => (count === 2 ? { kind: "cut", afterBytes: 300 } : undefined);
    const uploads = browser.tab();
    await uploads.add([fileOf("halves.mp4", 5500)], SESSION);
    await reaches(uploads, "sent");
    expect(browser.server.bytesOf(browser.server.videos[0]!)).toEqual(Buffer.from(bytesOf(5500)));
    expect(browser.server.videos).toHaveLength(1);
  });

  it.each(["answerLost", "captivePortal"] as const)("survives any chunk that ends with %s", async (kind) => {
    for (const [index, bad] of [1, 3, 6].entries()) {
      const seen = browser.server.chunks.length;
      browser.server.faultOf = (count) => (count === seen + bad ? { kind } : undefined);
      const uploads = browser.tab(`teacher-${bad}`);
      await uploads.add([fileOf("halves.mp4", 5500, bad)], SESSION);
      await reaches(uploads, "sent");
      expect(browser.server.bytesOf(browser.server.videos[index]!)).toEqual(Buffer.from(bytesOf(5500, bad)));
    }
  });

  it("waits while the provider is not available, and then resumes", async () => {
    browser.server.faultOf = (count) => (count <= 3 ? { kind: "status", status: 503 } : undefined);
    const uploads = browser.tab();
    await uploads.add([fileOf("halves.mp4", 2500)], SESSION);
    const waiting = await reaches(uploads, "waiting");
    expect(waiting.error?.retryable).toBe(true);
    expect(waiting.retryAt!.getTime()).toBeGreaterThan(Date.now());
    await reaches(uploads, "sent");
  });

  it("survives a reload: the next page resumes at the provider's offset", async () => {
    let stop = () => {};
    const held = new Promise<void>((resolve) => (stop = resolve));
    browser.server.faultOf = (count) => (count >= 4 ? { kind: "hold", until: held } : undefined);
    const first = browser.tab();
    await first.add([fileOf("halves.mp4", 8500)], SESSION);
    await eventually(() => browser.server.chunks.length >= 4);
    first.close();
    browser.server.faultOf = () => undefined;
    stop();
    const before = browser.server.chunks.length;
    const second = browser.tab();
    expect(await second.restored).toBe(1);
    await reaches(second, "sent");
    expect(Math.min(...browser.server.chunks.slice(before))).toBeGreaterThan(0);
    expect(browser.server.videos).toHaveLength(1);
    expect(browser.server.bytesOf(browser.server.videos[0]!)).toEqual(Buffer.from(bytesOf(8500)));
  });

  it("shows after a reload how much had arrived, before the file is chosen again", async () => {
    let stop = () => {};
    const held = new Promise<void>((resolve) => (stop = resolve));
    browser.server.faultOf = (count) => (count >= 4 ? { kind: "hold", until: held } : undefined);
    const name = "halves.mp4";
    const first = browser.tab();
    const { added } = await first.add([fileOf(name, 8500)], SESSION);
    await eventually(async () => /"arrivedBytes":[1-9]/.test(await browser.stored()));
    await first.pause(added[0]);
    first.close();
    stop();
    const second = browser.tab();
    await second.restored;
    expect(second.summary.value.items[0]?.sentBytes).toBeGreaterThan(0);
  });

  it("is paused and resumed, also across a reload", async () => {
    let stop = () => {};
    const held = new Promise<void>((resolve) => (stop = resolve));
    browser.server.faultOf = (count) => (count === 2 ? { kind: "hold", until: held } : undefined);
    const first = browser.tab();
    const { added } = await first.add([fileOf("halves.mp4", 3500)], SESSION);
    await eventually(() => browser.server.chunks.length >= 2);
    first.pause(added[0]);
    await reaches(first, "paused");
    stop();
    await eventually(async () => (await browser.stored()).includes('"isPaused":true'));
    first.close();
    const second = browser.tab();
    await second.restored;
    await reaches(second, "paused");
    const seen = browser.server.chunks.length;
    second.resume();
    await reaches(second, "sent");
    expect(browser.server.chunks.length).toBeGreaterThan(seen);
    expect(browser.server.bytesOf(browser.server.videos[0]!)).toEqual(Buffer.from(bytesOf(3500)));
  });

  it("is cancelled here and on the server", async () => {
    browser.server.faultOf = () => ({ kind: "hold", until: new Promise(() => {}) });
    const uploads = browser.tab();
    const { added } = await uploads.add([fileOf("halves.mp4", 3500)], SESSION);
    await eventually(() => browser.server.chunks.length > 0);
    await uploads.cancel(added[0]!);
    expect(uploads.summary.value.items).toEqual([]);
    expect(browser.server.videos[0]?.cancelled).toBe(true);
    const next = browser.tab();
    expect(await next.restored).toBe(0);
  });

  it("fails with a reason if it was cancelled in another browser", async () => {
    browser.server.faultOf = (count) => (count === 2 ? { kind: "hold", until: cancelled() } : undefined);
    const cancelled = async () => {
      browser.server.videos[0]!.cancelled = true;
      browser.server.keys.clear();
    };
    const uploads = browser.tab();
    await uploads.add([fileOf("halves.mp4", 5500)], SESSION);
    const item = await reaches(uploads, "failed");
    expect(item.error).toMatchObject({ code: "UPLOAD_CANCELLED", retryable: false });
    uploads.retry(item.id);
    await reaches(uploads, "sent");
    expect(browser.server.videos).toHaveLength(2);
  });

  it("stores no token, URL or key in this browser", async () => {
    browser.server.faultOf = (count) => (count >= 2 ? { kind: "hold", until: new Promise(() => {}) } : undefined);
    const uploads = browser.tab();
    await uploads.add([fileOf("halves.mp4", 5500)], SESSION);
    await eventually(() => browser.server.chunks.length >= 2);
    const stored = await browser.stored();
    expect(stored).toContain("halves.mp4");
    expect(stored).not.toMatch(/secret|token\d|http/i);
  });
});

describe("several uploads", () => {
  it("are sent two at once, and requested and shown in order", async () => {
    let most = 0;
    const uploads = browser.tab();
    uploads.summary.subscribe(({ items }) => {
      most = Math.max(most, items.filter(({ state }) => state === "sending" || state === "preparing").length);
    });
    const files = [1, 2, 3, 4, 5].map((seed) => fileOf(`${seed}.mp4`, 3000, seed));
    await uploads.add(files, SESSION);
    await until(uploads.summary, ({ items }) => items.every(({ state }) => state === "sent"));
    expect(most).toBe(2);
    expect(uploads.summary.value.items.map(({ fileName }) => fileName)).toEqual(files.map(({ name }) => name));
    expect(browser.server.videos.map(({ fileName }) => fileName)).toEqual(files.map(({ name }) => name));
    expect(uploads.summary.value).toMatchObject({ sentBytes: 15_000, sizeBytes: 15_000, isActive: false });
  });

  it("can be added while others run, and a paused one gives its turn to the next", async () => {
    browser.server.faultOf = (count) => (count === 1 ? { kind: "hold", until: new Promise(() => {}) } : undefined);
    const uploads = browser.tab("teacher", { limit: 1 });
    const { added } = await uploads.add([fileOf("a.mp4", 500, 1)], SESSION);
    await eventually(() => browser.server.chunks.length === 1);
    await uploads.add([fileOf("b.mp4", 500, 2)], SESSION);
    expect(uploads.summary.value.items[1]?.state).toBe("queued");
    uploads.pause(added[0]);
    await reaches(uploads, "sent", 1);
    uploads.resume(added[0]);
    await reaches(uploads, "sent", 0);
  });

  it("resume after a reload without the finished ones of their batch", async () => {
    browser.server.faultOf = (count) => (count > 1 ? { kind: "hold", until: new Promise(() => {}) } : undefined);
    const first = browser.tab("teacher", { limit: 1 });
    await first.add([fileOf("a.mp4", 500, 1), fileOf("b.mp4", 500, 2)], SESSION);
    await reaches(first, "sent", 0);
    await eventually(() => browser.server.chunks.length === 2);
    first.close();
    browser.server.faultOf = () => undefined;
    const second = browser.tab();
    expect(await second.restored).toBe(1);
    await reaches(second, "sent");
    expect(browser.server.videos).toHaveLength(2);
    expect(browser.server.chunks).toHaveLength(3);
  });

  it("are all retried by one call", async () => {
    let isFull = true;
    browser.server.refusalOf = (name) =>
      isFull && name === "issueUploadToken" ? { code: "QUOTA_USED_UP" } : undefined;
    const uploads = browser.tab();
    await uploads.add([fileOf("a.mp4", 500, 1), fileOf("b.mp4", 500, 2)], SESSION);
    await until(uploads.summary, ({ items }) => items.every(({ state }) => state === "failed"));
    isFull = false;
    uploads.retry();
    await until(uploads.summary, ({ items }) => items.every(({ state }) => state === "sent"));
    expect(browser.server.videos).toHaveLength(2);
  });
});

describe("the server's answer", () => {
  it("may be lost: the same request is repeated and makes one video", async () => {
    browser.server.refusalOf = (name, _, count) =>
      name === "issueUploadToken" && count === 1 ? { kind: "answerLost" } : undefined;
    const uploads = browser.tab();
    await uploads.add([fileOf("a.mp4", 500)], SESSION);
    await reaches(uploads, "sent");
    const ids = browser.server.called("issueUploadToken").map(({ requestId }) => requestId);
    expect(ids).toHaveLength(2);
    expect(new Set(ids).size).toBe(1);
    expect(browser.server.videos).toHaveLength(1);
  });

  it("may be lost in a reload: the request was stored before it was sent", async () => {
    let stored = "";
    const held = new Promise(() => {});
    browser.server.refusalOf = (name) => (name === "issueUploadToken" ? { kind: "hold", until: held } : undefined);
    const first = browser.tab();
    await first.add([fileOf("a.mp4", 500)], SESSION);
    await eventually(() => browser.server.called("issueUploadToken").length === 1);
    stored = await browser.stored();
    first.close();
    expect(stored).toContain(browser.server.called("issueUploadToken")[0]?.["requestId"]);
    browser.server.refusalOf = () => undefined;
    const second = browser.tab();
    await reaches(second, "sent");
    expect(browser.server.videos).toHaveLength(1);
  });

  it.each([
    "QUOTA_USED_UP",
    "UPLOADS_OPEN_TOO_MANY",
    "TEACHER_ONLY",
    "SIGN_IN_ENDED",
    "UPLOAD_EXPIRED",
    "UPLOAD_FAILED",
  ])("%s is shown with a reason, and a retry works once the cause is gone", async (code) => {
    browser.server.refusalOf = (name) => (name === "issueUploadToken" ? { code } : undefined);
    const uploads = browser.tab();
    await uploads.add([fileOf("a.mp4", 500)], SESSION);
    const { id, error } = await reaches(uploads, "failed");
    expect(error).toMatchObject({ code, message: `The server says ${code}.` });
    browser.server.refusalOf = () => undefined;
    uploads.retry(id);
    await reaches(uploads, "sent");
  });

  describe("that an upload is over", () => {
    /** Add a file whose upload ends in the middle, and wait for the failure. */
    async function ended(code: string): Promise<[Uploads, UploadItem]> {
      browser.server.refusalOf = (name, _, count) =>
        name === "issueUploadToken" && count === 2 ? { code } : undefined;
      browser.server.faultOf = (count) => (count === 2 ? { kind: "code", code: "INVALID_KS" } : undefined);
      const uploads = browser.tab();
      await uploads.add([fileOf("a.mp4", 4500)], { ...SESSION, title: "Halves" });
      return [uploads, await reaches(uploads, "failed")];
    }

    it.each(["UPLOAD_EXPIRED", "UPLOAD_FAILED", "UPLOAD_REQUESTS_TOO_MANY", "UPLOAD_TIME_TOO_SHORT"])(
      "by %s, lets a retry go into the same video, which keeps its title",
      async (code) => {
        const [uploads, { id, videoId = "" }] = await ended(code);
        uploads.retry(id);
        const sent = await reaches(uploads, "sent");
        expect(sent).toMatchObject({ id, videoId });
        expect(sent.replaces).toBeUndefined();
        expect(browser.server.videos).toHaveLength(1);
        expect(browser.server.bytesOf(browser.server.videos[0]!)).toEqual(Buffer.from(bytesOf(4500)));
        const [retried] = browser.server.called("replaceVideo");
        expect(retried).toMatchObject({ videoId });
        expect(retried).not.toHaveProperty("title");
      },
    );

    it("lets a second retry go there too, also after a reload", async () => {
      const [first, { id, videoId = "" }] = await ended("UPLOAD_FAILED");
      browser.server.refusalOf = (name) => (name === "replaceVideo" ? { code: "UPLOAD_EXPIRED" } : undefined);
      first.retry(id);
      await eventually(() => browser.server.called("replaceVideo").length === 1);
      await reaches(first, "failed");
      first.close();
      const second = browser.tab();
      await reaches(second, "failed");
      browser.server.refusalOf = () => undefined;
      second.retry(id);
      expect(await reaches(second, "sent")).toMatchObject({ videoId });
      expect(browser.server.videos).toHaveLength(1);
    });

    it("lets a retry create a new video if the video was deleted meanwhile", async () => {
      const [uploads, { id, videoId }] = await ended("UPLOAD_FAILED");
      browser.server.videos[0]!.deleted = true;
      uploads.retry(id);
      const sent = await reaches(uploads, "sent");
      expect(sent.videoId).not.toBe(videoId);
      expect(browser.server.videos).toHaveLength(2);
      expect(browser.server.called("issueUploadToken").at(-1)).toMatchObject({ title: "Halves" });
    });

    it.each(["UPLOAD_REPLACED", "VIDEO_DELETED", "UPLOAD_CANCELLED"])(
      "by %s, lets a retry make a new video: the other one is not this file's any more",
      async (code) => {
        const [uploads, { id }] = await ended(code);
        uploads.retry(id);
        await reaches(uploads, "sent");
        expect(browser.server.called("replaceVideo")).toEqual([]);
        expect(browser.server.videos).toHaveLength(2);
      },
    );

    it("lets a retry go into its video even if that is the first answer", async () => {
      browser.server.refusalOf = (name, _, count) => {
        const { videoId = "" } = browser.server.videos[0] ?? {};
        if (name !== "issueUploadToken" || count > 2) return undefined;
        return count === 1 ? { kind: "answerLost" } : { code: "UPLOAD_FAILED", videoId };
      };
      const uploads = browser.tab();
      await uploads.add([fileOf("a.mp4", 4500)], SESSION);
      const { id } = await reaches(uploads, "failed");
      uploads.retry(id);
      await reaches(uploads, "sent");
      expect(browser.server.videos).toHaveLength(1);
    });

    it("lets a retry be cancelled with its video", async () => {
      const [uploads, { id }] = await ended("UPLOAD_FAILED");
      browser.server.faultOf = () => ({ kind: "hold", until: new Promise(() => {}) });
      uploads.retry(id);
      await eventually(() => browser.server.called("replaceVideo").length === 1);
      await uploads.cancel(id);
      expect(browser.server.videos[0]?.cancelled).toBe(true);
    });
  });

  it("that asks to wait is obeyed", async () => {
    browser.server.refusalOf = (name, _, count) =>
      name === "issueUploadToken" && count === 1
        ? { code: "UPLOAD_TOKENS_TOO_MANY", retryable: true, retryAfterS: 2 }
        : undefined;
    const uploads = browser.tab();
    const began = performance.now();
    await uploads.add([fileOf("a.mp4", 500)], SESSION);
    expect((await reaches(uploads, "waiting")).error?.retryAfterS).toBe(2);
    await reaches(uploads, "sent");
    expect(performance.now() - began).toBeGreaterThan(2000);
  });

  it("from a captive portal does not count", async () => {
    browser.server.refusalOf = (_, __, count) => (count === 1 ? { kind: "captivePortal" } : undefined);
    const uploads = browser.tab();
    await uploads.add([fileOf("a.mp4", 500)], SESSION);
    expect((await reaches(uploads, "waiting")).error?.code).toBe("UNREACHABLE");
    await reaches(uploads, "sent");
  });

  it("that the upload was replaced in another browser ends it, and sends nothing into the other", async () => {
    const uploads = browser.tab();
    browser.server.refusalOf = (name, _, count) => {
      if (name === "replaceVideo" && count === 2) browser.server.videos[0]!.requests.push("of another browser");
      return undefined;
    };
    await uploads.add([fileOf("a.mp4", 500)], SESSION);
    const { videoId = "" } = await reaches(uploads, "sent");
    browser.server.faultOf = (count) => (count === 3 ? { kind: "code", code: "INVALID_KS" } : undefined);
    await uploads.add([fileOf("b.mp4", 4500, 2)], { ...SESSION, videoId });
    const item = await reaches(uploads, "failed", 1);
    expect(item).toMatchObject({ replaces: videoId, error: { code: "UPLOAD_REPLACED" } });
    await uploads.cancel(item.id);
    expect(browser.server.called("cancelUpload")).toEqual([]);
  });

  it("that all bytes have arrived ends the upload well", async () => {
    browser.server.faultOf = (count) => (count === 1 ? { kind: "answerLost" } : undefined);
    const uploads = browser.tab();
    await uploads.add([fileOf("a.mp4", 500)], SESSION);
    await reaches(uploads, "sent");
    expect(browser.server.chunks).toHaveLength(1);
  });
});

describe("a token", () => {
  it("without times is renewed now and then, not for each chunk", async () => {
    const tokens = new UploadTokens(() => Promise.resolve({} as UploadAnswer));
    const renew = vi.spyOn(tokens, "renew");
    for (let chunk = 0; chunk < 5; chunk += 1) await tokens.current();
    expect(renew).toHaveBeenCalledTimes(1);
  });

  it.each([-86_400_000, 86_400_000])("is used as long as it is good if the clock is wrong by %i ms", async (offset) => {
    browser.server.clockOffsetMs = offset;
    const uploads = browser.tab();
    await uploads.add([fileOf("a.mp4", 9500)], SESSION);
    await reaches(uploads, "sent");
    expect(browser.server.called("issueUploadToken")).toHaveLength(1);
  });

  it("that is refused in the middle is renewed", async () => {
    browser.server.faultOf = (count) => {
      if (count === 3) browser.server.keys.clear();
      return undefined;
    };
    const uploads = browser.tab();
    await uploads.add([fileOf("a.mp4", 9500)], SESSION);
    await reaches(uploads, "sent");
    expect(browser.server.called("issueUploadToken")).toHaveLength(2);
    expect(browser.server.bytesOf(browser.server.videos[0]!)).toEqual(Buffer.from(bytesOf(9500)));
  });

  it("that is always refused fails the upload after some retries", async () => {
    browser.server.faultOf = () => ({ kind: "code", code: "SERVICE_FORBIDDEN" });
    const uploads = browser.tab();
    await uploads.add([fileOf("a.mp4", 500)], SESSION);
    const { error } = (await until(uploads.summary, ({ items }) => items[0]?.state === "failed")).items[0]!;
    expect(error?.code).toBe("PROVIDER_REFUSED");
    expect(browser.server.chunks.length).toBe(6);
  });
});

describe("the file", () => {
  beforeEach(() => {
    // A browser without room for copies: there it makes no difference how large a file is.
    const { put } = IDBObjectStore.prototype;
    vi.spyOn(IDBObjectStore.prototype, "put").mockImplementation(function (this: IDBObjectStore, value, key) {
      if (this.name === "copies") throw new DOMException("full", "QuotaExceededError");
      return put.call(this, value, key);
    });
  });

  /** Leave a page in the middle of a file. */
  async function left(): Promise<File> {
    browser.server.chunkSizeBytes = 6000;
    browser.server.faultOf = (count) => (count >= 2 ? { kind: "hold", until: new Promise(() => {}) } : undefined);
    const file = fileOf("long.mp4", 17_000);
    const first = browser.tab();
    await first.add([file], SESSION);
    await eventually(() => browser.server.chunks.length >= 2);
    first.close();
    browser.server.faultOf = () => undefined;
    return file;
  }

  it("has to be chosen again after a reload, and the upload resumes", async () => {
    const file = await left();
    const uploads = browser.tab();
    expect(await uploads.restored).toBe(1);
    const item = await reaches(uploads, "needsFile");
    expect(item).toMatchObject({ canAskForFile: false, error: { code: "FILE_NEEDED" } });
    await uploads.reselect(item.id, new File([file], "renamed.mp4", { lastModified: 1 }));
    await reaches(uploads, "sent");
    expect(browser.server.chunks[2]).toBe(6000);
    expect(browser.server.bytesOf(browser.server.videos[0]!)?.equals(bytesOf(17_000))).toBe(true);
  });

  it("may simply be added again", async () => {
    const file = await left();
    const uploads = browser.tab();
    const { id } = await reaches(uploads, "needsFile");
    expect(await uploads.add([file], SESSION)).toEqual({ added: [id], refused: [] });
    await reaches(uploads, "sent");
    expect(browser.server.videos).toHaveLength(1);
  });

  it("is asked for again if another one is chosen, and nothing is sent", async () => {
    await left();
    const uploads = browser.tab();
    const { id } = await reaches(uploads, "needsFile");
    const seen = browser.server.chunks.length;
    for (const other of [fileOf("long.mp4", 17_000, 2), fileOf("long.mp4", 16_999)]) {
      await expect(uploads.reselect(id, other)).rejects.toMatchObject({ code: "FILE_CHANGED" });
      expect(uploads.summary.value.items[0]).toMatchObject({ state: "needsFile", error: { code: "FILE_CHANGED" } });
    }
    expect(browser.server.chunks).toHaveLength(seen);
  });

  it("that changes while it is sent is asked for again, once", async () => {
    let isChanged = false;
    const file = fileOf("a.mp4", 20_000);
    const slice = file.slice.bind(file);
    // As browsers do: a file that was changed since it was chosen cannot be read.
    vi.spyOn(file, "slice").mockImplementation((begin, end) => {
      const part = slice(begin, end);
      if (isChanged) vi.spyOn(part, "arrayBuffer").mockRejectedValue(new DOMException("changed", "NotReadableError"));
      return part;
    });
    browser.server.chunkSizeBytes = 5000;
    browser.server.faultOf = (count) => {
      isChanged = count >= 2;
      return count >= 2 ? { kind: "cut", afterBytes: 100 } : undefined;
    };
    const uploads = browser.tab();
    await uploads.add([file], SESSION);
    const item = await reaches(uploads, "needsFile");
    await eventually(() => browser.server.inFlight === 0);
    expect(uploads.summary.value.items[0]).toMatchObject({ state: "needsFile", error: { code: "FILE_CHANGED" } });
    const seen = browser.server.chunks.length;
    browser.server.faultOf = () => undefined;
    await uploads.reselect(item.id, fileOf("a.mp4", 20_000));
    await reaches(uploads, "sent");
    expect(browser.server.chunks.length).toBeGreaterThan(seen);
  });

  it("is refused if it is in the list already, unless it goes elsewhere", async () => {
    browser.server.faultOf = () => ({ kind: "hold", until: new Promise(() => {}) });
    const uploads = browser.tab();
    await uploads.add([fileOf("a.mp4", 500)], SESSION);
    const again = await uploads.add([fileOf("b.mp4", 500)], SESSION);
    expect(again.refused).toMatchObject([{ fileName: "b.mp4", error: { code: "FILE_ADDED_ALREADY" } }]);
    expect((await uploads.add([fileOf("a.mp4", 500)], { sessionId: "other" })).added).toHaveLength(1);
  });

  it("is refused with a reason before a byte is sent", async () => {
    const folder = fileOf("videos", 0);
    const unreadable = new DOMException("It is a folder.", "NotFoundError");
    vi.spyOn(folder, "slice").mockReturnValue({ arrayBuffer: () => Promise.reject(unreadable) } as unknown as Blob);
    Object.defineProperty(folder, "type", { value: "" });
    const huge = fileOf("huge.mp4", 10);
    Object.defineProperty(huge, "size", { value: 40e9 });
    const bad = [
      folder,
      huge,
      fileOf("empty.mp4", 0),
      fileOf("a.mp4.lnk", 9),
      fileOf("a.pdf", 9),
      fileOf("a\nb.mp4", 9),
    ];
    const uploads = browser.tab();
    const { added, refused } = await uploads.add([...bad, fileOf("good.mp4", 9)], SESSION);
    const codes = [
      "FOLDER",
      "FILE_TOO_LARGE",
      "FILE_EMPTY",
      "FILE_IS_SHORTCUT",
      "FILE_TYPE_NOT_SUPPORTED",
      "FILE_NAME_INVALID",
    ];
    expect(refused.map(({ error }) => error.code)).toEqual(codes);
    expect(added).toHaveLength(1);
    await reaches(uploads, "sent");
    expect(browser.server.videos).toHaveLength(1);
  });
});

describe("two tabs", () => {
  it("do not send the same upload: the other shows it, and takes it over when the first is closed", async () => {
    browser.server.faultOf = (count) => (count >= 3 ? { kind: "hold", until: new Promise(() => {}) } : undefined);
    const first = browser.tab();
    await first.add([fileOf("a.mp4", 4500)], SESSION);
    await eventually(() => browser.server.chunks.length >= 3);
    const second = browser.tab();
    expect(await second.restored).toBe(1);
    await reaches(second, "elsewhere");
    const again = await second.add([fileOf("a.mp4", 4500)], SESSION);
    expect(again.refused).toMatchObject([{ error: { code: "SENT_BY_ANOTHER_TAB" } }]);
    browser.server.faultOf = () => undefined;
    const asked = browser.server.called("issueUploadToken").length;
    expect(asked).toBe(1);
    first.close();
    await reaches(second, "sent");
    expect(browser.server.videos).toHaveLength(1);
    expect(browser.server.bytesOf(browser.server.videos[0]!)).toEqual(Buffer.from(bytesOf(4500)));
  });

  it("know what the other adds and cancels", async () => {
    browser.server.faultOf = () => ({ kind: "hold", until: new Promise(() => {}) });
    const [first, second] = [browser.tab(), browser.tab()];
    await second.restored;
    await first.add([fileOf("a.mp4", 4500)], SESSION);
    const { id } = await reaches(second, "elsewhere");
    await eventually(() => browser.server.chunks.length > 0);
    await second.cancel(id);
    await until(first.summary, ({ items }) => items.length === 0);
    await until(second.summary, ({ items }) => items.length === 0);
    expect(browser.server.videos[0]?.cancelled).toBe(true);
  });

  it("that add the same file at the same moment upload it once", async () => {
    const [first, second] = [browser.tab(), browser.tab()];
    const outcomes = await Promise.all([first, second].map((tab) => tab.add([fileOf("a.mp4", 4500)], SESSION)));
    expect(outcomes.flatMap(({ added }) => added)).toHaveLength(1);
    await eventually(() => browser.server.videos.some(({ isWhole }) => isWhole));
    expect(browser.server.videos).toHaveLength(1);
  });

  it("ignore unknown messages on their channel", async () => {
    browser.server.faultOf = () => ({ kind: "hold", until: new Promise(() => {}) });
    const [first, second] = [browser.tab(), browser.tab()];
    const { added } = await first.add([fileOf("a.mp4", 1500)], SESSION);
    await reaches(second, "elsewhere");
    const channel = new BroadcastChannel("greenroom-uploads/school//teacher");
    const [id] = added;
    for (const message of [null, "cancel", {}, { kind: "cancel" }, { kind: "progress", id, sentBytes: "all" }]) {
      channel.postMessage(message);
    }
    channel.postMessage({ kind: "progress", id, sentBytes: 7 });
    await until(second.summary, ({ items }) => items[0]?.sentBytes === 7);
    expect(first.summary.value.items).toHaveLength(1);
    channel.close();
  });

  it("send nothing that is added while the person signs out", async () => {
    const uploads = browser.tab();
    const adding = uploads.add([fileOf("a.mp4", 1500)], SESSION);
    uploads.close();
    const { refused, added } = await adding;
    expect(added).toEqual([]);
    expect(refused.map(({ error }) => error.code)).toEqual(["SIGN_IN_ENDED"]);
    expect(browser.server.calls).toEqual([]);
  });

  it("restore nothing once the person has signed out", async () => {
    browser.server.faultOf = () => ({ kind: "hold", until: new Promise(() => {}) });
    const before = browser.tab();
    await before.add([fileOf("a.mp4", 1500)], SESSION);
    await reaches(before, "sending");
    before.close();
    const asked = browser.server.calls.length;
    const uploads = browser.tab();
    uploads.close();
    expect(await uploads.restored).toBe(0);
    expect(uploads.summary.value.items).toEqual([]);
    expect(browser.server.calls).toHaveLength(asked);
  });

  it("of two people show nothing of each other", async () => {
    browser.server.faultOf = () => ({ kind: "hold", until: new Promise(() => {}) });
    const first = browser.tab("ada");
    await first.add([fileOf("a.mp4", 4500)], SESSION);
    await eventually(() => browser.server.chunks.length === 1);
    first.close();
    const second = browser.tab("bob");
    expect(await second.restored).toBe(0);
    expect(second.summary.value.items).toEqual([]);
    expect((await second.add([fileOf("a.mp4", 4500)], SESSION)).added).toHaveLength(1);
  });
});

describe("a browser", () => {
  it("that is offline says so, and resumes as soon as it is online", async () => {
    const onLine = vi.spyOn(navigator, "onLine", "get").mockReturnValue(false);
    let isDown = true;
    browser.server.faultOf = () => (isDown ? { kind: "cut", afterBytes: 1 } : undefined);
    const uploads = browser.tab();
    await uploads.add([fileOf("a.mp4", 500)], SESSION);
    const waiting = await reaches(uploads, "waiting");
    expect(waiting.retryAt).toBeUndefined();
    expect(uploads.summary.value.isOffline).toBe(true);
    isDown = false;
    onLine.mockReturnValue(true);
    dispatchEvent(new Event("online"));
    await reaches(uploads, "sent");
    expect(uploads.summary.value.isOffline).toBe(false);
  });

  it("keeps the screen on while bytes are sent, also after the page was hidden", async () => {
    const sentinels: { released: boolean; release: () => Promise<void> }[] = [];
    const request = () => {
      const sentinel = { released: false, release: () => ((sentinel.released = true), Promise.resolve()) };
      sentinels.push(sentinel);
      return Promise.resolve(sentinel);
    };
    Object.defineProperty(navigator, "wakeLock", { value: { request }, configurable: true });
    let go = () => {};
    const held = new Promise<void>((resolve) => (go = resolve));
    browser.server.faultOf = () => ({ kind: "hold", until: held });
    const uploads = browser.tab();
    await uploads.add([fileOf("a.mp4", 500)], SESSION);
    await eventually(() => sentinels.length === 1);
    sentinels[0]!.released = true;
    document.dispatchEvent(new Event("visibilitychange"));
    await eventually(() => sentinels.length === 2);
    go();
    await reaches(uploads, "sent");
    expect(sentinels.every(({ released }) => released)).toBe(true);
    Object.defineProperty(navigator, "wakeLock", { value: undefined, configurable: true });
  });

  it("that is too slow for the deadline shows a warning", async () => {
    browser.server.minKbps = 1_000_000;
    browser.server.chunkSizeBytes = 100;
    browser.server.faultOf = () => ({ kind: "hold", until: new Promise((resolve) => setTimeout(resolve, 100)) });
    const uploads = browser.tab();
    await uploads.add([fileOf("a.mp4", 20_000)], SESSION);
    const { items } = await until(uploads.summary, (summary) => summary.items[0]?.isTooSlow === true);
    expect(items[0]!.bytesPerSecond).toBeGreaterThan(0);
    expect(items[0]!.secondsLeft).toBeGreaterThan(0);
    expect(items[0]!.uploadUntil!.getTime()).toBeGreaterThan(Date.now());
    await uploads.cancel(items[0]!.id);
  });

  it.each(["refuses", "never opens"])("that %s storage uploads, and says that nothing is kept", async (how) => {
    const open = () => {
      if (how === "refuses") throw new DOMException("blocked", "SecurityError");
      return {} as IDBOpenDBRequest;
    };
    vi.spyOn(indexedDB, "open").mockImplementation(open);
    const uploads = browser.tab();
    await uploads.add([fileOf("a.mp4", 500)], SESSION);
    await reaches(uploads, "sent");
    expect(uploads.summary.value.isKept).toBe(false);
  });

  it("that blocks locks and channels uploads as if it had one tab", async () => {
    const blocked = () => Promise.reject(new DOMException("blocked", "SecurityError"));
    Object.defineProperty(navigator, "locks", { value: { request: blocked }, configurable: true });
    vi.stubGlobal("BroadcastChannel", function () {
      throw new DOMException("blocked", "SecurityError");
    });
    const uploads = browser.tab();
    await uploads.add([fileOf("a.mp4", 500)], SESSION);
    await reaches(uploads, "sent");
    vi.unstubAllGlobals();
  });

  it("requests one wake lock at a time", async () => {
    let given = (_: object) => {};
    const request = vi.fn(() => new Promise((resolve) => (given = resolve)));
    Object.defineProperty(navigator, "wakeLock", { value: { request }, configurable: true });
    const lock = new WakeLock();
    lock.set(true);
    document.dispatchEvent(new Event("visibilitychange"));
    expect(request).toHaveBeenCalledTimes(1);
    const release = vi.fn(() => Promise.resolve());
    lock.close();
    given({ released: false, release });
    await eventually(() => release.mock.calls.length === 1);
    Object.defineProperty(navigator, "wakeLock", { value: undefined, configurable: true });
  });

  it("whose storage is full uploads, and says that nothing is kept", async () => {
    vi.spyOn(IDBObjectStore.prototype, "put").mockImplementation(() => {
      throw new DOMException("full", "QuotaExceededError");
    });
    const uploads = browser.tab();
    await uploads.add([fileOf("a.mp4", 500)], SESSION);
    await reaches(uploads, "sent");
    expect(uploads.summary.value.isKept).toBe(false);
  });

  it("cannot cancel while the server does not answer: the upload stays, paused", async () => {
    browser.server.faultOf = () => ({ kind: "hold", until: new Promise(() => {}) });
    const uploads = browser.tab();
    const { added } = await uploads.add([fileOf("a.mp4", 500)], SESSION);
    await eventually(() => browser.server.chunks.length === 1);
    browser.server.refusalOf = () => ({ kind: "captivePortal" });
    await expect(uploads.cancel(added[0]!)).rejects.toMatchObject({
      code: "UNREACHABLE",
    } satisfies Partial<GreenroomError>);
    expect(uploads.summary.value.items[0]?.state).toBe("paused");
    browser.server.refusalOf = () => undefined;
    await uploads.cancel(added[0]!);
    expect(browser.server.videos[0]?.cancelled).toBe(true);
  });
});
