import { type Clock, systemClock } from "../clock";
import type { GreenroomError } from "../errors";
import type { Greenroom } from "../greenroom";
import { type Readable, Store } from "../store";
import { listenWithRetry } from "./listen-with-retry";
import { SignedUrls, type NeededUrls } from "./signed-urls";
import { PictureTime, TICK_MS } from "./picture-time";
import { SharingState } from "./sharing";
import type { SharingMessage } from "./sharing-message";
import { isSameSlide, NO_SLIDE, type CurrentSlide, currentSlideOf } from "./current-slide";
import { SlidesApi, type SlidesGrant } from "./slides-api";
import {
  isSameSession,
  type MediaDocument,
  type SessionIdentity,
  type SharingSession,
  type SlidesDocuments,
  slidesDocuments,
} from "./slides-documents";
import { changesAround, compareEntries, type TimelineEntry } from "./timeline";

/** How `SlidesFollower.follow` follows. */
export interface FollowOptions {
  /**
   * Returns when the displayed frame was recorded: `() => playback.pictureAt()`. Slides are delayed like the live
   * stream then. Without it, and while it returns `undefined`, the present page is shown. While it throws, the page
   * stays, and `SlidesFollower.error` has the error.
   */
  readonly pictureAt?: () => Date | undefined;
}

/** Options of `SlidesFollower` and `SlidesPresenter`, for tests and for other sources of the documents. */
export interface SlidesOptions {
  /** The clock of pauses and renewals. The device's own unless set. */
  readonly clock?: Clock;
  /** The documents of the session. The deployment's Firestore unless set. */
  readonly documents?: SlidesDocuments;
}

/** The page to show now, and the next changes. */
interface Shown {
  readonly mediaId: string | null;
  readonly page: number | null;
  readonly revision: number;
  readonly next?: readonly TimelineEntry[];
}

/** Follows the slides of a live session, as they are now or in time with a delayed live stream. */
export class SlidesFollower {
  readonly #slide = new Store<CurrentSlide>(NO_SLIDE);
  readonly #error = new Store<GreenroomError | undefined>(undefined);
  readonly #documents: SlidesDocuments;
  readonly #clock: Clock;
  readonly #urls: SignedUrls;
  readonly #picture = new PictureTime(this.#error);
  readonly #sharing = new SharingState();
  readonly #medias = new Map<string, { document: MediaDocument | null | undefined; stop: () => void }>();
  #identity: SessionIdentity | undefined;
  #timeline: readonly TimelineEntry[] = [];
  #pictureAt: (() => Date | undefined) | undefined;
  #stopWatching: (() => void) | undefined;
  #stopTimeline = () => {};
  #stopTicking = () => {};

  /** @param grant `LiveAdmission.slides` or `Playback.slides`. */
  constructor(
    greenroom: Greenroom,
    readonly sessionId: string,
    grant: Readable<SlidesGrant | undefined>,
    { clock = systemClock, documents = slidesDocuments(greenroom) }: SlidesOptions = {},
  ) {
    this.#clock = clock;
    this.#documents = documents;
    const api = new SlidesApi(greenroom, sessionId, grant);
    this.#urls = new SignedUrls({
      clock,
      grant,
      read: (mediaId) => api.read(mediaId),
      changed: () => this.#render(),
      failed: (error) => this.#error.set(error),
    });
  }

  /** The slide to show now. */
  get slide(): Readable<CurrentSlide> {
    return this.#slide;
  }

  /** Why something cannot be shown at the moment, if so. */
  get error(): Readable<GreenroomError | undefined> {
    return this.#error;
  }

  /** Begin to follow. Call it again to change the options. */
  follow({ pictureAt }: FollowOptions = {}): void {
    this.#pictureAt = pictureAt;
    this.#stopWatching ??= listenWithRetry<SharingSession | null>(
      this.#clock,
      (observer) => this.#documents.watchSession(this.sessionId, observer),
      {
        next: (session) => {
          this.#error.set(undefined);
          if (!isSameSession(this.#identity, session?.identity)) this.#begin(session?.identity);
          if (session !== null) this.#sharing.confirm(session);
          this.#render();
        },
        error: (error) => this.#error.set(error),
      },
    );
    this.#watchTimeline();
    this.#stopTicking();
    if (pictureAt !== undefined) this.#tick();
    this.#render();
  }

  /** Apply a message of the session's chat room, which is faster than Firestore. */
  receive(message: SharingMessage): void {
    this.#sharing.receive(message);
    this.#render();
  }

  /** Report that the image of the slide could not be loaded, to get a new URL for it. */
  imageFailed(): void {
    const { media } = this.#slide.value;
    if (media !== null) this.#urls.refresh(media.id);
  }

  /** Stop all listeners and timers. */
  close(): void {
    this.#stopTicking();
    this.#stopWatching?.();
    this.#stopTimeline();
    this.#watchMedias(new Set());
    this.#urls.close();
  }

  /** Follow another session that has the id now. */
  #begin(identity: SessionIdentity | undefined): void {
    this.#identity = identity;
    this.#sharing.reset();
    this.#timeline = [];
    this.#watchTimeline();
  }

  #watchTimeline(): void {
    this.#stopTimeline();
    this.#stopTimeline = () => {};
    if (this.#pictureAt === undefined || this.#identity === undefined) return;
    const identity = this.#identity;
    this.#stopTimeline = listenWithRetry<readonly TimelineEntry[]>(
      this.#clock,
      (observer) => this.#documents.watchTimeline(identity, observer),
      {
        next: (entries) => {
          this.#timeline = [...entries].sort(compareEntries);
          this.#render();
        },
        error: (error) => this.#error.set(error),
      },
    );
  }

  #tick(): void {
    this.#stopTicking = this.#clock.after(TICK_MS, () => {
      // The next tick is set first, so that an error, for example of an app's listener, does not end the ticking.
      this.#tick();
      this.#render();
    });
  }

  #shownAt(instant: Date | undefined): Shown {
    if (instant === undefined) return this.#sharing.value;
    const { last, next } = changesAround(this.#timeline, instant);
    if (last === undefined) return { mediaId: null, page: null, revision: 0, next };
    return { mediaId: last.mediaId, page: last.page, revision: last.revision, next };
  }

  #render(): void {
    const picture = this.#picture.read(() => this.#pictureAt?.());
    if (picture === undefined) return;
    const shown = this.#shownAt(picture.at);
    const coming = (shown.next ?? []).flatMap(({ mediaId }) => (mediaId === null ? [] : [mediaId]));
    this.#watchMedias(new Set(shown.mediaId === null ? coming : [shown.mediaId, ...coming]));
    const slide = this.#slideOf(shown);
    if (!isSameSlide(slide, this.#slide.value)) this.#slide.set(slide);
  }

  #slideOf({ mediaId, page, revision, next }: Shown): CurrentSlide {
    const coming = (next ?? []).flatMap((entry) => {
      const url = entry.mediaId === null ? undefined : this.#urls.of(entry.mediaId)?.pages[entry.page ?? 1];
      return url === undefined ? [] : [url];
    });
    if (mediaId === null) return { ...NO_SLIDE, revision, nextImageUrls: coming };
    const media = this.#medias.get(mediaId)?.document;
    const slide = currentSlideOf({ mediaId, page: page ?? 1, revision, media, urls: this.#urls.of(mediaId) });
    return next === undefined ? slide : { ...slide, nextImageUrls: coming.filter((url) => url !== slide.imageUrl) };
  }

  /** Listen to these media, and keep their URLs. */
  #watchMedias(ids: ReadonlySet<string>): void {
    for (const [id, { stop }] of this.#medias) {
      if (ids.has(id)) continue;
      stop();
      this.#medias.delete(id);
    }
    for (const id of ids) if (!this.#medias.has(id)) this.#watchMedia(id);
    const needed = new Map(
      [...this.#medias].flatMap(([id, { document }]) => (document === null ? [] : [[id, neededOf(document)] as const])),
    );
    this.#urls.need(needed);
  }

  #watchMedia(id: string): void {
    const listened = { document: undefined as MediaDocument | null | undefined, stop: () => {} };
    this.#medias.set(id, listened);
    listened.stop = this.#documents.watchMedia(this.sessionId, id, {
      next: (document) => {
        listened.document = document;
        this.#render();
      },
      error: (error) => this.#error.set(error),
    });
  }
}

/** Return what the URLs of a media have to cover. Until its first file is converted, it has no stamp. */
export function neededOf(media: Pick<MediaDocument, "activeStamp" | "deck"> | undefined): NeededUrls {
  if (media === undefined) return {};
  const drawn = media.deck?.pages.filter((page) => page !== null).length ?? 0;
  return { drawn, ...(media.activeStamp === null ? {} : { stamp: String(media.activeStamp) }) };
}
