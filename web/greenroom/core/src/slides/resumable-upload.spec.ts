import type { IncomingMessage, ServerResponse } from "node:http";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import type { Clock } from "../clock";
import { LocalServer } from "../../testing/local-server";
import { uploadToStorage } from "./resumable-upload";
import type { UploadRequest } from "./slides-api";

/** Time that passes at once, so that pauses cost nothing. */
const hurried: Clock = {
  now: () => performance.now(),
  after: (_ms, callback) => {
    const timer = setTimeout(callback, 1);
    return () => clearTimeout(timer);
  },
};

const CONTENT = Buffer.from(Array.from({ length: 5_000 }, (_, index) => index % 251));
const FILE = new File([CONTENT], "deck.pdf", { type: "application/pdf" });

/** Cloud Storage's protocol of resumable uploads, as far as a browser needs it. */
class Storage {
  stored = Buffer.alloc(0);
  begun = 0;
  readonly ranges: (string | undefined)[] = [];
  exposed = "Location, Range";
  /** Called with each request that sends bytes; true if it has answered. */
  interfere: (request: IncomingMessage, body: Buffer, response: ServerResponse) => boolean = () => false;

  constructor(readonly server: LocalServer) {
    server.handle = (request, body, response) => {
      response.setHeader("Access-Control-Expose-Headers", this.exposed);
      if (request.method === "POST") this.#begin(request, response);
      else this.#put(request, body, response);
    };
  }

  get address(): UploadRequest {
    return { url: `${this.server.url}/begin`, method: "POST", headers: { "x-goog-resumable": "start" } };
  }

  #begin(request: IncomingMessage, response: ServerResponse): void {
    expect(request.headers["x-goog-resumable"]).toBe("start");
    this.begun += 1;
    this.stored = Buffer.alloc(0);
    response.writeHead(201, { Location: `${this.server.url}/upload/${this.begun}` }).end();
  }

  #put(request: IncomingMessage, body: Buffer, response: ServerResponse): void {
    const range = request.headers["content-range"];
    this.ranges.push(range);
    if (!request.url?.endsWith(`/${this.begun}`)) return void response.writeHead(404).end();
    if (range?.startsWith("bytes */") !== true) {
      if (this.interfere(request, body, response)) return;
      this.take(range, body);
    }
    if (this.stored.length === CONTENT.length) return void response.writeHead(200).end();
    const known = this.stored.length === 0 ? {} : { Range: `bytes=0-${this.stored.length - 1}` };
    response.writeHead(308, known).end();
  }

  /** Store what is new; bytes that have arrived already are ignored. */
  take(range: string | undefined, body: Buffer): void {
    const from = Number(/bytes (\d+)-/.exec(range ?? "")?.[1] ?? 0);
    expect(from).toBeLessThanOrEqual(this.stored.length);
    this.stored = Buffer.concat([this.stored, body.subarray(this.stored.length - from)]);
  }
}

describe("uploadToStorage", () => {
  let server: LocalServer;
  let storage: Storage;

  beforeEach(async () => {
    server = await LocalServer.start();
    storage = new Storage(server);
  });
  afterEach(() => server.close());

  const upload = (options = {}) => uploadToStorage(FILE, () => Promise.resolve(storage.address), hurried, options);

  it("sends a document in one piece, and reports the progress", async () => {
    const told: number[] = [];
    await upload({ onProgress: ({ sentBytes }: { sentBytes: number }) => told.push(sentBytes) });
    expect(storage.stored).toEqual(CONTENT);
    expect(storage.ranges).toEqual([undefined]);
    expect(told[0]).toBe(0);
    expect(told.at(-1)).toBe(CONTENT.length);
  });

  /** Let some requests store a part of their bytes, and then break. */
  const breakAfter = (...parts: number[]) => {
    storage.interfere = (request, body) => {
      const part = parts.shift();
      if (part === undefined) return false;
      storage.take(request.headers["content-range"], body.subarray(0, part));
      request.socket.destroy();
      return true;
    };
  };

  it("resumes where the connection broke", async () => {
    breakAfter(2_000, 1_000);
    await upload();
    expect(storage.stored).toEqual(CONTENT);
    expect(storage.begun).toBe(1);
    expect(storage.ranges).toEqual([
      undefined,
      "bytes */5000",
      "bytes 2000-4999/5000",
      "bytes */5000",
      "bytes 3000-4999/5000",
    ]);
  });

  it("sends nothing again if only the answer was lost", async () => {
    breakAfter(5_000);
    await upload();
    expect(storage.ranges).toEqual([undefined, "bytes */5000"]);
    expect(storage.stored).toEqual(CONTENT);
  });

  it("sends everything again if CORS hides the header Range", async () => {
    storage.exposed = "Location";
    breakAfter(2_000);
    await upload();
    expect(storage.ranges.at(-1)).toBe("bytes 0-4999/5000");
    expect(storage.stored).toEqual(CONTENT);
  });

  it("starts over if the upload does not exist any more", async () => {
    let isFirst = true;
    storage.interfere = (_request, _body, response) => {
      if (isFirst) response.writeHead(410).end();
      const wasFirst = isFirst;
      isFirst = false;
      return wasFirst;
    };
    await upload();
    expect(storage.begun).toBe(2);
    expect(storage.stored).toEqual(CONTENT);
  });

  it("starts over if the bucket's CORS settings hide what has arrived", async () => {
    const { handle } = server;
    server.handle = (request, body, response) => {
      if (request.headers["content-range"] !== undefined) request.socket.destroy();
      else handle(request, body, response);
    };
    breakAfter(2_000);
    await upload();
    expect(storage.begun).toBe(2);
    expect(storage.stored).toEqual(CONTENT);
  });

  it("fails if no byte arrives after all retries", async () => {
    storage.interfere = (request) => {
      request.socket.destroy();
      return true;
    };
    await expect(upload()).rejects.toMatchObject({ code: "UNREACHABLE", retryable: true });
  });

  it("reports a refused signed URL at once", async () => {
    server.handle = (_request, _body, response) => response.writeHead(403).end();
    await expect(upload()).rejects.toMatchObject({ code: "UPLOAD_FAILED", retryable: false });
  });

  it("says that CORS hides the upload's URL", async () => {
    storage.exposed = "Range";
    await expect(upload()).rejects.toMatchObject({ code: "NOT_SET_UP" });
  });

  it("stops when it is aborted", async () => {
    const aborter = new AbortController();
    storage.interfere = () => {
      aborter.abort(new Error("cancelled"));
      return true;
    };
    await expect(upload({ signal: aborter.signal })).rejects.toThrow("cancelled");
    expect(storage.stored).toHaveLength(0);
  });
});
