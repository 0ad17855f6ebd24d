import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { Store } from "../store";
import { answerJson, LocalServer } from "../../testing/local-server";
import { ManualClock } from "../../testing/manual-clock";
import { identity, mediaDocument, MemorySlides } from "../../testing/memory-slides";
import { eventually } from "../../testing/until";
import type { SharingMessage } from "./sharing-message";
import type { SlidesGrant } from "./slides-api";
import { SlidesFollower } from "./slides-follower";

const HOUR_MS = 3_600_000;

describe("SlidesFollower", () => {
  let server: LocalServer;
  let documents: MemorySlides;
  let clock: ManualClock;
  let grant: Store<SlidesGrant | undefined>;
  let follower: SlidesFollower;
  let requests: string[];
  let stamp: string;
  let status: number;

  beforeEach(async () => {
    server = await LocalServer.start();
    requests = [];
    stamp = "5";
    status = 200;
    server.handle = ({ url = "", headers }, _body, response) => {
      const id = url.split("/")[3];
      requests.push(`${id} ${headers.authorization}`);
      if (status !== 200) return answerJson(response, status, { code: "SIGN_IN_INVALID", detail: "expired" });
      const number = requests.length;
      const pages = Object.fromEntries(
        Array.from({ length: 9 }, (_, index) => [index + 1, `${id}-${index + 1}#${number}`]),
      );
      answerJson(response, 200, { id, active_stamp: stamp, urls: { pages, thumbnails: {} } });
    };
    documents = new MemorySlides();
    clock = new ManualClock();
    grant = new Store<SlidesGrant | undefined>({ token: "t1" });
    follower = new SlidesFollower(server.greenroom(), "lesson", grant, { clock, documents });
  });
  afterEach(async () => {
    follower.close();
    await server.close();
  });

  const show = (page: number | null, revision: number, mediaId: string | null = "m") =>
    documents.setSession({ identity: identity(), mediaId, page, revision });
  const message = (page: number, revision: number): SharingMessage => ({
    event: "navigate_sharing",
    revision,
    media: { id: "m", title: "Fractions", pageCount: 9 },
    page,
  });
  const hasImage = () => follower.slide.value.imageUrl !== undefined;

  it("backs off while the server does not have the pages", async () => {
    documents.setMedia("m", {
      ...mediaDocument("m"),
      deck: { pages: Array(12).fill(mediaDocument("m").deck!.pages[0]) },
    });
    show(1, 1);
    follower.follow();
    for (const [asked, passMs] of [
      [1, 1_000],
      [2, 2_000],
      [3, 4_000],
      [4, 8_000],
    ] as const) {
      await eventually(() => requests.length === asked && clock.waiting > 0);
      await clock.pass(passMs - 1);
      expect(requests).toHaveLength(asked);
      await clock.pass(1);
    }
    await eventually(() => requests.length === 5);
  });

  it("shows a late joiner the present page, with the pages to preload", async () => {
    documents.setMedia("m", mediaDocument("m"));
    show(4, 7);
    follower.follow();
    await eventually(hasImage);
    expect(follower.slide.value).toMatchObject({
      media: { id: "m", title: "Fractions", pageCount: 9 },
      page: 4,
      imageUrl: "m-4#1",
      width: 1_920,
      revision: 7,
      isGap: false,
      nextImageUrls: ["m-5#1", "m-3#1", "m-6#1"],
    });
    expect(requests).toEqual(["m Bearer t1"]);
  });

  it("shows a message of the room before Firestore has the change, and no older one after it", async () => {
    documents.setMedia("m", mediaDocument("m"));
    show(4, 7);
    follower.follow();
    await eventually(hasImage);
    follower.receive(message(5, 8));
    expect(follower.slide.value).toMatchObject({ page: 5, revision: 8 });
    show(4, 7);
    expect(follower.slide.value.page).toBe(5);
    show(6, 9);
    follower.receive(message(5, 8));
    expect(follower.slide.value).toMatchObject({ page: 6, imageUrl: "m-6#1" });
    expect(requests).toHaveLength(1);
  });

  it("shows nothing when sharing ends, and stops listening to the document", async () => {
    documents.setMedia("m", mediaDocument("m"));
    show(4, 7);
    follower.follow();
    await eventually(hasImage);
    show(null, 8, null);
    expect(follower.slide.value).toMatchObject({ media: null, page: null });
    expect(documents.observerCount).toBe(1);
  });

  it("asks for new URLs before they expire", async () => {
    documents.setMedia("m", mediaDocument("m"));
    show(1, 1);
    follower.follow();
    await eventually(hasImage);
    await clock.pass(HOUR_MS);
    await eventually(() => follower.slide.value.imageUrl === "m-1#2");
  });

  it("asks for the URLs of a document that replaces the shown one", async () => {
    documents.setMedia("m", mediaDocument("m"));
    show(1, 1);
    follower.follow();
    await eventually(hasImage);
    stamp = "6";
    documents.setMedia("m", mediaDocument("m", { activeStamp: 6 }));
    await clock.pass(1_000);
    await eventually(() => follower.slide.value.imageUrl === "m-1#2");
  });

  it("waits for a new token if its own has expired", async () => {
    documents.setMedia("m", mediaDocument("m"));
    status = 401;
    show(1, 1);
    follower.follow();
    await eventually(() => follower.error.value !== undefined);
    expect(follower.error.value?.code).toBe("SIGN_IN_INVALID");
    await clock.pass(HOUR_MS / 2);
    expect(requests).toHaveLength(1);
    status = 200;
    grant.set({ token: "t2" });
    await eventually(hasImage);
    expect(requests.at(-1)).toBe("m Bearer t2");
  });

  it("starts over when another session has the id", async () => {
    documents.setMedia("m", mediaDocument("m"));
    show(4, 7);
    follower.follow();
    follower.receive(message(5, 8));
    documents.setSession({ identity: identity(2_000), mediaId: "m", page: 1, revision: 1 });
    expect(follower.slide.value).toMatchObject({ page: 1, revision: 1 });
  });

  it("shows a gap if the document was deleted", () => {
    documents.setMedia("m", null);
    show(4, 7);
    follower.follow();
    expect(follower.slide.value).toMatchObject({ page: 4, isGap: true });
  });

  it("shows the page of a delayed frame, and preloads the next ones", async () => {
    const at = (second: number) => new Date(1_000_000 + second * 1_000);
    for (const id of ["m", "n"]) documents.setMedia(id, mediaDocument(id));
    documents.setTimeline([
      { revision: 2, at: at(10), mediaId: "m", page: 2 },
      { revision: 1, at: at(0), mediaId: "m", page: 1 },
      { revision: 4, at: at(20), mediaId: "n", page: 1 },
      { revision: 3, at: at(15), mediaId: null, page: null },
    ]);
    show(1, 4, "n");
    let picture: Date | undefined;
    follower.follow({ pictureAt: () => picture });
    expect(follower.slide.value).toMatchObject({ media: { id: "n" }, revision: 4 });
    const seen: unknown[] = [];
    for (const second of [-1, 5, 12, 17, 21]) {
      picture = at(second);
      await clock.pass(200);
      const { media, page, revision } = follower.slide.value;
      seen.push([media?.id, page, revision]);
    }
    expect(seen).toEqual([
      [undefined, null, 0],
      ["m", 1, 1],
      ["m", 2, 2],
      [undefined, null, 3],
      ["n", 1, 4],
    ]);
    picture = at(5);
    await clock.pass(200);
    await eventually(() => follower.slide.value.nextImageUrls.length === 2);
    expect(follower.slide.value.nextImageUrls.map((url) => url.split("#")[0])).toEqual(["m-2", "n-1"]);
  });

  it("keeps its page and reports the error while `pictureAt` throws, and continues afterwards", async () => {
    const at = (second: number) => new Date(1_000_000 + second * 1_000);
    documents.setMedia("m", mediaDocument("m"));
    documents.setTimeline([
      { revision: 1, at: at(0), mediaId: "m", page: 1 },
      { revision: 2, at: at(10), mediaId: "m", page: 2 },
    ]);
    show(9, 3);
    let second = 5;
    let isBroken = false;
    follower.follow({
      pictureAt: () => {
        if (isBroken) throw new Error("The player is gone.");
        return at(second);
      },
    });
    const errors: unknown[] = [];
    follower.error.subscribe((error) => errors.push(error?.message));
    isBroken = true;
    await clock.pass(1_000);
    expect(follower.slide.value.page).toBe(1);
    [isBroken, second] = [false, 15];
    await clock.pass(200);
    expect(follower.slide.value.page).toBe(2);
    expect(errors).toEqual([undefined, "The player is gone.", undefined]);
  });

  it("continues if a listener throws", async () => {
    documents.setMedia("m", mediaDocument("m"));
    documents.setTimeline([{ revision: 1, at: new Date(1_000), mediaId: "m", page: 1 }]);
    show(9, 3);
    let picture = new Date(0);
    follower.follow({ pictureAt: () => picture });
    const stop = follower.slide.subscribe(({ page }) => {
      if (page !== null) throw new Error("The image is gone.");
    });
    picture = new Date(2_000);
    await expect(clock.pass(200)).rejects.toThrow("The image is gone.");
    stop();
    picture = new Date(0);
    await clock.pass(200);
    expect(follower.slide.value.page).toBeNull();
  });

  it("does not listen once it is closed", async () => {
    documents.setMedia("m", mediaDocument("m"));
    show(1, 1);
    follower.follow({ pictureAt: () => new Date() });
    follower.close();
    expect(documents.observerCount).toBe(0);
    await clock.pass(HOUR_MS);
  });
});
