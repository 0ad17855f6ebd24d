import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { Store } from "../store";
import { answerJson, type Handler, LocalServer } from "../../testing/local-server";
import { ManualClock } from "../../testing/manual-clock";
import { identity, mediaDocument, MemorySlides } from "../../testing/memory-slides";
import { eventually } from "../../testing/until";
import { SlidesPresenter } from "./slides-presenter";

describe("SlidesPresenter", () => {
  let server: LocalServer;
  let documents: MemorySlides;
  let clock: ManualClock;
  let presenter: SlidesPresenter;
  let drawn: number;

  const addresses: Handler = (_request, _body, response) => {
    const pages = Object.fromEntries(Array.from({ length: drawn }, (_, index) => [index + 1, `page-${index + 1}`]));
    answerJson(response, 200, { id: "m", active_stamp: null, urls: { pages, thumbnails: pages } });
  };

  beforeEach(async () => {
    server = await LocalServer.start();
    server.handle = addresses;
    documents = new MemorySlides();
    documents.setSession({ identity: identity(), mediaId: "m", page: 1, revision: 1 });
    clock = new ManualClock();
    presenter = new SlidesPresenter(server.greenroom(), "lesson", new Store({ token: "t" }), { clock, documents });
  });
  afterEach(async () => {
    presenter.close();
    await server.close();
  });

  it("shows the pages of a new document one by one", async () => {
    const fresh = { uploadState: "processing", isReadyToShow: false, activeStamp: null, nbPages: null } as const;
    for (drawn of [1, 2, 9]) {
      documents.setMedia("m", mediaDocument("m", fresh, drawn));
      await clock.pass(1_000);
      await eventually(
        () => presenter.medias.value[0]?.pages.filter((page) => page.imageUrl !== undefined).length === drawn,
      );
      const [media] = presenter.medias.value;
      expect(media).toMatchObject({ isReadyToShow: false, pageCount: 9 });
      expect(media?.pages.filter(({ isReady }) => isReady)).toHaveLength(drawn);
    }
  });

  it("gets its documents if it was created before its session", async () => {
    const early = new MemorySlides();
    early.isListed = false;
    early.setMedia("m", mediaDocument("m"));
    const first = new SlidesPresenter(server.greenroom(), "lesson", new Store({ token: "t" }), {
      clock,
      documents: early,
    });
    expect(first.error.value?.code).toBe("DOCUMENT_NOT_READABLE");
    await clock.pass(10_000);
    early.setSession({ identity: identity(), mediaId: "m", page: 3, revision: 1 });
    await clock.pass(30_000);
    expect(first.shown.value).toMatchObject({ mediaId: "m", page: 3 });
    expect(first.medias.value).toEqual([]);
    early.isListed = true;
    await clock.pass(30_000);
    expect(first.medias.value).toMatchObject([{ id: "m" }]);
    expect(first.error.value).toBeUndefined();
    first.close();
    expect(early.observerCount).toBe(0);
    expect(clock.waiting).toBe(0);
  });

  it("backs off while its session does not exist, and stops when it is closed", async () => {
    const none = new MemorySlides();
    let asked = 0;
    const { watchSession } = none;
    none.watchSession = (...given) => {
      asked += 1;
      return watchSession.apply(none, given);
    };
    const first = new SlidesPresenter(server.greenroom(), "none", new Store({ token: "t" }), {
      clock,
      documents: none,
    });
    await clock.pass(31_000);
    expect(asked).toBe(6);
    await clock.pass(300_000);
    expect(asked).toBe(11);
    first.close();
    await clock.pass(300_000);
    expect(asked).toBe(11);
  });

  describe("asks for the URLs of pages", () => {
    let asked: string[];

    beforeEach(() => {
      asked = [];
      drawn = 9;
      server.handle = (request, body, response) => {
        asked.push(request.url?.split("/").at(-2) ?? "");
        addresses(request, body, response);
      };
      for (const id of ["a", "b", "c"]) documents.setMedia(id, mediaDocument(id));
    });

    const withPages = () => presenter.medias.value.filter(({ pages }) => pages[0]?.imageUrl !== undefined);

    it("of the document that is shown, and of no other", async () => {
      documents.setSession({ identity: identity(), mediaId: "b", page: 1, revision: 2 });
      await eventually(() => withPages().length === 1);
      expect(withPages()).toMatchObject([{ id: "b" }]);
      expect(presenter.medias.value).toMatchObject([{ id: "a" }, { id: "b" }, { id: "c" }]);
      documents.setSession({ identity: identity(), mediaId: "c", page: 1, revision: 3 });
      await eventually(() => withPages()[0]?.id === "c");
      expect(asked).toEqual(["b", "c"]);
    });

    it("of a document as long as it is on the screen", async () => {
      const [stop, stopToo] = [presenter.loadPages("a"), presenter.loadPages("a")];
      await eventually(() => withPages().length === 1);
      stop();
      stop();
      expect(withPages()).toMatchObject([{ id: "a" }]);
      stopToo();
      expect(withPages()).toEqual([]);
      expect(asked).toEqual(["a"]);
    });

    it("of a document that appears later", async () => {
      presenter.loadPages("d");
      documents.setMedia("d", mediaDocument("d"));
      await eventually(() => withPages().length === 1);
      expect(asked).toEqual(["d"]);
    });
  });

  it("says why a document cannot be shown", () => {
    const error = { reason: "ENCRYPTED", message: "It needs a password." };
    documents.setMedia("m", mediaDocument("m", { uploadState: "error", deck: null, nbPages: null, error }));
    expect(presenter.medias.value[0]).toMatchObject({ uploadState: "error", error, pages: [], pageCount: null });
  });

  it("shows a turned page at once, and skips pages in between if pages are turned fast", async () => {
    const turned: number[] = [];
    let release = () => {};
    server.handle = (_request, body, response) => {
      turned.push((JSON.parse(body.toString()) as { target_page: number }).target_page);
      release = () => answerJson(response, 200, { revision: 1 + turned.length });
    };
    const turns = [2, 3, 4, 5].map((page) => presenter.navigate(page));
    expect(presenter.shown.value.page).toBe(5);
    await eventually(() => turned.length === 1);
    release();
    await eventually(() => turned.length === 2);
    release();
    await Promise.all(turns);
    expect(turned).toEqual([2, 5]);
    // Firestore is slower than the answer.
    documents.setSession({ identity: identity(), mediaId: "m", page: 2, revision: 2 });
    expect(presenter.shown.value).toEqual({ mediaId: "m", page: 5, revision: 2 });
    documents.setSession({ identity: identity(), mediaId: "m", page: 5, revision: 3 });
    documents.setSession({ identity: identity(), mediaId: "m", page: 8, revision: 4 });
    expect(presenter.shown.value).toEqual({ mediaId: "m", page: 8, revision: 4 });
  });

  it("goes back to the shown page if a turn is refused", async () => {
    server.handle = (_request, _body, response) =>
      answerJson(response, 400, { code: "PAGE_NOT_FOUND", detail: "Page does not exist.", retryable: false });
    await expect(presenter.navigate(99)).rejects.toMatchObject({ code: "PAGE_NOT_FOUND" });
    expect(presenter.shown.value.page).toBe(1);
  });

  it("refuses to turn and to end if nothing is shown", async () => {
    documents.setSession({ identity: identity(), mediaId: null, page: null, revision: 2 });
    await expect(presenter.navigate(2)).rejects.toMatchObject({ code: "NOTHING_SHARED" });
    await expect(presenter.end()).rejects.toMatchObject({ code: "NOTHING_SHARED" });
  });
});
