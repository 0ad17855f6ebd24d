import { provideZonelessChangeDetection } from "@angular/core";
import { TestBed } from "@angular/core/testing";
import { disableNetwork } from "firebase/firestore";
import { GREENROOM } from "greenroom/angular";

import { answerJson, LocalServer } from "../../../../greenroom/core/testing/local-server";
import { eventually } from "../../../../greenroom/core/testing/until";
import { SlidesUploads } from "./slides-uploads";

const FILE = new File([new Uint8Array(5_000)], "Fractions.pdf", { type: "application/pdf" });
const INSTANTS = {
  issuedAt: "2030-01-01T00:00:00Z",
  renewAt: "2030-01-01T01:00:00Z",
  expiresAt: "2030-01-01T02:00:00Z",
};

describe("SlidesUploads", () => {
  let server: LocalServer;
  let uploads: SlidesUploads;
  let requests: string[];
  let refusal: object | undefined;
  let isHeld: boolean;
  let stored: number;
  let release: () => void;

  beforeEach(async () => {
    [requests, refusal, isHeld, stored, release] = [[], undefined, false, 0, () => {}];
    server = await LocalServer.start();
    server.handle = ({ method, url = "" }, body, response) => {
      response.setHeader("Access-Control-Expose-Headers", "Location");
      requests.push(`${method} ${url}`);
      if (url === "/call/joinSession") {
        const details = refusal;
        if (details !== undefined)
          return answerJson(response, 400, { error: { status: "NOT_FOUND", message: "no", details } });
        return answerJson(response, 200, { result: { ...INSTANTS, slides: { token: "t", ...INSTANTS, chat: null } } });
      }
      if (url.endsWith("/sharedlivemedias/")) return answerJson(response, 201, { id: "m" });
      if (url.endsWith("/initiate-upload/")) {
        if (refusal !== undefined) return answerJson(response, 400, refusal);
        return answerJson(response, 200, { url: `${server.url}/storage`, method: "POST", headers: {} });
      }
      if (method === "POST") return void response.writeHead(201, { Location: `${server.url}/storage/1` }).end();
      const answer = () => {
        stored += body.length;
        response.writeHead(200).end();
      };
      if (isHeld) release = answer;
      else answer();
    };
    const greenroom = server.greenroom();
    await disableNetwork(greenroom.firestore);
    TestBed.configureTestingModule({
      providers: [provideZonelessChangeDetection(), SlidesUploads, { provide: GREENROOM, useValue: greenroom }],
    });
    uploads = TestBed.inject(SlidesUploads);
  });

  afterEach(() => server.close());

  it("creates a document and sends its file, whatever page is open", async () => {
    isHeld = true;
    uploads.add("lesson", FILE);
    expect(uploads.sending()).toMatchObject([{ sessionId: "lesson", title: "Fractions", sizeBytes: 5_000 }]);
    await eventually(() => requests.at(-1) === "PUT /storage/1");
    expect(uploads.sending()).toMatchObject([{ mediaId: "m" }]);
    release();
    await eventually(() => uploads.all().length === 0);
    expect(stored).toBe(5_000);
  });

  it("keeps a failure until it is dismissed, and retries as the same document", async () => {
    isHeld = false;
    uploads.add("lesson", FILE);
    refusal = { code: "SESSION_NOT_FOUND", retryable: false };
    await eventually(() => uploads.failed().length === 1);
    expect(uploads.sending()).toEqual([]);
    expect(uploads.failed()[0]?.error).toMatchObject({ code: "SESSION_NOT_FOUND" });
    refusal = undefined;
    const { id } = uploads.failed()[0]!;
    uploads.retry(id);
    await eventually(() => uploads.all().length === 0);
    expect(stored).toBe(5_000);
  });

  it("creates no second document on a retry", async () => {
    server.handle = ((handle) => (request, body, response) => {
      const isUpload = request.url?.endsWith("/initiate-upload/") === true;
      refusal =
        isUpload && stored === 0 ? { code: "UPLOAD_FAILED", detail: "Too large.", retryable: false } : undefined;
      handle(request, body, response);
    })(server.handle);
    uploads.add("lesson", FILE);
    await eventually(() => uploads.failed().length === 1);
    expect(uploads.failed()).toMatchObject([{ mediaId: "m" }]);
    stored = 1;
    uploads.retry(uploads.failed()[0]!.id);
    await eventually(() => uploads.all().length === 0);
    expect(requests.filter((one) => one.endsWith("/sharedlivemedias/"))).toHaveLength(1);
  });

  it("dismisses a failure, but nothing that is being sent", async () => {
    refusal = { code: "SESSION_NOT_FOUND", retryable: false };
    uploads.add("lesson", FILE);
    uploads.dismiss(uploads.sending()[0]!.id);
    await eventually(() => uploads.failed().length === 1);
    uploads.dismiss(uploads.failed()[0]!.id);
    expect(uploads.all()).toEqual([]);
  });
});
