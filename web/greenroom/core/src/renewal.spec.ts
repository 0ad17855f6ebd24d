import { describe, expect, it } from "vitest";

import { GreenroomError } from "./errors";
import { type GrantAnswer, type Grant, Renewal, timesOf } from "./renewal";
import { ManualClock } from "../testing/manual-clock";

/** The server's formula: `renew_at` in shared/ports/grants.py. */
function grantAt(serverMs: number, lifetimeS: number): GrantAnswer & Grant {
  const expiresMs = serverMs + lifetimeS * 1000;
  const renewMs = expiresMs - Math.min(600_000, (lifetimeS * 1000) / 2);
  const [issuedAt, expiresAt, renewAt] = [serverMs, expiresMs, renewMs].map((ms) => new Date(ms).toISOString());
  return { issuedAt: issuedAt!, expiresAt: expiresAt!, renewAt: renewAt! };
}

const SERVER_MS = Date.parse("2026-11-29T12:00:00Z");
const down = new GreenroomError("UNREACHABLE", "down", true);

function renewalOf(clock: ManualClock, ask: () => Promise<GrantAnswer & Grant>, isNeeded = () => true) {
  const accepted: (GrantAnswer & Grant)[] = [];
  const errors: [string, boolean][] = [];
  const renewal = new Renewal<GrantAnswer & Grant>({
    clock,
    ask,
    grantsOf: (answer) => [answer],
    accept: (answer) => accepted.push(answer),
    failed: (error, isRetried) => errors.push([error.code, isRetried]),
    isNeeded,
  });
  return { renewal, accepted, errors };
}

describe("timesOf", () => {
  it("renews a grant whose times cannot be read after a minute", () => {
    const grant = { issuedAt: "", expiresAt: "soon", renewAt: "soon" };
    expect(timesOf(grant, [grant])).toEqual({ renewMs: 60_000, endMs: 60_000 });
  });

  it.each([10, 60, 600])("renews a short grant of %d s after half of its life", (lifetimeS) => {
    const grant = grantAt(SERVER_MS, lifetimeS);
    expect(timesOf(grant, [grant])).toEqual({ renewMs: (lifetimeS * 1000) / 2, endMs: lifetimeS * 1000 });
  });

  it("renews a long grant ten minutes before it ends", () => {
    const grant = grantAt(SERVER_MS, 86_400);
    expect(timesOf(grant, [grant]).renewMs).toBe(86_400_000 - 600_000);
  });

  it("renews all grants with the one that expires first", () => {
    const [long, short] = [grantAt(SERVER_MS, 3_600), grantAt(SERVER_MS, 60)];
    expect(timesOf(long, [long, short])).toEqual({ renewMs: 30_000, endMs: 60_000 });
  });
});

describe("Renewal", () => {
  it.each([-86_400, 0, 86_400])("renews in time with a server whose clock differs by %d s", async (differenceS) => {
    const clock = new ManualClock();
    const givenAt: number[] = [];
    const ask = () => {
      givenAt.push(clock.now());
      return Promise.resolve(grantAt(Date.now() + differenceS * 1000 + clock.now(), 60));
    };
    const { renewal } = renewalOf(clock, ask);
    await renewal.renewNow();
    await clock.pass(95_000);
    expect(givenAt).toEqual([0, 30_000, 60_000, 90_000]);
    expect(renewal.isStale).toBe(false);
    renewal.close();
  });

  it("tries again several times before the grant ends", async () => {
    const clock = new ManualClock();
    let isDown = false;
    let asked = 0;
    const ask = () => {
      asked += 1;
      return isDown ? Promise.reject(down) : Promise.resolve(grantAt(SERVER_MS, 120));
    };
    const { renewal, errors, accepted } = renewalOf(clock, ask);
    await renewal.renewNow();
    isDown = true;
    await clock.pass(119_000);
    expect(asked).toBeGreaterThan(5);
    expect(errors.every(([code, isRetried]) => code === "UNREACHABLE" && isRetried)).toBe(true);
    isDown = false;
    await clock.pass(31_000);
    expect(accepted).toHaveLength(2);
    renewal.close();
  });

  it("waits for as long as the server says", async () => {
    const clock = new ManualClock();
    const askedAt: number[] = [];
    const ask = () => {
      askedAt.push(clock.now());
      return Promise.reject(new GreenroomError("SESSION_NOT_OPEN_YET", "not yet", true, 7_200));
    };
    const { renewal } = renewalOf(clock, ask);
    await renewal.renewNow();
    await clock.pass(7_200_000);
    expect(askedAt).toEqual([0, 7_200_000]);
    renewal.close();
  });

  it("does not retry a final refusal", async () => {
    const clock = new ManualClock();
    let asked = 0;
    const ask = () => {
      asked += 1;
      return Promise.reject(new GreenroomError("VIDEO_NOT_FOUND", "no", false));
    };
    const { renewal, errors } = renewalOf(clock, ask);
    await renewal.renewNow();
    await clock.pass(3_600_000);
    expect(asked).toBe(1);
    expect(errors).toEqual([["VIDEO_NOT_FOUND", false]]);
    renewal.close();
  });

  it("sends one request for concurrent renewals", async () => {
    let asked = 0;
    const ask = () => {
      asked += 1;
      return Promise.resolve(grantAt(SERVER_MS, 60));
    };
    const { renewal } = renewalOf(new ManualClock(), ask);
    await Promise.all([renewal.renewNow(), renewal.renewNow()]);
    expect(asked).toBe(1);
    renewal.close();
  });

  it("postpones a renewal until the grant is needed", async () => {
    const clock = new ManualClock();
    let asked = 0;
    let isNeeded = false;
    const ask = () => {
      asked += 1;
      return Promise.resolve(grantAt(SERVER_MS, 60));
    };
    const { renewal } = renewalOf(clock, ask, () => isNeeded);
    await renewal.renewNow();
    await clock.pass(3_600_000);
    expect(asked).toBe(1);
    expect(renewal.isStale).toBe(true);
    isNeeded = true;
    renewal.wake();
    await clock.pass(0);
    expect(asked).toBe(2);
    expect(renewal.isStale).toBe(false);
    renewal.close();
  });

  it("asks at once when the browser is online again", async () => {
    const clock = new ManualClock();
    let isDown = true;
    const { renewal, accepted } = renewalOf(clock, () =>
      isDown ? Promise.reject(down) : Promise.resolve(grantAt(SERVER_MS, 60)),
    );
    await renewal.renewNow();
    isDown = false;
    globalThis.dispatchEvent(new Event("online"));
    await clock.pass(0);
    expect(accepted).toHaveLength(1);
    renewal.close();
  });

  it("does not ask once it is closed", async () => {
    const clock = new ManualClock();
    let asked = 0;
    const { renewal } = renewalOf(clock, () => {
      asked += 1;
      return Promise.resolve(grantAt(SERVER_MS, 60));
    });
    await renewal.renewNow();
    renewal.close();
    await clock.pass(3_600_000);
    expect(asked).toBe(1);
  });
});
