import { Timestamp } from "firebase/firestore";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import type { Observer, WithId } from "../documents";
import type { IssuePlayback, PlaybackAnswer, Session } from "../schema/types";
import { answerJson, LocalServer } from "../../testing/local-server";
import { ManualClock, settled } from "../../testing/manual-clock";
import { eventually } from "../../testing/until";
import { Playback, type PlaybackTarget } from "./playback";

const VIDEO = "9f86d081884c7d659a2f";

/** jsdom plays nothing, so this stands for a browser's element. */
function videoElement(): HTMLVideoElement {
  const element = document.createElement("video");
  const fields = { paused: true, currentTime: 0, readyState: 0, ended: false };
  for (const name of Object.keys(fields) as (keyof typeof fields)[]) {
    Object.defineProperty(element, name, {
      get: () => fields[name],
      set: (value: never) => void (fields[name] = value),
      configurable: true,
    });
  }
  element.load = () => {};
  element.canPlayType = () => "";
  element.play = () => {
    (fields as { paused: boolean }).paused = false;
    element.dispatchEvent(new Event("play"));
    return Promise.resolve();
  };
  return element;
}

type Listener = (event: string, data: unknown) => void;

/** Stands for hls.js, which needs a real browser: a test says what it would say. */
class StandInHls {
  static readonly Events = { ERROR: "error", MANIFEST_PARSED: "parsed", FRAG_BUFFERED: "buffered" };
  static readonly ErrorTypes = { NETWORK_ERROR: "network", MEDIA_ERROR: "media", OTHER_ERROR: "other" };
  static all: StandInHls[] = [];
  static isSupported = () => true;

  readonly #listeners = new Map<string, Listener[]>();
  readonly done: string[] = [];
  levels: { height: number; bitrate: number }[] = [];
  nextLevel = -1;
  latency = 0;
  playingDate: Date | null = null;

  constructor(readonly config: { xhrSetup: (xhr: XMLHttpRequest, url: string) => void | Promise<void> }) {
    StandInHls.all.push(this);
  }

  on(event: string, listener: Listener): void {
    this.#listeners.set(event, [...(this.#listeners.get(event) ?? []), listener]);
  }
  readonly once = this.on;
  loadSource(url: string): void {
    this.done.push(`load ${url}`);
  }
  attachMedia(): void {}
  startLoad(position?: number): void {
    this.done.push(`start ${position ?? ""}`.trim());
  }
  recoverMediaError(): void {
    this.done.push("recover");
  }
  swapAudioCodec(): void {
    this.done.push("swap");
  }
  destroy(): void {
    this.done.push("destroy");
  }

  emit(event: string, data: object = {}): void {
    for (const listener of this.#listeners.get(event) ?? []) listener(event, data);
  }
  parsed(): void {
    this.levels = [{ height: 720, bitrate: 2_000_000 }];
    this.emit("parsed");
    this.emit("buffered");
  }
  /** Report a fatal failure of the network. @param status what the server answered; 0 for nothing. */
  networkFails(status: number): void {
    this.emit("error", { fatal: true, type: "network", response: { code: status } });
  }
  mediaFails(): void {
    this.emit("error", { fatal: true, type: "media" });
  }
  /** Return the address that a request for another one is sent to. */
  async sentTo(url: string): Promise<string> {
    let opened = "";
    const xhr = { open: (_method: string, to: string) => (opened = to) } as unknown as XMLHttpRequest;
    await this.config.xhrSetup(xhr, url);
    return opened;
  }
}

const token = (name: string) => name.padEnd(40, "x");

describe("Playback", () => {
  let server: LocalServer;
  let clock: ManualClock;
  let element: HTMLVideoElement;
  let playback: Playback | undefined;
  let requests: IssuePlayback[];
  let observer: Observer<WithId<Session> | null> | undefined;
  /** What the server answers to each request. */
  let answer: (
    request: IssuePlayback,
    number: number,
  ) => Partial<PlaybackAnswer> | { code: string; [name: string]: unknown };

  /** Return a grant of a minute, whose token is new. */
  const grant = (host: string, name: string, more: Partial<PlaybackAnswer> = {}): PlaybackAnswer => {
    const manifestUrl = `https://${host}.test/${token(name)}/video.m3u8`;
    const times = {
      issuedAt: "2030-01-01T00:00:00Z",
      renewAt: "2030-01-01T00:00:30Z",
      expiresAt: "2030-01-01T00:01:00Z",
    };
    return { videoId: VIDEO, host, playUrl: manifestUrl, manifestUrl, ...times, ...more };
  };
  const segment = (host: string, name: string) => `https://${host}.test/${token(name)}/720p/1.ts`;

  beforeEach(async () => {
    server = await LocalServer.start();
    clock = new ManualClock();
    element = videoElement();
    requests = [];
    observer = undefined;
    StandInHls.all = [];
    StandInHls.isSupported = () => true;
    server.handle = (_request, body, response) => {
      const { data } = JSON.parse(body.toString()) as { data: IssuePlayback };
      requests.push(data);
      const found = answer(data, requests.length);
      if (!("code" in found)) return answerJson(response, 200, { result: found });
      const { status = "FAILED_PRECONDITION", http = 400, ...details } = found;
      answerJson(response, http as number, {
        error: { status, message: "no", details: { retryable: false, ...details } },
      });
    };
  });
  afterEach(async () => {
    playback?.close();
    await server.close();
  });

  const begin = async (target: PlaybackTarget = { videoId: VIDEO }): Promise<Playback> => {
    playback = new Playback(server.greenroom(), element, target, {
      clock,
      loadHls: () => Promise.resolve({ default: StandInHls as never }),
      watchSession: (_id, one) => {
        observer = one;
        return () => (observer = undefined);
      },
    });
    await playback.load();
    await settled();
    return playback;
  };
  const hls = () => {
    const last = StandInHls.all.at(-1);
    if (last === undefined) throw new Error("hls.js was not used.");
    return last;
  };
  const phase = () => playback?.state.value.phase;
  const asked = (count: number) => eventually(() => requests.length >= count);
  const settle = async () => {
    await new Promise((resolve) => setTimeout(resolve, 20));
    await settled();
  };

  describe("of a video", () => {
    it("plays the cheapest host by hls.js", async () => {
      answer = () => grant("a", "1", { thumbnailUrl: "https://a.test/1.jpg" });
      await begin();
      hls().parsed();
      expect(hls().done).toEqual([`load https://a.test/${token("1")}/video.m3u8`, "start -1"]);
      expect(playback?.state.value).toMatchObject({
        phase: "ready",
        host: "a",
        thumbnailUrl: "https://a.test/1.jpg",
        isLive: false,
        qualities: [{ index: 0, height: 720, bitsPerSecond: 2_000_000 }],
      });
    });

    it("is ready before somebody plays it, and while it is paused", async () => {
      answer = () => grant("a", "1");
      await begin();
      expect(phase()).toBe("loading");
      hls().parsed();
      expect(phase()).toBe("ready");
      await element.play();
      element.dispatchEvent(new Event("playing"));
      expect(phase()).toBe("playing");
      Object.assign(element, { paused: true });
      element.dispatchEvent(new Event("pause"));
      expect(phase()).toBe("ready");
    });

    it("ends as it is paused at its end", async () => {
      answer = () => grant("a", "1");
      await begin();
      hls().parsed();
      await element.play();
      element.dispatchEvent(new Event("playing"));
      Object.assign(element, { paused: true, ended: true });
      element.dispatchEvent(new Event("pause"));
      expect(phase()).toBe("playing");
      element.dispatchEvent(new Event("ended"));
      expect(phase()).toBe("ended");
    });

    it("lets the browser play HLS where hls.js cannot, and a file where nothing else is left", async () => {
      StandInHls.isSupported = () => false;
      answer = () => grant("a", "1", { progressiveUrl: "https://a.test/1.mp4" });
      await begin();
      expect(element.src).toBe("https://a.test/1.mp4");
      playback?.close();
      element.canPlayType = () => "maybe";
      await begin();
      expect(element.src).toBe(`https://a.test/${token("1")}/video.m3u8`);
    });

    it("plays the file of a cheaper host without hls.js", async () => {
      answer = () => grant("own", "1", { playUrl: "https://own.test/1.mp4", progressiveUrl: "https://own.test/1.mp4" });
      await begin();
      expect(element.src).toBe("https://own.test/1.mp4");
      expect(StandInHls.all).toEqual([]);
    });

    it("connects to the delivery origins while it asks for the URLs", async () => {
      const links: string[] = [];
      const observer = new MutationObserver((changes) => {
        for (const { addedNodes } of changes)
          for (const { rel, href, crossOrigin } of [...addedNodes] as HTMLLinkElement[])
            links.push(`${requests.length} ${rel} ${href} ${crossOrigin}`);
      });
      observer.observe(document.head, { childList: true });
      answer = () => grant("a", "1");
      const deliveryOrigins = ["https://a.test", "https://b.test"];
      playback = new Playback(server.greenroom({ deliveryOrigins }), element, { videoId: VIDEO }, { clock });
      await playback.load();
      observer.disconnect();
      expect(links).toEqual(["0 preconnect https://a.test/ anonymous", "0 preconnect https://b.test/ anonymous"]);
      expect(document.head.querySelector("link")).toBeNull();
    });

    it("loads hls.js once, in parallel with the call for the URLs, and again only after a failure", async () => {
      const loads: number[] = [];
      let isBroken = true;
      answer = (_request, number) => grant("a", String(number));
      playback = new Playback(
        server.greenroom(),
        element,
        { videoId: VIDEO },
        {
          clock,
          loadHls: () => {
            loads.push(requests.length);
            return isBroken ? Promise.reject(new Error("offline")) : Promise.resolve({ default: StandInHls as never });
          },
        },
      );
      expect(loads).toEqual([]);
      await playback.load();
      await eventually(() => phase() === "reconnecting");
      // Once while the call was on its way, and once when its answer was there.
      expect(loads).toEqual([0, 1]);
      isBroken = false;
      await playback.load();
      await eventually(() => StandInHls.all.length === 1);
      expect(loads).toEqual([0, 1, 1]);
      await playback.load();
      await eventually(() => StandInHls.all.length === 2);
      expect(loads).toHaveLength(3);
    });

    it("says that a browser plays none of the formats", async () => {
      StandInHls.isSupported = () => false;
      answer = () => grant("a", "1");
      await begin();
      expect(playback?.state.value).toMatchObject({ phase: "failed", error: { code: "FORMAT_NOT_SUPPORTED" } });
    });

    it("renews the grant without a new source, and later segments get the new token", async () => {
      answer = (_request, number) => grant("a", String(number));
      await begin();
      hls().parsed();
      await element.play();
      expect(await hls().sentTo(segment("a", "1"))).toBe(segment("a", "1"));
      await clock.pass(30_000);
      await asked(2);
      await settle();
      expect(await hls().sentTo(segment("a", "1"))).toBe(segment("a", "2"));
      expect(StandInHls.all).toHaveLength(1);
      expect(hls().done.filter((one) => one.startsWith("load"))).toHaveLength(1);
    });

    it("renews a paused video when it is needed, before the first request", async () => {
      answer = (_request, number) => grant("a", String(number));
      await begin();
      hls().parsed();
      await clock.pass(3_600_000);
      expect(requests).toHaveLength(1);
      expect(await hls().sentTo(segment("a", "1"))).toBe(segment("a", "2"));
    });

    it("keeps the old host if a renewed grant is for another one", async () => {
      answer = (_request, number) => grant(number === 1 ? "a" : "b", String(number));
      await begin();
      hls().parsed();
      await element.play();
      await clock.pass(30_000);
      await asked(2);
      await settle();
      expect(StandInHls.all).toHaveLength(1);
      expect(await hls().sentTo(segment("a", "1"))).toBe(segment("a", "1"));
      // Once the old one is refused, the new one takes over, at the same position.
      element.currentTime = 42;
      hls().networkFails(403);
      await eventually(() => StandInHls.all.length === 2);
      hls().parsed();
      expect(hls().done).toContain("start 42");
      expect(playback?.state.value).toMatchObject({ phase: "playing", host: "b" });
    });

    it("continues at the next host, at the same position, if one does not work", async () => {
      answer = ({ failedHost }) => (failedHost === "a" ? grant("b", "2") : grant("a", "1"));
      await begin();
      hls().parsed();
      await element.play();
      element.currentTime = 12.5;
      hls().networkFails(0);
      await eventually(() => StandInHls.all.length === 2);
      expect(requests.at(-1)).toEqual({ videoId: VIDEO, failedHost: "a" });
      hls().parsed();
      expect(hls().done).toContain("start 12.5");
      expect(playback?.state.value).toMatchObject({ phase: "playing", host: "b" });
    });

    it("gives up when no host is left", async () => {
      answer = ({ failedHost }) => (failedHost === "a" ? grant("b", "2") : grant("a", "1"));
      await begin();
      hls().networkFails(0);
      await eventually(() => StandInHls.all.length === 2);
      hls().networkFails(0);
      await eventually(() => phase() === "failed");
      expect(playback?.state.value.error?.code).toBe("VIDEO_NOT_DELIVERED");
    });

    it("lets hls.js repair the decoder twice before it blames the host", async () => {
      answer = ({ failedHost }) => (failedHost === "a" ? grant("a", "2") : grant("a", "1"));
      await begin();
      hls().parsed();
      hls().mediaFails();
      hls().mediaFails();
      expect(hls().done.slice(2)).toEqual(["recover", "swap", "recover"]);
      expect(requests).toHaveLength(1);
      hls().mediaFails();
      await eventually(() => phase() === "failed");
      expect(requests).toHaveLength(2);
      expect(playback?.state.value.error?.code).toBe("FORMAT_NOT_SUPPORTED");
    });

    it("resumes when the connection is back, without a new source", async () => {
      answer = (request) =>
        request.failedHost === undefined ? grant("a", "1") : { code: "PROVIDER_UNAVAILABLE", retryable: true };
      await begin();
      hls().parsed();
      hls().networkFails(0);
      await eventually(() => phase() === "reconnecting");
      await clock.pass(1_000);
      expect(hls().done.at(-1)).toBe("start");
      hls().emit("buffered");
      expect(phase()).toBe("ready");
      expect(StandInHls.all).toHaveLength(1);
    });

    it("keeps playing while a renewal fails, and says so", async () => {
      answer = (_request, number) =>
        number === 2 ? { code: "PROVIDER_UNAVAILABLE", retryable: true } : grant("a", String(number));
      await begin();
      hls().parsed();
      await element.play();
      element.dispatchEvent(new Event("playing"));
      await clock.pass(30_000);
      await eventually(() => playback?.state.value.error !== undefined);
      expect(playback?.state.value).toMatchObject({ phase: "playing", error: { code: "PROVIDER_UNAVAILABLE" } });
      await clock.pass(1_000);
      await asked(3);
      await settle();
      expect(playback?.state.value.error).toBeUndefined();
      expect(await hls().sentTo(segment("a", "1"))).toBe(segment("a", "3"));
    });

    it("stops when the viewer may not watch any more", async () => {
      answer = (_request, number) =>
        number === 1 ? grant("a", "1") : { code: "VIDEO_NOT_FOUND", status: "NOT_FOUND", http: 404 };
      await begin();
      hls().parsed();
      await element.play();
      await clock.pass(30_000);
      await eventually(() => phase() === "refused");
      expect(hls().done.at(-1)).toBe("destroy");
      await clock.pass(3_600_000);
      expect(requests).toHaveLength(2);
    });

    it.each([
      ["VIDEO_NOT_FOUND", "refused"],
      ["SIGN_IN_REQUIRED", "refused"],
      ["VIDEO_FAILED", "failed"],
      ["VIDEO_NOT_PLAYABLE", "failed"],
    ] as const)("shows %s as %s", async (code, expected) => {
      answer = () => ({ code });
      await begin();
      expect(playback?.state.value).toMatchObject({ phase: expected, error: { code } });
    });

    it("waits for a video that is processed, and plays it when it is ready", async () => {
      let isReady = false;
      answer = () => (isReady ? grant("a", "1") : { code: "VIDEO_NOT_READY", retryable: true });
      await begin({ videoId: VIDEO, sessionId: "s" });
      observer?.next(session({ videos: { [VIDEO]: { state: "processing" } } }));
      expect(phase()).toBe("processing");
      isReady = true;
      observer?.next(session({ videos: { [VIDEO]: { state: "ready" } } }));
      await eventually(() => StandInHls.all.length === 1);
      hls().parsed();
      expect(phase()).toBe("ready");
    });

    it("shows the placeholder of an archived video, and the video when it is back", async () => {
      answer = (_request, number) => grant("a", String(number));
      await begin({ videoId: VIDEO, sessionId: "s" });
      const archived = (state: string) =>
        session({
          videos: { [VIDEO]: { state: "ready", archive: { state, availableAt: Timestamp.fromMillis(7_000) } } },
        });
      observer?.next(archived("restoring"));
      hls().parsed();
      expect(playback?.state.value).toMatchObject({ phase: "restoring", availableAt: new Date(7_000) });
      element.currentTime = 3;
      observer?.next(archived("archived"));
      await eventually(() => StandInHls.all.length === 2);
      hls().parsed();
      expect(hls().done).toContain("start -1");
      expect(phase()).toBe("ready");
    });

    it("says that it has ended", async () => {
      answer = () => grant("a", "1");
      await begin();
      hls().parsed();
      element.dispatchEvent(new Event("ended"));
      expect(phase()).toBe("ended");
    });

    it("knows when the frame of a recording was recorded", async () => {
      const slides = { timeline: "sessions/s/slideTimelines", startedAt: "2026-11-29T10:00:00Z", token: "t" };
      answer = () => {
        const { expiresAt, renewAt } = grant("a", "1");
        return grant("a", "1", { slides: { ...slides, expiresAt, renewAt } });
      };
      await begin();
      element.currentTime = 90;
      expect(playback?.pictureAt()).toEqual(new Date("2026-11-29T10:01:30Z"));
      expect(playback?.slides.value?.token).toBe("t");
    });
  });

  describe("of a live event", () => {
    const event = (name: string): PlaybackAnswer => {
      const { host: _host, playUrl: _playUrl, videoId: _videoId, ...rest } = grant("a", name);
      return { ...rest, sessionId: "s" };
    };
    const airing = (broadcast: string, startsAt = 1_000) =>
      session({ startsAt: Timestamp.fromMillis(startsAt), kaltura: { state: "ready", broadcast } });

    it("waits until it opens", async () => {
      let isOpen = false;
      answer = () => (isOpen ? event("1") : { code: "SESSION_NOT_OPEN_YET", retryable: true, retryAfterS: 600 });
      await begin({ sessionId: "s" });
      observer?.next(airing("offline", 5_000));
      expect(playback?.state.value).toMatchObject({ phase: "notYet", isLive: true, opensAt: new Date(5_000) });
      isOpen = true;
      await clock.pass(600_000);
      await asked(2);
      await settle();
      expect(phase()).toBe("notYet");
      observer?.next(airing("live"));
      await eventually(() => StandInHls.all.length === 1);
      hls().parsed();
      expect(playback?.state.value).toMatchObject({ phase: "ready", broadcast: "live" });
    });

    it("asks again if the event is moved", async () => {
      answer = () => ({ code: "SESSION_OVER" });
      await begin({ sessionId: "s" });
      observer?.next(airing("ended"));
      expect(phase()).toBe("over");
      answer = () => event("1");
      observer?.next(airing("offline", 9_000));
      await asked(2);
    });

    it("is over when the broadcast ends", async () => {
      answer = () => event("1");
      await begin({ sessionId: "s" });
      observer?.next(airing("live"));
      await eventually(() => StandInHls.all.length === 1);
      hls().parsed();
      observer?.next(airing("ended"));
      expect(phase()).toBe("over");
      expect(hls().done.at(-1)).toBe("destroy");
    });

    it("comes back after a break of the encoder, at the live edge", async () => {
      answer = (_request, number) => event(String(number));
      await begin({ sessionId: "s" });
      observer?.next(airing("live"));
      await eventually(() => StandInHls.all.length === 1);
      hls().parsed();
      element.currentTime = 500;
      observer?.next(airing("offline"));
      hls().networkFails(404);
      await eventually(() => hls().done.at(-1) === "start");
      hls().networkFails(404);
      expect(phase()).toBe("reconnecting");
      await clock.pass(1_000);
      await asked(3);
      await settle();
      expect(phase()).toBe("reconnecting");
      observer?.next(airing("live"));
      await eventually(() => StandInHls.all.length === 2);
      hls().parsed();
      expect(hls().done).toContain("start -1");
      expect(phase()).toBe("ready");
      expect(requests.every((request) => request.failedHost === undefined)).toBe(true);
    });

    it("asks whether the viewer may still watch when the session is hidden", async () => {
      answer = (_request, number) =>
        number === 1 ? event("1") : { code: "SESSION_NOT_FOUND", status: "NOT_FOUND", http: 404 };
      await begin({ sessionId: "s" });
      observer?.next(airing("live"));
      await eventually(() => StandInHls.all.length === 1);
      observer?.error({} as never);
      await eventually(() => phase() === "refused");
    });

    it("knows when the frame was recorded", async () => {
      const slides = { timeline: "sessions/s/slideTimelines", startedAt: null, token: "t" };
      answer = () => {
        const { expiresAt, renewAt } = event("1");
        return { ...event("1"), slides: { ...slides, expiresAt, renewAt } };
      };
      await begin({ sessionId: "s" });
      observer?.next(airing("live"));
      await eventually(() => StandInHls.all.length === 1);
      expect(playback?.pictureAt()).toBeUndefined();
      hls().playingDate = new Date("2026-11-29T10:00:05Z");
      expect(playback?.pictureAt()).toEqual(new Date("2026-11-29T10:00:05Z"));
    });
  });
});

/** Return a session with the fields that a player reads. */
function session(fields: object): WithId<Session> {
  return { id: "s", ...fields } as WithId<Session>;
}
