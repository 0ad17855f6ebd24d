import { type Clock, systemClock } from "../clock";
import type { GreenroomError } from "../errors";
import type { Greenroom } from "../greenroom";
import { type Readable, Store } from "../store";
import { listenWithRetry } from "./listen-with-retry";
import { MediaAddresses, type NeededAddresses } from "./media-addresses";
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
   * The instant of the picture, which is late: `() => playback.pictureAt()`. Without it, and for as long as it returns
   * `undefined`, the present page is shown. While it throws, the page stays, and `SlidesFollower.error` says why.
   */
  readonly pictureAt?: () => Date | undefined;
}

/** Options of `SlidesFollower` and `SlidesPresenter`, for tests and for other sources of the documents. */
export interface SlidesOptions {
  /** The time that pauses and renewals go by. The device's own unless set. */
  readonly clock?: Clock;
  /** Where the session and its documents come from. The deployment's Firestore unless set. */
  readonly documents?: SlidesDocuments;
}

/** What is to be seen now, and what may come next. */
interface Shown {
  readonly mediaId: string | null;
  readonly page: number | null;
  readonly revision: number;
  readonly next?: readonly TimelineEntry[];
}

/** Follows what a live session shows, as it is now or in time with a delayed picture. */
export class SlidesFollower {
  readonly #slide = new Store<CurrentSlide>(NO_SLIDE);
  readonly #error = new Store<GreenroomError | undefined>(undefined);
  readonly #documents: SlidesDocuments;
  readonly #clock: Clock;
  readonly #addresses: MediaAddresses;
  readonly #picture = new PictureTime(this.#error);
  readonly #sharing = new SharingState();
  readonly #medias = new Map<string, { document: MediaDocument | null | undefined; stop: () => void }>();
  #identity: SessionIdentity | undefined;
  #timeline: readonly TimelineEntry[] = [];
  #pictureAt: (() => Date | undefined) | undefined;
  #stopWatching: (() => void) | undefined;
  #stopTimeline = () => {};
  #stopTicking = () => {};

  /** @param grant `LiveAdmission.slides` or `Playback.slides`: the token that is valid now. */
  constructor(
    greenroom: Greenroom,
    readonly sessionId: string,
    grant: Readable<SlidesGrant | undefined>,
    { clock = systemClock, documents = slidesDocuments(greenroom) }: SlidesOptions = {},
  ) {
    this.#clock = clock;
    this.#documents = documents;
    const api = new SlidesApi(greenroom, sessionId, grant);
    this.#addresses = new MediaAddresses({
      clock,
      grant,
      read: (mediaId) => api.read(mediaId),
      changed: () => this.#render(),
      failed: (error) => this.#error.set(error),
    });
  }

  get slide(): Readable<CurrentSlide> {
    return this.#slide;
  }

  /** Why something cannot be shown at the moment. */
  get error(): Readable<GreenroomError | undefined> {
    return this.#error;
  }

  /** Begin to follow, or follow in another way. */
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

  /** Take a message of the session's chat room, which is faster than Firestore. */
  receive(message: SharingMessage): void {
    this.#sharing.receive(message);
    this.#render();
  }

  /** Say that the shown image could not be loaded: its address is asked for again. */
  imageFailed(): void {
    const { media } = this.#slide.value;
    if (media !== null) this.#addresses.refresh(media.id);
  }

  close(): void {
    this.#stopTicking();
    this.#stopWatching?.();
    this.#stopTimeline();
    this.#watchMedias(new Set());
    this.#addresses.close();
  }

  /** Follow another session, which has got the id. */
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
      const url = entry.mediaId === null ? undefined : this.#addresses.of(entry.mediaId)?.pages[entry.page ?? 1];
      return url === undefined ? [] : [url];
    });
    if (mediaId === null) return { ...NO_SLIDE, revision, nextImageUrls: coming };
    const media = this.#medias.get(mediaId)?.document;
    const slide = currentSlideOf({ mediaId, page: page ?? 1, revision, media, urls: this.#addresses.of(mediaId) });
    return next === undefined ? slide : { ...slide, nextImageUrls: coming.filter((url) => url !== slide.imageUrl) };
  }

  /** Listen to these media, and keep their addresses. */
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
    this.#addresses.need(needed);
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

/** Return what the addresses of a media have to cover. While its first document is converted, it has no stamp yet. */
export function neededOf(media: Pick<MediaDocument, "activeStamp" | "deck"> | undefined): NeededAddresses {
  if (media === undefined) return {};
  const drawn = media.deck?.pages.filter((page) => page !== null).length ?? 0;
  return { drawn, ...(media.activeStamp === null ? {} : { stamp: String(media.activeStamp) }) };
}
