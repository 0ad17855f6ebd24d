import { connectFunctionsEmulator } from "firebase/functions";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { GreenroomError } from "../errors";
import { Greenroom } from "../greenroom";
import { Store } from "../store";
import { answerJson, LocalServer } from "../../testing/local-server";
import { SlidesApi, type SlidesGrant } from "./slides-api";

describe("SlidesApi", () => {
  let server: LocalServer;
  let grant: Store<SlidesGrant | undefined>;
  let api: SlidesApi;

  beforeEach(async () => {
    server = await LocalServer.start();
    grant = new Store<SlidesGrant | undefined>({ token: "first" });
    api = new SlidesApi(server.greenroom(), "lesson", grant);
  });
  afterEach(() => server.close());

  const failure = async (call: Promise<unknown>): Promise<GreenroomError> => {
    try {
      await call;
    } catch (error) {
      if (error instanceof GreenroomError) return error;
    }
    throw new Error("It was not rejected with a GreenroomError.");
  };

  it("calls each path with its method, fields and the token that is valid now", async () => {
    const seen: unknown[] = [];
    server.handle = ({ method, url, headers }, body, response) => {
      seen.push([method, url, headers.authorization, body.length === 0 ? undefined : JSON.parse(body.toString())]);
      if (method === "DELETE") response.writeHead(204).end();
      else answerJson(response, 200, { id: "m", urls: null, revision: 4, results: [], next: null });
    };
    await api.create({ title: "Fractions" });
    grant.set({ token: "second" });
    await api.read("m");
    await api.change("m", { show_download: false });
    await api.beginUpload("m", { filename: "a.pdf", mimetype: "application/pdf", size: 3 });
    await api.start("m");
    expect(await api.navigate("m", 7)).toBe(4);
    await api.end("m");
    await api.remove("m");
    await api.timeline(100);
    const second = "Bearer second";
    expect(seen).toEqual([
      ["POST", "/api/sharedlivemedias/", "Bearer first", { title: "Fractions" }],
      ["GET", "/api/sharedlivemedias/m/", second, undefined],
      ["PATCH", "/api/sharedlivemedias/m/", second, { show_download: false }],
      [
        "POST",
        "/api/sharedlivemedias/m/initiate-upload/",
        second,
        { filename: "a.pdf", mimetype: "application/pdf", size: 3 },
      ],
      ["POST", "/api/sharedlivemedias/m/start/", second, {}],
      ["POST", "/api/sharedlivemedias/m/navigate/", second, { target_page: 7 }],
      ["POST", "/api/sharedlivemedias/m/end/", second, {}],
      ["DELETE", "/api/sharedlivemedias/m/", second, undefined],
      ["GET", "/api/videos/lesson/timeline/?offset=100", second, undefined],
    ]);
  });

  it("reports a refusal with its code and sentence", async () => {
    server.handle = (_request, _body, response) =>
      answerJson(response, 409, { detail: "It is shown now.", code: "MEDIA_ACTIVE", retryable: false });
    expect(await failure(api.remove("m"))).toMatchObject({
      code: "MEDIA_ACTIVE",
      message: "It is shown now.",
      retryable: false,
    });
  });

  it("reports the sentence of an invalid field, and how long to wait", async () => {
    server.handle = (_request, _body, response) =>
      answerJson(response, 429, { size: ["Too large."], code: "CALLS_TOO_MANY", retryable: true, retryAfterS: 3 });
    expect(await failure(api.read("m"))).toMatchObject({ message: "Too large.", retryable: true, retryAfterS: 3 });
  });

  it("treats the page of a captive portal as no answer", async () => {
    server.handle = (_request, _body, response) => response.writeHead(200).end("<html>Accept our terms</html>");
    expect((await failure(api.start("m"))).code).toBe("UNREACHABLE");
  });

  it("retries a read without an answer, but turns a page once", async () => {
    let requests = 0;
    server.handle = (request) => {
      requests += 1;
      request.socket.destroy();
    };
    expect((await failure(api.navigate("m", 2))).code).toBe("UNREACHABLE");
    expect(requests).toBe(1);
    expect((await failure(api.read("m"))).code).toBe("UNREACHABLE");
    expect(requests).toBe(4);
  });

  it("sends no request without a token", async () => {
    grant.set(undefined);
    expect((await failure(api.read("m"))).code).toBe("NOT_ADMITTED");
  });

  it("calls the emulator of functions if the app is connected to one", async () => {
    const { apiUrl: _, ...options } = server.greenroom().options;
    const greenroom = new Greenroom(server.greenroom().app, {
      ...options,
      region: "europe-west1",
      functionsPrefix: "gr-",
    });
    const { hostname, port } = new URL(server.url);
    connectFunctionsEmulator(greenroom.functions, hostname, Number(port));
    let called: string | undefined;
    server.handle = ({ url }, _body, response) => {
      called = url;
      answerJson(response, 200, { id: "m", urls: null });
    };
    await new SlidesApi(greenroom, "lesson", grant).read("m");
    expect(called).toBe("/test/europe-west1/gr-api/api/sharedlivemedias/m/");
  });
});
