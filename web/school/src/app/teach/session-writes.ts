import {
  deleteDoc,
  deleteField,
  doc,
  type FieldValue,
  serverTimestamp,
  setDoc,
  Timestamp,
  updateDoc,
} from "firebase/firestore";
import type { Greenroom, Session } from "greenroom/core";

/** What an owner says of a session. */
export interface SessionFields {
  readonly title: string;
  readonly format: Session["format"];
  readonly visibility: Session["visibility"];
  readonly startsAt: Date | null;
  readonly endsAt: Date | null;
  /** `null` for the school's default. */
  readonly videoProvider: "kaltura" | "cloudflare" | null;
}

/** Create a draft. @returns its id. */
export async function createSession(greenroom: Greenroom, ownerUid: string, fields: SessionFields): Promise<string> {
  const sessionId = crypto.randomUUID();
  const { videoProvider, ...rest } = toDocument(fields);
  await setDoc(sessionAt(greenroom, sessionId), {
    ...rest,
    ...(fields.videoProvider !== null && { videoProvider }),
    ownerUid,
    status: "draft",
    createdAt: serverTimestamp(),
    updatedAt: serverTimestamp(),
  });
  return sessionId;
}

export async function changeSession(greenroom: Greenroom, sessionId: string, fields: SessionFields): Promise<void> {
  await updateDoc(sessionAt(greenroom, sessionId), { ...toDocument(fields), updatedAt: serverTimestamp() });
}

export async function setStatus(greenroom: Greenroom, sessionId: string, status: Session["status"]): Promise<void> {
  await updateDoc(sessionAt(greenroom, sessionId), { status, updatedAt: serverTimestamp() });
}

/** Delete a session; the server deletes everything that belongs to it. */
export function deleteSession(greenroom: Greenroom, sessionId: string): Promise<void> {
  return deleteDoc(sessionAt(greenroom, sessionId));
}

export async function enrol(greenroom: Greenroom, ownerUid: string, sessionId: string, uid: string): Promise<void> {
  await setDoc(doc(greenroom.firestore, "enrolments", `${sessionId}_${uid}`), {
    sessionId,
    uid,
    ownerUid,
    createdAt: serverTimestamp(),
  });
}

export function unenrol(greenroom: Greenroom, sessionId: string, uid: string): Promise<void> {
  return deleteDoc(doc(greenroom.firestore, "enrolments", `${sessionId}_${uid}`));
}

function sessionAt(greenroom: Greenroom, sessionId: string) {
  return doc(greenroom.firestore, "sessions", sessionId);
}

function toDocument(fields: SessionFields): Record<string, string | Timestamp | null | FieldValue> {
  const instant = (at: Date | null) => (at === null ? null : Timestamp.fromDate(at));
  return {
    title: fields.title.trim(),
    format: fields.format,
    visibility: fields.visibility,
    startsAt: instant(fields.startsAt),
    endsAt: instant(fields.endsAt),
    videoProvider: fields.videoProvider ?? deleteField(),
  };
}
