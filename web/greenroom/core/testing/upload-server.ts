import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";

import { KalturaTokens } from "./kaltura-tokens";

const REQUEST_ID = /^[\w.-]{1,64}$/;

/** A fault that a test injects into a request. */
export type Fault =
  /** The connection breaks after so many bytes of the body. */
  | { readonly kind: "cut"; readonly afterBytes: number }
  /** The request is carried out, and the connection breaks before the answer. */
  | { readonly kind: "answerLost" }
  /** A captive portal answers instead. */
  | { readonly kind: "captivePortal" }
  | { readonly kind: "status"; readonly status: number }
  /** Kaltura answers with this error code. */
  | { readonly kind: "code"; readonly code: string }
  /** The answer waits for this. */
  | { readonly kind: "hold"; readonly until: Promise<unknown> };

/** An error that a callable answers with. */
export interface Refusal {
  readonly code: string;
  readonly retryable?: boolean;
  readonly retryAfterS?: number;
  readonly videoId?: string;
}

export interface Video {
  readonly videoId: string;
  readonly sessionId: string;
  readonly order: number;
  readonly requests: string[];
  fileName: string;
  sizeBytes: number;
  cancelled: boolean;
  deleted: boolean;
  isWhole: boolean;
  token: string;
}

type Data = Record<string, string & number>;

/** A server with the callables for uploads and with both upload protocols, as strict as the real ones. */
export class UploadServer {
  protocol: "kaltura" | "tus" = "kaltura";
  chunkSizeBytes = 1000;

  /** The lifetime of a token, and the difference between the server's clock and this machine's. */
  lifetimeMs = 2 * 3600_000;
  clockOffsetMs = 0;
  minKbps = 1;

  readonly videos: Video[] = [];
  readonly calls: { readonly name: string; readonly data: Data }[] = [];

  /** The offsets of the requests with bytes, in their order. */
  readonly chunks: number[] = [];
  readonly sockets = new Set<Socket>();
  inFlight = 0;
  mostInFlight = 0;

  /** Called for each request with bytes. */
  faultOf: (count: number, begin: number) => Fault | undefined = () => undefined;

  /** Called for each callable's request. */
  refusalOf: (name: string, data: Data, count: number) => Refusal | Fault | undefined = () => undefined;

  /** Keys that are valid now; a renewal adds one. */
  readonly keys = new Set<string>();

  readonly #kaltura = new KalturaTokens();
  readonly #tus = new Map<string, { size: number; bytes: Buffer }>();
  readonly #server: Server;
  #count = 0;

  private constructor() {
    this.#server = createServer((request, response) => void this.#serve(request, response));
    this.#server.on("connection", (socket) => {
      this.sockets.add(socket);
      socket.on("error", () => undefined);
    });
  }

  static async open(): Promise<UploadServer> {
    const server = new UploadServer();
    await new Promise<void>((resolve) => server.#server.listen(0, "127.0.0.1", resolve));
    return server;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  close(): Promise<void> {
    this.#server.closeAllConnections();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }

  /** The bytes of a video, once all have arrived. */
  bytesOf(video: Video): Buffer | undefined {
    if (!video.isWhole) return undefined;
    return this.#tus.get(video.token)?.bytes ?? this.#kaltura.bytesOf(video.token);
  }

  /** Forget that Kaltura's file was closed: the request with the last chunk came too early for the others. */
  reopen(video: Video): void {
    video.isWhole = false;
    this.#kaltura.reopen(video.token);
  }

  called(name: string): Data[] {
    return this.calls.filter((call) => call.name === name).map(({ data }) => data);
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const headers = "Access-Control-Allow-Headers";
    response.setHeader("Access-Control-Allow-Origin", "*");
    response.setHeader(headers, "Content-Type, Authorization, Tus-Resumable, Upload-Offset");
    response.setHeader("Access-Control-Allow-Methods", "POST, PATCH, HEAD");
    response.setHeader("Access-Control-Expose-Headers", "Upload-Offset, Upload-Length, Tus-Resumable");
    const [, kind = "", id = ""] = (request.url ?? "").split("?")[0]?.split("/") ?? [];
    if (request.method === "OPTIONS") return void response.writeHead(204).end();
    if (kind === "call") return this.#call(id, request, response);
    if (kind === "kaltura") return this.#upload(request, response, (body) => this.#post(body, request, response));
    if (kind === "tus") return this.#tusRequest(id, request, response);
    response.writeHead(404).end();
  }

  async #call(name: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await read(request);
    const { data } = JSON.parse(body.toString()) as { data: Data };
    this.calls.push({ name, data });
    const refusal = this.refusalOf(name, data, this.called(name).length);
    if (refusal !== undefined && "kind" in refusal) {
      if (refusal.kind === "captivePortal") return answerAsPortal(response);
      if (refusal.kind === "hold") await refusal.until;
      if (refusal.kind === "answerLost") this.#answer(name, data);
      if (refusal.kind !== "hold") return void request.socket.destroy();
    } else if (refusal !== undefined) return refuse(response, refusal);
    const answer = this.#answer(name, data);
    if ("code" in answer) return refuse(response, answer as unknown as Refusal);
    response.setHeader("Content-Type", "application/json");
    response.end(JSON.stringify({ data: answer }));
  }

  #answer(name: string, data: Data): object {
    switch (name) {
      case "issueUploadToken": {
        if (!REQUEST_ID.test(data["requestId"] ?? "")) return { code: "FIELD_INVALID" };
        const found = this.videos.find((video) => video.requests[0] === `${data["sessionId"]}/${data["requestId"]}`);
        return this.#token(found ?? this.#create(data), `${data["sessionId"]}/${data["requestId"]}`);
      }
      case "replaceVideo": {
        const video = this.#video(data);
        if (video === undefined || video.deleted) return { code: "VIDEO_NOT_FOUND" };
        if (!video.requests.includes(data["requestId"] ?? "")) {
          video.requests.push(data["requestId"] ?? "");
          this.#open(video, data);
        }
        return this.#token(video, data["requestId"] ?? "");
      }
      case "cancelUpload": {
        const video = this.#video(data);
        if (video === undefined || video.deleted) return { code: "VIDEO_NOT_FOUND" };
        if (video.isWhole) return { code: "UPLOAD_COMPLETE" };
        video.cancelled = true;
        this.keys.clear();
        return { videoId: video.videoId };
      }
      default:
        return { videoId: data["videoId"] };
    }
  }

  #video(data: Data): Video | undefined {
    return this.videos.find((video) => video.videoId === data["videoId"]);
  }

  #create(data: Data): Video {
    const requests = [`${data["sessionId"]}/${data["requestId"]}`];
    const videoId = createHash("sha256").update(requests.join()).digest("hex").slice(0, 20);
    const order = this.videos.length + 1;
    const facts = { videoId, sessionId: data["sessionId"] ?? "", order, requests, deleted: false };
    const video: Video = { ...facts, fileName: "", sizeBytes: 0, cancelled: false, isWhole: false, token: "" };
    this.videos.push(video);
    this.#open(video, data);
    return video;
  }

  #open(video: Video, data: Data): void {
    video.fileName = data["fileName"] ?? "";
    video.sizeBytes = data["fileSizeBytes"] ?? 0;
    video.isWhole = false;
    video.cancelled = false;
    video.token = `token${++this.#count}`;
    if (this.protocol === "kaltura") this.#kaltura.add(video.token);
    else this.#tus.set(video.token, { size: video.sizeBytes, bytes: Buffer.alloc(0) });
  }

  #token(video: Video, request: string): object {
    if (video.deleted) return { code: "VIDEO_DELETED" };
    if (video.requests.at(-1) !== request) return { code: "UPLOAD_REPLACED" };
    if (video.cancelled) return { code: "UPLOAD_CANCELLED" };
    if (video.isWhole) return { code: "UPLOAD_COMPLETE" };
    const ks = `secret-${++this.#count}`;
    this.keys.add(ks);
    const now = Date.now() + this.clockOffsetMs;
    const receivedBytes = this.#tus.get(video.token)?.bytes.length ?? this.#kaltura.receivedBytes(video.token);
    const { chunkSizeBytes } = this;
    const upload =
      this.protocol === "kaltura"
        ? { protocol: "kaltura", url: `${this.url}/kaltura`, ks, uploadTokenId: video.token, chunkSizeBytes }
        : { protocol: "tus", url: `${this.url}/tus/${video.token}`, chunkSizeBytes };
    return {
      videoId: video.videoId,
      provider: "any",
      issuedAt: new Date(now).toISOString(),
      expiresAt: new Date(now + this.lifetimeMs).toISOString(),
      uploadUntil: new Date(now + 7 * 86400_000).toISOString(),
      minKbps: this.minKbps,
      receivedBytes,
      upload,
    };
  }

  async #upload(
    request: IncomingMessage,
    response: ServerResponse,
    carryOut: (body: Buffer) => Promise<void>,
    begin?: number,
  ): Promise<void> {
    this.inFlight += 1;
    this.mostInFlight = Math.max(this.mostInFlight, this.inFlight);
    try {
      const fault = this.faultOf(this.chunks.length + 1, begin ?? -1);
      if (fault?.kind === "cut") {
        this.chunks.push(begin ?? -1);
        await read(request, fault.afterBytes).then(
          (body) => (begin === undefined ? undefined : carryOut(body)),
          () => undefined,
        );
        return void request.socket.destroy();
      }
      const body = await read(request);
      const fields = begin ?? (formOf(body, request).get("resumeAt")?.toString() || 0);
      this.chunks.push(Math.max(0, Number(fields)));
      if (fault?.kind === "captivePortal") return answerAsPortal(response);
      if (fault?.kind === "status") return void response.writeHead(fault.status).end("no");
      if (fault?.kind === "code") return void response.end(JSON.stringify(exception(fault.code)));
      if (fault?.kind === "hold") await fault.until;
      if (fault?.kind === "answerLost") response.end = () => (request.socket.destroy(), response);
      await carryOut(body);
    } catch {
      request.socket.destroy();
    } finally {
      this.inFlight -= 1;
    }
  }

  async #post(body: Buffer, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const form = formOf(body, request);
    const token = form.get("uploadTokenId")?.toString() ?? "";
    const video = this.videos.find((one) => one.token === token);
    if (!this.keys.has(form.get("ks")?.toString() ?? "")) return json(response, exception("INVALID_KS"));
    if (video === undefined || video.cancelled || video.deleted)
      return json(response, exception("UPLOAD_TOKEN_NOT_FOUND"));
    const outcome = await this.#kaltura.upload(token, form);
    if ("code" in outcome) return json(response, exception(outcome.code));
    if (outcome.isFinal) video.isWhole = true;
    return json(response, { objectType: "KalturaUploadToken", id: token, uploadedFileSize: outcome.bytes });
  }

  async #tusRequest(id: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const file = this.#tus.get(id);
    const video = this.videos.find((one) => one.token === id);
    if (file === undefined || video === undefined || video.cancelled || video.deleted)
      return void response.writeHead(404).end();
    const done = (status: number) => {
      const headers = { "Tus-Resumable": "1.0.0", "Upload-Offset": file.bytes.length, "Upload-Length": file.size };
      response.writeHead(status, headers).end();
    };
    if (request.method === "HEAD") return done(200);
    const begin = Number(request.headers["upload-offset"]);
    const carryOut = async (body: Buffer) => {
      if (begin !== file.bytes.length) return done(409);
      file.bytes = Buffer.concat([file.bytes, body]);
      video.isWhole = file.bytes.length === file.size;
      done(204);
    };
    await this.#upload(request, response, carryOut, begin);
  }
}

function exception(code: string): object {
  return { code, message: "refused", objectType: "KalturaAPIException", args: [] };
}

function json(response: ServerResponse, answer: object): void {
  response.setHeader("Content-Type", "application/json");
  response.end(JSON.stringify(answer));
}

function answerAsPortal(response: ServerResponse): void {
  response.setHeader("Content-Type", "text/html");
  response.end("<!doctype html><title>Welcome to our hotel</title>");
}

function refuse(response: ServerResponse, { code, retryable = false, retryAfterS, videoId }: Refusal): void {
  const details = { code, retryable, ...(retryAfterS !== undefined && { retryAfterS }), ...(videoId && { videoId }) };
  response.writeHead(400, { "Content-Type": "application/json" });
  response.end(
    JSON.stringify({ error: { status: "FAILED_PRECONDITION", message: `The server says ${code}.`, details } }),
  );
}

/** Read a body, or its first bytes. */
function read(request: IncomingMessage, most = Infinity): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = [];
    let size = 0;
    request.on("data", (part: Buffer) => {
      parts.push(part);
      size += part.length;
      if (size < most) return;
      request.pause();
      resolve(Buffer.concat(parts).subarray(0, most));
    });
    request.on("end", () => resolve(Buffer.concat(parts)));
    request.on("aborted", () => reject(new Error("The client is gone.")));
    request.on("error", reject);
  });
}

/** Return the parts of a form, as text in Latin-1, which keeps bytes. */
function formOf(body: Buffer, request: IncomingMessage): Map<string, Buffer> {
  const boundary = /boundary=(.+)$/.exec(request.headers["content-type"] ?? "")?.[1] ?? "";
  const parts = new Map<string, Buffer>();
  const text = body.toString("latin1");
  for (const part of text.split(`--${boundary}`).slice(1, -1)) {
    const end = part.indexOf("\r\n\r\n");
    const name = /name="([^"]+)"/.exec(part.slice(0, end))?.[1] ?? "";
    parts.set(name, Buffer.from(part.slice(end + 4, -2), "latin1"));
  }
  return parts;
}
