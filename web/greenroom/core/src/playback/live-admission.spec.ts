import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { answerJson, LocalServer } from "../../testing/local-server";
import { ManualClock } from "../../testing/manual-clock";
import { eventually } from "../../testing/until";
import { LiveAdmission } from "./live-admission";

const ISSUED_AT = "2030-01-01T00:00:00.000Z";
const later = (seconds: number) => new Date(Date.parse(ISSUED_AT) + seconds * 1_000).toISOString();
const lasting = (lifetimeS: number) => ({ renewAt: later(lifetimeS / 2), expiresAt: later(lifetimeS) });

describe("LiveAdmission", () => {
  let server: LocalServer;
  let clock: ManualClock;
  let admission: LiveAdmission;
  let requests: unknown[];
  let refusal: object | undefined;

  beforeEach(async () => {
    server = await LocalServer.start();
    clock = new ManualClock();
    requests = [];
    refusal = undefined;
    server.handle = (_request, body, response) => {
      requests.push((JSON.parse(body.toString()) as { data: unknown }).data);
      if (refusal !== undefined) {
        return answerJson(response, 400, { error: { status: "FAILED_PRECONDITION", message: "no", details: refusal } });
      }
      const number = requests.length;
      const chat = { address: "wss://chat.test", jid: "a@chat.test", roomJid: "r@rooms.test", password: `${number}` };
      answerJson(response, 200, {
        result: {
          sessionId: "s",
          issuedAt: ISSUED_AT,
          player: lasting(1_200),
          chat: { jwt: `chat-${number}`, ...lasting(600) },
          room: { url: `https://room.test/${number}`, ...lasting(1_200) },
          slides: { token: `slides-${number}`, ...lasting(1_200), chat: { ...chat, ...lasting(1_200) } },
        },
      });
    };
    admission = new LiveAdmission(server.greenroom(), "s", clock);
  });
  afterEach(async () => {
    admission.close();
    await server.close();
  });

  it("has grants for chat, room and slides, and renews all with the one that expires first", async () => {
    await admission.join();
    expect(admission.grants.value).toMatchObject({ chat: { jwt: "chat-1" }, room: { url: "https://room.test/1" } });
    expect(admission.slides.value?.token).toBe("slides-1");
    expect(admission.slidesChat.value?.password).toBe("1");
    await clock.pass(300_000);
    await eventually(() => admission.slides.value?.token === "slides-2");
    expect(requests).toEqual([{ sessionId: "s" }, { sessionId: "s" }]);
  });

  it("waits until the event opens", async () => {
    refusal = { code: "SESSION_NOT_OPEN_YET", retryable: true, retryAfterS: 900 };
    await admission.join();
    expect(admission.error.value?.code).toBe("SESSION_NOT_OPEN_YET");
    refusal = undefined;
    await clock.pass(899_000);
    expect(requests).toHaveLength(1);
    await clock.pass(1_000);
    await eventually(() => admission.grants.value !== undefined);
    expect(admission.error.value).toBeUndefined();
  });

  it("loses its grants when the event is over", async () => {
    await admission.join();
    refusal = { code: "SESSION_OVER", retryable: false };
    await clock.pass(300_000);
    await eventually(() => admission.error.value?.code === "SESSION_OVER");
    expect(admission.grants.value).toBeUndefined();
    expect(admission.slides.value).toBeUndefined();
  });

  it("keeps its grants while a renewal is tried again", async () => {
    await admission.join();
    refusal = { code: "SESSION_BUSY", retryable: true };
    await clock.pass(300_000);
    await eventually(() => admission.error.value?.code === "SESSION_BUSY");
    expect(admission.grants.value).toMatchObject({ chat: { jwt: "chat-1" } });
  });

  it("lets the server check everything once if Kaltura refuses a grant", async () => {
    await admission.join();
    await Promise.all([admission.refresh(), admission.refresh()]);
    await admission.refresh();
    expect(requests).toEqual([{ sessionId: "s" }, { sessionId: "s", forceRefresh: true }]);
    await clock.pass(60_000);
    await admission.refresh();
    expect(requests.at(-1)).toEqual({ sessionId: "s", forceRefresh: true });
    expect(requests).toHaveLength(3);
  });

  it("does not renew after leaving", async () => {
    await admission.join();
    admission.close();
    await clock.pass(3_600_000);
    expect(requests).toHaveLength(1);
    expect(admission.grants.value).toBeUndefined();
  });
});
