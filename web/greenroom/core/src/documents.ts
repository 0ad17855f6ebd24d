import {
  collection,
  doc,
  type DocumentData,
  onSnapshot,
  type Query,
  query,
  type QueryConstraint,
  where,
} from "firebase/firestore";

import type { GreenroomError } from "./errors";
import type { Greenroom } from "./greenroom";
import type { Enrolment, Session, Video } from "./schema/types";
import { toReadError } from "./to-greenroom-error";

/** The fields of a document, and its id. */
export type WithId<T> = T & { id: string };

/** The callbacks of a listener: `next` for each value, or `error` once, after which there are no more values. */
export interface Observer<T> {
  next: (value: T) => void;
  error: (error: GreenroomError) => void;
}

/**
 * Listen to one session. The value is `null` if the session does not exist.
 *
 * @returns a function that stops listening, like every `watch…` function.
 */
export function watchSession(
  greenroom: Greenroom,
  sessionId: string,
  observer: Observer<WithId<Session> | null>,
): () => void {
  return onSnapshot(doc(greenroom.firestore, "sessions", sessionId), {
    next: (snapshot) => {
      const fields = snapshot.data({ serverTimestamps: "estimate" });
      observer.next(fields === undefined ? null : { ...(fields as Session), id: snapshot.id });
    },
    error: (error) => observer.error(toReadError(error)),
  });
}

/** Listen to the sessions that a teacher owns, in no order. */
export function watchOwnSessions(greenroom: Greenroom, uid: string, observer: Observer<WithId<Session>[]>): () => void {
  return watchAll(greenroom, "sessions", [where("ownerUid", "==", uid)], observer);
}

/** Listen to the public sessions that are open to everybody. */
export function watchOpenSessions(greenroom: Greenroom, observer: Observer<WithId<Session>[]>): () => void {
  return watchAll(
    greenroom,
    "sessions",
    [where("status", "==", "public"), where("visibility", "==", "open")],
    observer,
  );
}

/** Listen to the enrolments of one student, in all sessions. */
export function watchOwnEnrolments(
  greenroom: Greenroom,
  uid: string,
  observer: Observer<WithId<Enrolment>[]>,
): () => void {
  return watchAll(greenroom, "enrolments", [where("uid", "==", uid)], observer);
}

/** Listen to the enrolments in a session of the signed-in teacher. */
export function watchEnrolments(
  greenroom: Greenroom,
  ownerUid: string,
  sessionId: string,
  observer: Observer<WithId<Enrolment>[]>,
): () => void {
  const filters = [where("ownerUid", "==", ownerUid), where("sessionId", "==", sessionId)];
  return watchAll(greenroom, "enrolments", filters, observer);
}

/**
 * Listen to the documents of the videos in a session of the signed-in teacher. The session's own document has what
 * viewers need of them.
 */
export function watchVideos(
  greenroom: Greenroom,
  ownerUid: string,
  sessionId: string,
  observer: Observer<WithId<Video>[]>,
): () => void {
  return watchAll(
    greenroom,
    "videos",
    [where("ownerUid", "==", ownerUid), where("sessionId", "==", sessionId)],
    observer,
  );
}

function watchAll<T>(
  greenroom: Greenroom,
  path: string,
  filters: QueryConstraint[],
  observer: Observer<WithId<T>[]>,
): () => void {
  const found: Query<DocumentData> = query(collection(greenroom.firestore, path), ...filters);
  return onSnapshot(found, {
    next: (snapshot) =>
      observer.next(snapshot.docs.map((one) => ({ ...(one.data({ serverTimestamps: "estimate" }) as T), id: one.id }))),
    error: (error) => observer.error(toReadError(error)),
  });
}
