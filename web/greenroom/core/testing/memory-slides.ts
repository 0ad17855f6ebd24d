import { Timestamp } from "firebase/firestore";

import type { Observer } from "../src/documents";
import { GreenroomError } from "../src/errors";
import type { MediaDocument, SessionIdentity, SharingSession, SlidesDocuments } from "../src/slides/slides-documents";
import type { TimelineEntry } from "../src/slides/timeline";

/** The documents of slides in memory, which a test writes. */
export class MemorySlides implements SlidesDocuments {
  /** Whether the rules let the media be listed. */
  isListed = true;
  #session: SharingSession | null | undefined;
  readonly #medias = new Map<string, MediaDocument | null>();
  #timeline: readonly TimelineEntry[] = [];
  readonly #observers = new Set<() => void>();

  setSession(session: SharingSession | null): void {
    this.#session = session;
    this.#tell();
  }

  setMedia(id: string, media: MediaDocument | null): void {
    this.#medias.set(id, media);
    this.#tell();
  }

  setTimeline(timeline: readonly TimelineEntry[]): void {
    this.#timeline = timeline;
    this.#tell();
  }

  get observerCount(): number {
    return this.#observers.size;
  }

  watchSession(_sessionId: string, observer: Observer<SharingSession | null>): () => void {
    if (this.#session === undefined) return refused(observer);
    return this.#watch(() => {
      if (this.#session !== undefined) observer.next(this.#session);
    });
  }

  watchMedia(_sessionId: string, mediaId: string, observer: Observer<MediaDocument | null>): () => void {
    return this.#watch(() => {
      const media = this.#medias.get(mediaId);
      if (media !== undefined) observer.next(media);
    });
  }

  watchMedias(_session: SessionIdentity, observer: Observer<readonly MediaDocument[]>): () => void {
    if (!this.isListed) return refused(observer);
    return this.#watch(() => observer.next([...this.#medias.values()].filter((media) => media !== null)));
  }

  watchTimeline(_session: SessionIdentity, observer: Observer<readonly TimelineEntry[]>): () => void {
    return this.#watch(() => observer.next(this.#timeline));
  }

  #watch(tell: () => void): () => void {
    this.#observers.add(tell);
    tell();
    return () => this.#observers.delete(tell);
  }

  #tell(): void {
    for (const tell of [...this.#observers]) tell();
  }
}

/** Tell what Firestore tells of a document that is not there yet, and then nothing more. */
function refused(observer: Observer<never>): () => void {
  observer.error(new GreenroomError("DOCUMENT_NOT_READABLE", "This does not exist, or you may not see it.", false));
  return () => {};
}

export function identity(createdMs = 1_000): SessionIdentity {
  return { sessionId: "lesson", ownerUid: "teacher", createdAt: Timestamp.fromMillis(createdMs) };
}

/** Return a converted document; `drawn` pages of it are there. */
export function mediaDocument(id: string, fields: Partial<MediaDocument> = {}, drawn = 9): MediaDocument {
  const page = { width: 1_920, height: 1_080, isBlank: false };
  return {
    id,
    createdAt: Timestamp.fromMillis(1_000),
    title: "Fractions",
    fileName: "fractions.pdf",
    showDownload: true,
    uploadState: "ready",
    isReadyToShow: true,
    activeStamp: 5,
    nbPages: 9,
    deck: { pages: Array.from({ length: 9 }, (_, index) => (index < drawn ? page : null)) },
    error: null,
    warnings: [],
    ...fields,
  };
}
