import { afterEach, beforeEach, describe, expect, it } from "vitest";

import type { PlayedSlides } from "../schema/types";
import { Store } from "../store";
import { answerJson, LocalServer } from "../../testing/local-server";
import { ManualClock } from "../../testing/manual-clock";
import { eventually } from "../../testing/until";
import { RecordedSlides } from "./recorded-slides";

const BEGAN = Date.parse("2026-11-29T10:00:00Z");
const iso = (second: number) => new Date(BEGAN + second * 1_000).toISOString();

describe("RecordedSlides", () => {
  let server: LocalServer;
  let clock: ManualClock;
  let slides: Store<PlayedSlides | undefined>;
  let position: number;
  let isBroken: boolean;
  let recorded: RecordedSlides;
  let failures: number;
  let timelines: number;

  beforeEach(async () => {
    server = await LocalServer.start();
    clock = new ManualClock();
    [position, isBroken] = [0, false];
    [failures, timelines] = [0, 0];
    slides = new Store<PlayedSlides | undefined>(undefined);
    const results = [
      { revision: 1, at: iso(10), shared_live_media: "m", page: 1 },
      { revision: 2, at: iso(20), shared_live_media: "m", page: 2 },
      { revision: 3, at: iso(30), shared_live_media: "gone", page: 1 },
      { revision: 4, at: iso(40), shared_live_media: null, page: null },
      { revision: 5, at: iso(50), shared_live_media: "m", page: 12 },
    ];
    const medias = [
      { id: "m", is_deleted: false, title: "Fractions", nb_pages: 9, urls: { pages: {} } },
      { id: "gone", is_deleted: true, title: null, nb_pages: null, urls: null },
    ];
    server.handle = ({ url = "" }, _body, response) => {
      const media = /sharedlivemedias\/(\w+)/.exec(url)?.[1];
      if (media !== undefined) {
        return answerJson(response, 200, { id: media, active_stamp: "5", urls: { pages: { 1: "m-1", 2: "m-2" } } });
      }
      timelines += 1;
      if ((failures -= 1) >= 0) return answerJson(response, 503, { code: "PROVIDER_UNAVAILABLE", retryable: true });
      // In pages of two changes.
      const offset = Number(/offset=(\d+)/.exec(url)?.[1]);
      const next = offset + 2 < results.length ? `?offset=${offset + 2}` : null;
      answerJson(response, 200, {
        count: results.length,
        next,
        results: results.slice(offset, offset + 2),
        shared_live_medias: medias,
      });
    };
    const pictureAt = () => {
      if (isBroken) throw new Error("The player is gone.");
      return new Date(BEGAN + position * 1_000);
    };
    const playback = { slides, pictureAt };
    recorded = new RecordedSlides(server.greenroom(), playback, clock);
  });
  afterEach(async () => {
    recorded.close();
    await server.close();
  });

  const begin = () =>
    slides.set({
      timeline: "sessions/lesson/slideTimelines",
      startedAt: iso(0),
      token: "t",
      expiresAt: iso(3_600),
      renewAt: iso(3_000),
    });
  const at = async (second: number) => {
    position = second;
    await clock.pass(200);
    return recorded.slide.value;
  };

  it("shows each page in time with the picture, forwards and backwards", async () => {
    begin();
    await eventually(() => timelines === 3);
    await eventually(() => recorded.slide.value.nextImageUrls.length > 0);
    expect(await at(0)).toMatchObject({ media: null, nextImageUrls: ["m-1", "m-2"] });
    expect(await at(10)).toMatchObject({ page: 1, imageUrl: "m-1", isGap: false, nextImageUrls: ["m-2"] });
    expect(await at(25)).toMatchObject({ page: 2, imageUrl: "m-2", media: { title: "Fractions", pageCount: 9 } });
    expect(await at(19.9)).toMatchObject({ page: 1 });
  });

  it("shows a gap where a document, or a page of it, was deleted", async () => {
    begin();
    await eventually(() => recorded.slide.value.nextImageUrls.length > 0);
    expect(await at(35)).toMatchObject({ media: { id: "gone" }, isGap: true });
    expect(await at(45)).toMatchObject({ media: null, isGap: false });
    expect(await at(55)).toMatchObject({ page: 12, isGap: true });
  });

  it("keeps its page and reports the error while `pictureAt` throws, and continues afterwards", async () => {
    begin();
    await eventually(() => recorded.slide.value.nextImageUrls.length > 0);
    expect(await at(10)).toMatchObject({ page: 1 });
    isBroken = true;
    expect(await at(25)).toMatchObject({ page: 1 });
    expect(recorded.error.value?.message).toBe("The player is gone.");
    isBroken = false;
    expect(await at(25)).toMatchObject({ page: 2 });
    expect(recorded.error.value).toBeUndefined();
  });

  it("retries the timeline without an answer", async () => {
    failures = 2;
    begin();
    await eventually(() => recorded.error.value !== undefined);
    await clock.pass(1_000);
    await eventually(() => timelines === 2 && clock.waiting > 0);
    await clock.pass(5_000);
    await eventually(() => recorded.error.value === undefined);
    expect(timelines).toBe(5);
  });
});
