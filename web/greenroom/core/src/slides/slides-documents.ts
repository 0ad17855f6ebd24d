import {
  collection,
  doc,
  type DocumentData,
  onSnapshot,
  query,
  type Query,
  type QuerySnapshot,
  Timestamp,
  where,
} from "firebase/firestore";

import type { Observer } from "../documents";
import type { Greenroom } from "../greenroom";
import { toReadError } from "../to-greenroom-error";
import type { Sharing } from "./sharing";
import type { TimelineEntry } from "./timeline";

/** The state of a document of slides. */
export type SlidesUploadState = "pending" | "processing" | "ready" | "error";

/** Why a document of slides cannot be shown: `error.reason` of a media. */
export type SlidesProblem =
  | "ENCRYPTED"
  | "EMPTY"
  | "BROKEN"
  | "TYPE_MISMATCH"
  | "UNSUPPORTED"
  | "TOO_MANY_PAGES"
  | "TOO_LARGE"
  | "TOO_SLOW"
  | "TOO_MUCH_MEMORY"
  | "UPLOAD_MISSING"
  | "OTHER_FILE"
  | "CONVERSION_FAILED";

/** The identity of a session: another may get the id of a deleted one. Documents below it are queried by all three. */
export interface SessionIdentity {
  readonly sessionId: string;
  readonly ownerUid: string;
  readonly createdAt: Timestamp;
}

/** The fields of a session's document that are about its slides. */
export interface SharingSession extends Sharing {
  /** `undefined` while the document has no `createdAt`, which a back end may leave out. The server adds it. */
  readonly identity: SessionIdentity | undefined;
}

/** The fields of `sessions/{sessionId}/sharedLiveMedias/{mediaId}` that this client reads. */
export interface MediaDocument {
  readonly id: string;
  readonly createdAt: Timestamp;
  readonly title: string | null;
  readonly fileName: string | null;
  readonly showDownload: boolean;
  readonly uploadState: SlidesUploadState;
  readonly isReadyToShow: boolean;
  readonly activeStamp: number | null;
  readonly nbPages: number | null;
  readonly deck: {
    readonly pages: readonly ({ readonly width: number; readonly height: number; readonly isBlank: boolean } | null)[];
  } | null;
  readonly error: { readonly reason: SlidesProblem | (string & {}); readonly message: string } | null;
  readonly warnings: readonly string[];
}

/** Listens to the documents of slides. Each method returns a function that stops listening. */
export interface SlidesDocuments {
  watchSession(sessionId: string, observer: Observer<SharingSession | null>): () => void;
  /** `null` if the media was deleted. */
  watchMedia(sessionId: string, mediaId: string, observer: Observer<MediaDocument | null>): () => void;
  watchMedias(session: SessionIdentity, observer: Observer<readonly MediaDocument[]>): () => void;
  watchTimeline(session: SessionIdentity, observer: Observer<readonly TimelineEntry[]>): () => void;
}

/** Return a `SlidesDocuments` that listens to Firestore. */
export function slidesDocuments(greenroom: Greenroom): SlidesDocuments {
  const { firestore } = greenroom;
  const below = ({ sessionId, ownerUid, createdAt }: SessionIdentity, name: string) =>
    query(
      collection(firestore, "sessions", sessionId, name),
      where("ownerUid", "==", ownerUid),
      where("sessionCreatedAt", "==", createdAt),
    );
  return {
    watchSession: (sessionId, observer) =>
      onSnapshot(doc(firestore, "sessions", sessionId), {
        next: (snapshot) => {
          const fields = snapshot.data({ serverTimestamps: "estimate" });
          observer.next(fields === undefined ? null : sharingOf(sessionId, fields));
        },
        error: (error) => observer.error(toReadError(error)),
      }),
    watchMedia: (sessionId, mediaId, observer) =>
      onSnapshot(doc(firestore, "sessions", sessionId, "sharedLiveMedias", mediaId), {
        next: (snapshot) => observer.next(snapshot.exists() ? mediaOf(snapshot.id, snapshot.data()) : null),
        error: (error) => {
          const known = toReadError(error);
          // The rules refuse reads of a document that does not exist.
          if (known.code === "DOCUMENT_NOT_READABLE") observer.next(null);
          else observer.error(known);
        },
      }),
    watchMedias: (session, observer) =>
      watchAll(below(session, "sharedLiveMedias"), observer, ({ docs }) =>
        docs.map((one) => mediaOf(one.id, one.data())).sort(compareMedias),
      ),
    watchTimeline: (session, observer) =>
      watchAll(below(session, "slideTimelines"), observer, ({ docs }) => docs.flatMap((one) => entriesOf(one.data()))),
  };
}

function watchAll<T>(found: Query<DocumentData>, observer: Observer<T>, read: (snapshot: QuerySnapshot) => T) {
  return onSnapshot(found, {
    next: (snapshot) => observer.next(read(snapshot)),
    error: (error) => observer.error(toReadError(error)),
  });
}

function sharingOf(sessionId: string, fields: DocumentData): SharingSession {
  const { ownerUid, createdAt, activeSharedLiveMedia, activeSharedLiveMediaPage, revision } = fields as Record<
    string,
    unknown
  >;
  const mediaId = typeof activeSharedLiveMedia === "string" ? activeSharedLiveMedia : null;
  const isKnown = typeof ownerUid === "string" && createdAt instanceof Timestamp;
  return {
    identity: isKnown ? { sessionId, ownerUid, createdAt } : undefined,
    mediaId,
    page: mediaId !== null && typeof activeSharedLiveMediaPage === "number" ? activeSharedLiveMediaPage : null,
    revision: typeof revision === "number" ? revision : 0,
  };
}

function mediaOf(id: string, fields: DocumentData): MediaDocument {
  return { ...(fields as Omit<MediaDocument, "id">), id };
}

function compareMedias(one: MediaDocument, other: MediaDocument): number {
  return one.createdAt.toMillis() - other.createdAt.toMillis() || (one.id < other.id ? -1 : 1);
}

interface EntryFields {
  readonly at: Timestamp;
  readonly media: string | null;
  readonly page: number | null;
}

/** Return the changes in a chunk of a timeline. */
function entriesOf(chunk: DocumentData): TimelineEntry[] {
  const { entries } = chunk as { entries: Record<string, EntryFields> };
  return Object.entries(entries).map(([revision, { at, media, page }]) => ({
    revision: Number(revision),
    at: at.toDate(),
    mediaId: media,
    page,
  }));
}

/** Return whether two sessions are the same: another may have the id of a deleted one. */
export function isSameSession(one: SessionIdentity | undefined, other: SessionIdentity | undefined): boolean {
  if (one === undefined || other === undefined) return one === other;
  return one.ownerUid === other.ownerUid && one.createdAt.isEqual(other.createdAt);
}
