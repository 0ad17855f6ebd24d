import { type Clock, systemClock } from "../clock";
import { GreenroomError } from "../errors";
import type { Greenroom } from "../greenroom";
import { type Readable, Store } from "../store";
import { listenWithRetry } from "./listen-with-retry";
import { SignedUrls } from "./signed-urls";
import { type SlidesUploadOptions, uploadToStorage } from "./resumable-upload";
import type { SharedMedia, SlidesPage } from "./shared-media";
import { NOTHING_SHARED, type Sharing } from "./sharing";
import { type MediaUrls, SlidesApi, type SlidesGrant } from "./slides-api";
import {
  isSameSession,
  type MediaDocument,
  type SessionIdentity,
  type SharingSession,
  type SlidesDocuments,
  slidesDocuments,
} from "./slides-documents";
import { neededOf, type SlidesOptions } from "./slides-follower";

/** Lets an instructor upload documents, and show them page by page. Each call rejects with a `GreenroomError`. */
export class SlidesPresenter {
  readonly #medias = new Store<readonly SharedMedia[]>([]);
  readonly #shown = new Store<Sharing>(NOTHING_SHARED);
  readonly #error = new Store<GreenroomError | undefined>(undefined);
  readonly #api: SlidesApi;
  readonly #clock: Clock;
  readonly #documents: SlidesDocuments;
  readonly #urls: SignedUrls;
  readonly #stopWatching: () => void;
  #stopMedias = () => {};
  #identity: SessionIdentity | undefined;
  #views: readonly MediaDocument[] = [];
  /** How many callers need the pages of a document, by its id. */
  readonly #wanted = new Map<string, number>();
  #truth: Sharing = NOTHING_SHARED;
  /** The page that was requested last, until the session's document shows it. */
  #wantedPage: number | undefined;
  /** The revision that shows it. */
  #turnedBy = Infinity;
  #turning: Promise<void> | undefined;

  /** @param grant `LiveAdmission.slides`. */
  constructor(
    greenroom: Greenroom,
    readonly sessionId: string,
    grant: Readable<SlidesGrant | undefined>,
    { clock = systemClock, documents = slidesDocuments(greenroom) }: SlidesOptions = {},
  ) {
    this.#clock = clock;
    this.#documents = documents;
    this.#api = new SlidesApi(greenroom, sessionId, grant);
    this.#urls = new SignedUrls({
      clock,
      grant,
      read: (mediaId) => this.#api.read(mediaId),
      changed: () => this.#render(),
      failed: (error) => this.#error.set(error),
    });
    this.#stopWatching = listenWithRetry<SharingSession | null>(
      clock,
      (observer) => documents.watchSession(sessionId, observer),
      {
        next: (session) => {
          this.#error.set(undefined);
          if (!isSameSession(this.#identity, session?.identity)) this.#begin(session?.identity);
          this.#truth = session ?? NOTHING_SHARED;
          this.#needUrls();
          this.#showShown();
        },
        error: (error) => this.#error.set(error),
      },
    );
  }

  /** The session's documents, oldest first. Pages have URLs if their document is shown, or after `loadPages`. */
  get medias(): Readable<readonly SharedMedia[]> {
    return this.#medias;
  }

  /** The document and the page that are shown. A page has changed here before the server confirms `navigate`. */
  get shown(): Readable<Sharing> {
    return this.#shown;
  }

  /** Why the documents cannot be listed at the moment, if so. */
  get error(): Readable<GreenroomError | undefined> {
    return this.#error;
  }

  /**
   * Keep the URLs of a document's pages valid while they are on the screen. They appear in `medias` as the pages are
   * rendered. The pages of the document that is shown need no call.
   *
   * @returns a function to call when the pages are not on the screen any more.
   */
  loadPages(mediaId: string): () => void {
    this.#want(mediaId, 1);
    let isWanted = true;
    return () => {
      if (isWanted) this.#want(mediaId, -1);
      isWanted = false;
    };
  }

  /** Create a document without a file. @returns its id, for `upload`. */
  async create({ title, showDownload }: { title?: string; showDownload?: boolean } = {}): Promise<string> {
    const { id } = await this.#api.create({
      ...(title === undefined ? {} : { title }),
      ...(showDownload === undefined ? {} : { show_download: showDownload }),
    });
    return id;
  }

  /** Upload the file of a document. An earlier file is shown until the new one is ready. */
  upload(mediaId: string, file: File, options: SlidesUploadOptions = {}): Promise<void> {
    const fields = { filename: file.name, mimetype: file.type, size: file.size };
    return uploadToStorage(file, () => this.#api.beginUpload(mediaId, fields), this.#clock, options);
  }

  /** Change the title of a document, or whether viewers may download it. */
  async change(mediaId: string, fields: { title?: string | null; showDownload?: boolean }): Promise<void> {
    await this.#api.change(mediaId, {
      ...(fields.title === undefined ? {} : { title: fields.title }),
      ...(fields.showDownload === undefined ? {} : { show_download: fields.showDownload }),
    });
  }

  /** Delete a document. One that is shown has to be ended before. */
  remove(mediaId: string): Promise<void> {
    return this.#api.remove(mediaId);
  }

  /** Show a document from its first page. */
  start(mediaId: string): Promise<void> {
    return this.#api.start(mediaId);
  }

  /**
   * Show another page, counted from 1, of the document that is shown. If this is called faster than the server answers,
   * pages in between are skipped.
   */
  navigate(page: number): Promise<void> {
    if (this.#truth.mediaId === null) return Promise.reject(nothingShared());
    this.#wantedPage = page;
    if (this.#turning === undefined) this.#turnedBy = Infinity;
    this.#showShown();
    this.#turning ??= this.#turn().finally(() => {
      this.#turning = undefined;
      this.#showShown();
    });
    return this.#turning;
  }

  /** Stop showing the document. */
  async end(): Promise<void> {
    const { mediaId } = this.#truth;
    if (mediaId === null) throw nothingShared();
    await this.#api.end(mediaId);
  }

  /** Stop all listeners and timers. What is shown stays. */
  close(): void {
    this.#stopWatching();
    this.#stopMedias();
    this.#urls.close();
  }

  async #turn(): Promise<void> {
    try {
      for (let page = this.#wantedPage; page !== undefined;) {
        const { mediaId } = this.#truth;
        if (mediaId === null) throw nothingShared();
        this.#turnedBy = await this.#api.navigate(mediaId, page);
        if (this.#wantedPage === page) return;
        page = this.#wantedPage;
      }
    } catch (error) {
      this.#wantedPage = undefined;
      throw error;
    }
  }

  #showShown(): void {
    const { mediaId, page, revision } = this.#truth;
    const isTold = this.#turning === undefined && revision >= this.#turnedBy;
    if (mediaId === null || isTold) this.#wantedPage = undefined;
    const shown = { mediaId, page: this.#wantedPage ?? page, revision };
    if (JSON.stringify(shown) !== JSON.stringify(this.#shown.value)) this.#shown.set(shown);
  }

  #begin(identity: SessionIdentity | undefined): void {
    this.#identity = identity;
    this.#stopMedias();
    this.#stopMedias = () => {};
    this.#views = [];
    this.#render();
    if (identity === undefined) return;
    this.#stopMedias = listenWithRetry<readonly MediaDocument[]>(
      this.#clock,
      (observer) => this.#documents.watchMedias(identity, observer),
      {
        next: (views) => {
          this.#error.set(undefined);
          this.#views = views;
          this.#needUrls();
          this.#render();
        },
        error: (error) => this.#error.set(error),
      },
    );
  }

  #want(mediaId: string, more: 1 | -1): void {
    this.#wanted.set(mediaId, (this.#wanted.get(mediaId) ?? 0) + more);
    this.#needUrls();
    this.#render();
  }

  #needUrls(): void {
    const needed = this.#views.filter(({ id }) => id === this.#truth.mediaId || (this.#wanted.get(id) ?? 0) > 0);
    this.#urls.need(new Map(needed.map((view) => [view.id, neededOf(view)])));
  }

  #render(): void {
    this.#medias.set(this.#views.map((view) => sharedMediaOf(view, this.#urls.of(view.id))));
  }
}

/** Return a document as instructors see it. */
function sharedMediaOf(view: MediaDocument, urls: MediaUrls | undefined): SharedMedia {
  const pages = (view.deck?.pages ?? []).map((page, index): SlidesPage => {
    const number = index + 1;
    const imageUrl = urls?.pages[number];
    const thumbnailUrl = urls?.thumbnails?.[number];
    return {
      number,
      isReady: page !== null,
      width: page?.width ?? 0,
      height: page?.height ?? 0,
      isBlank: page?.isBlank ?? false,
      ...(imageUrl === undefined ? {} : { imageUrl }),
      ...(thumbnailUrl === undefined ? {} : { thumbnailUrl }),
    };
  });
  return {
    id: view.id,
    title: view.title,
    fileName: view.fileName,
    uploadState: view.uploadState,
    isReadyToShow: view.isReadyToShow,
    pageCount: view.nbPages ?? (pages.length > 0 ? pages.length : null),
    pages,
    showDownload: view.showDownload,
    ...(urls?.media === undefined ? {} : { downloadUrl: urls.media }),
    ...(view.error === null ? {} : { error: view.error }),
    warnings: view.warnings,
  };
}

function nothingShared(): GreenroomError {
  return new GreenroomError("NOTHING_SHARED", "No document is shown now. Show one first.", false);
}
