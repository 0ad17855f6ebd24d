import { assertInInjectionContext, effect, inject, type Signal, signal } from "@angular/core";
import {
  type Enrolment,
  type Greenroom,
  type GreenroomError,
  type Session,
  type Video,
  watchEnrolments,
  watchOpenSessions,
  watchOwnEnrolments,
  watchOwnSessions,
  watchSession,
  watchVideos,
  type Observer,
  type WithId,
} from "greenroom/core";

import { GREENROOM } from "./tokens";

/** What Firestore has told at present, as signals that are named like those of Angular's own resources. */
export interface FirestoreResource<T> {
  /** `undefined` until it is known, and after an error. */
  readonly value: Signal<T | undefined>;

  readonly error: Signal<GreenroomError | undefined>;

  /** Whether neither a value nor an error is known. */
  readonly isLoading: Signal<boolean>;

  /** Listen anew, after an error: a listener that was refused once is told nothing more. The error stays meanwhile. */
  reload(): void;
}

/** Listen to a session. Its value is `null` if there is none. Nothing is listened to while the id is undefined. */
export function injectSession(sessionId: () => string | undefined): FirestoreResource<WithId<Session> | null> {
  return injectFirestoreResource((greenroom, observer) => {
    const id = sessionId();
    return id === undefined ? undefined : watchSession(greenroom, id, observer);
  });
}

/** Listen to the sessions of a teacher. */
export function injectOwnSessions(uid: () => string): FirestoreResource<WithId<Session>[]> {
  return injectFirestoreResource((greenroom, observer) => watchOwnSessions(greenroom, uid(), observer));
}

/** Listen to the public sessions that are open to everybody. */
export function injectOpenSessions(): FirestoreResource<WithId<Session>[]> {
  return injectFirestoreResource((greenroom, observer) => watchOpenSessions(greenroom, observer));
}

/** Listen to the enrolments of a student. */
export function injectOwnEnrolments(uid: () => string): FirestoreResource<WithId<Enrolment>[]> {
  return injectFirestoreResource((greenroom, observer) => watchOwnEnrolments(greenroom, uid(), observer));
}

/** Listen to the enrolments in a teacher's session. */
export function injectEnrolments(
  ownerUid: () => string,
  sessionId: () => string,
): FirestoreResource<WithId<Enrolment>[]> {
  return injectFirestoreResource((greenroom, observer) =>
    watchEnrolments(greenroom, ownerUid(), sessionId(), observer),
  );
}

/** Listen to the records of the videos in a teacher's session. */
export function injectVideos(ownerUid: () => string, sessionId: () => string): FirestoreResource<WithId<Video>[]> {
  return injectFirestoreResource((greenroom, observer) => watchVideos(greenroom, ownerUid(), sessionId(), observer));
}

/**
 * Listen by one of the `watch…` functions of `greenroom/core`.
 *
 * Signals that `start` reads are followed: when one changes, it listens anew.
 */
export function injectFirestoreResource<T>(
  start: (greenroom: Greenroom, observer: Observer<T>) => (() => void) | undefined,
): FirestoreResource<T> {
  assertInInjectionContext(injectFirestoreResource);
  const greenroom = inject(GREENROOM);
  const value = signal<T | undefined>(undefined);
  const error = signal<GreenroomError | undefined>(undefined);
  const isLoading = signal(true);
  const reloads = signal(0);
  let reloadsBefore = 0;

  effect((onCleanup) => {
    if (reloads() === reloadsBefore) {
      value.set(undefined);
      error.set(undefined);
    }
    reloadsBefore = reloads();
    isLoading.set(true);
    const stop = start(greenroom, {
      next: (next) => {
        value.set(next);
        error.set(undefined);
        isLoading.set(false);
      },
      error: (reason) => {
        value.set(undefined);
        error.set(reason);
        isLoading.set(false);
      },
    });
    if (stop !== undefined) onCleanup(stop);
  });
  return {
    value: value.asReadonly(),
    error: error.asReadonly(),
    isLoading: isLoading.asReadonly(),
    reload: () => reloads.update((n) => n + 1),
  };
}
