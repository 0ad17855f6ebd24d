import { bytesOf, fileOf } from "../../testing/browser";
import { UploadServer, type Video } from "../../testing/upload-server";
import type { GreenroomError } from "../errors";
import type { UploadAnswer } from "../schema/types";
import { sendByKaltura } from "./kaltura";
import { UploadTokens } from "./tokens";

let server: UploadServer;
let size = 0;
let seed = 0;

beforeEach(async () => {
  server = await UploadServer.open();
  seed += 1;
});

afterEach(() => server.close());

async function ask(): Promise<UploadAnswer> {
  const data = { sessionId: "s", requestId: "r", fileName: "a.mp4", fileSizeBytes: size };
  const answer = await fetch(`${server.url}/call/issueUploadToken`, { method: "POST", body: JSON.stringify({ data }) });
  const { data: token, error } = (await answer.json()) as { data: UploadAnswer; error?: { details: { code: string } } };
  if (error !== undefined) throw new Error(error.details.code);
  return token;
}

/** Send the rest of a file once, as one try of an upload does. */
async function send(connections: number, progress: number[] = []): Promise<void> {
  const tokens = new UploadTokens(ask);
  const { receivedBytes: from } = await tokens.renew();
  await sendByKaltura({
    file: fileOf("a.mp4", size, seed),
    from,
    tokens,
    connections: () => connections,
    onProgress: (sentBytes) => progress.push(sentBytes),
    signal: new AbortController().signal,
  });
}

function video(): Video {
  return server.videos[0] as Video;
}

it("sends the first chunk alone, then as many at once as there are connections, and the last alone", async () => {
  size = 20_500;
  const beside: number[] = [];
  server.faultOf = (count) => {
    // Answers that take a while let requests meet.
    const held = new Promise((resolve) => setTimeout(resolve, count === 1 ? 300 : 50)).then(() =>
      beside.push(server.inFlight - 1),
    );
    return { kind: "hold", until: held };
  };
  await send(4);
  expect(server.mostInFlight).toBe(4);
  expect([beside[0], beside.at(-1)]).toEqual([0, 0]);
  expect(server.chunks[0]).toBe(0);
  expect(server.chunks.at(-1)).toBe(20_000);
  expect(server.bytesOf(video())).toEqual(Buffer.from(bytesOf(size, seed)));
});

it("reuses connections", async () => {
  size = 30_000;
  await send(3);
  expect(server.chunks).toHaveLength(30);
  expect(server.sockets.size).toBeLessThanOrEqual(6);
});

it("reports progress that grows to the size of the file", async () => {
  size = 9_500;
  const progress: number[] = [];
  await send(3, progress);
  expect(progress.at(-1)).toBe(size);
  expect(Math.max(...progress)).toBe(size);
  for (let at = 1; at < progress.length; at++) expect(progress[at]).toBeGreaterThanOrEqual(progress[at - 1]!);
});

it.each([500, 1000, 2500])("closes a file of %i bytes that has all of them and is still open", async (bytes) => {
  size = bytes;
  await send(2);
  server.reopen(video());
  await send(2);
  expect(video().isWhole).toBe(true);
  expect(server.bytesOf(video())).toEqual(Buffer.from(bytesOf(size, seed)));
});

it.each([
  ["INVALID_KS", "PROVIDER_REFUSED"],
  ["SERVICE_FORBIDDEN", "PROVIDER_REFUSED"],
  ["UPLOAD_TOKEN_NOT_FOUND", "PROVIDER_REFUSED"],
  ["UPLOAD_TOKEN_FILE_TYPE_RESTRICTED_FOR_UPLOAD", "PROVIDER_REFUSED"],
  ["ACTION_BLOCKED", "PROVIDER_UNAVAILABLE"],
  ["INTERNAL_SERVER_ERROR", "PROVIDER_UNAVAILABLE"],
  ["MAX_ALLOWED_CHUNK_COUNT_EXCEEDED", "PROVIDER_UNAVAILABLE"],
])("maps %s to %s, and names no secret", async (code, ours) => {
  size = 5000;
  server.faultOf = (count) => (count === 3 ? { kind: "code", code } : undefined);
  const error = await send(2).then(
    () => undefined,
    (reason: GreenroomError) => reason,
  );
  expect(error).toMatchObject({ code: ours });
  expect(`${error?.message} ${error?.stack} ${JSON.stringify(error)}`).not.toMatch(/secret|token\d|127\.0/);
});

it.each(Array.from({ length: 30 }, (_, index) => index + 1))(
  "ends with the right bytes whatever breaks (%i)",
  async (run) => {
    let state = run * 7919;
    const random = (below: number) => (state = (Math.imul(state, 1103515245) + 12345) >>> 0) % below;
    size = 1 + random(30_000);
    server.chunkSizeBytes = 300 + random(3000);
    const faults = ["cut", "answerLost", "captivePortal", "status", "code"] as const;
    server.faultOf = () => {
      if (random(4) > 0) return undefined;
      const kind = faults[random(5)] ?? "captivePortal";
      if (kind === "cut") return { kind, afterBytes: random(2000) };
      if (kind === "status") return { kind, status: 502 };
      return kind === "code" ? { kind, code: random(2) > 0 ? "INVALID_KS" : "ACTION_BLOCKED" } : { kind };
    };
    for (let tries = 0; !video()?.isWhole; tries++) {
      expect(tries).toBeLessThan(60);
      await send(1 + random(5)).catch(() => undefined);
    }
    expect(server.bytesOf(video())).toEqual(Buffer.from(bytesOf(size, seed)));
  },
);
