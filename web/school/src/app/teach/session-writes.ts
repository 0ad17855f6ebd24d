import { inject, Injectable } from "@angular/core";
import {
  collection,
  deleteDoc,
  deleteField,
  doc,
  type FieldValue,
  serverTimestamp,
  setDoc,
  Timestamp,
  updateDoc,
} from "firebase/firestore";
import { GREENROOM } from "greenroom/angular";
import type { Session } from "greenroom/core";

import { PendingWrites } from "../ui/pending-writes";

/** The fields of a session that its owner sets. */
export interface SessionFields {
  readonly title: string;
  readonly format: Session["format"];
  readonly visibility: Session["visibility"];
  readonly startsAt: Date | null;
  readonly endsAt: Date | null;
  /** `null` for the school's default. */
  readonly videoProvider: "kaltura" | "cloudflare" | null;
}

/**
 * Writes the documents that clients own; everything else goes through callables. Each method returns whether the server
 * has confirmed the change. If not, Firestore keeps it in this tab until it can be sent.
 */
@Injectable()
export class SessionWrites {
  readonly #firestore = inject(GREENROOM).firestore;
  readonly #pending = inject(PendingWrites);

  /** Create a draft. */
  async create(ownerUid: string, fields: SessionFields): Promise<{ id: string; isConfirmed: boolean }> {
    const session = doc(collection(this.#firestore, "sessions"));
    const { videoProvider, ...rest } = toDocument(fields);
    const write = setDoc(session, {
      ...rest,
      ...(fields.videoProvider !== null && { videoProvider }),
      ownerUid,
      status: "draft",
      createdAt: serverTimestamp(),
      updatedAt: serverTimestamp(),
    });
    return { id: session.id, isConfirmed: await this.#pending.settle(write) };
  }

  change(sessionId: string, fields: SessionFields): Promise<boolean> {
    const write = updateDoc(this.#session(sessionId), { ...toDocument(fields), updatedAt: serverTimestamp() });
    return this.#pending.settle(write);
  }

  setStatus(sessionId: string, status: Session["status"]): Promise<boolean> {
    return this.#pending.settle(updateDoc(this.#session(sessionId), { status, updatedAt: serverTimestamp() }));
  }

  /** Delete a session; the server deletes everything that belongs to it. */
  delete(sessionId: string): Promise<boolean> {
    return this.#pending.settle(deleteDoc(this.#session(sessionId)));
  }

  enrol(ownerUid: string, sessionId: string, uid: string): Promise<boolean> {
    const fields = { sessionId, uid, ownerUid, createdAt: serverTimestamp() };
    return this.#pending.settle(setDoc(this.#enrolment(sessionId, uid), fields));
  }

  unenrol(sessionId: string, uid: string): Promise<boolean> {
    return this.#pending.settle(deleteDoc(this.#enrolment(sessionId, uid)));
  }

  #session(sessionId: string) {
    return doc(this.#firestore, "sessions", sessionId);
  }

  #enrolment(sessionId: string, uid: string) {
    return doc(this.#firestore, "enrolments", `${sessionId}_${uid}`);
  }
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
