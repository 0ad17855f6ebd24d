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

/** The latest value of a Firestore listener, as signals with the names of Angular's `Resource`. */
export interface FirestoreResource<T> {
  /** `undefined` until it is known, and after an error. */
  readonly value: Signal<T | undefined>;

  /** Why the listener ended, until there is a value again. */
  readonly error: Signal<GreenroomError | undefined>;

  /** Whether the listener waits for its first value. */
  readonly isLoading: Signal<boolean>;

  /** Listen again, after an error: Firestore never calls a refused listener again. `error` stays until then. */
  reload(): void;
}

/** Listen to a session; `null` if it does not exist. There is no listener while the id is undefined. */
export function injectSession(sessionId: () => string | undefined): FirestoreResource<WithId<Session> | null> {
  return injectFirestoreResource((greenroom, observer) => {
    const id = sessionId();
    return id === undefined ? undefined : watchSession(greenroom, id, observer);
  });
}

/** Listen to the sessions that a teacher owns, in no order. */
export function injectOwnSessions(uid: () => string): FirestoreResource<WithId<Session>[]> {
  return injectFirestoreResource((greenroom, observer) => watchOwnSessions(greenroom, uid(), observer));
}

/** Listen to the public sessions that are open to everybody. */
export function injectOpenSessions(): FirestoreResource<WithId<Session>[]> {
  return injectFirestoreResource((greenroom, observer) => watchOpenSessions(greenroom, observer));
}

/** Listen to the enrolments of one student, in all sessions. */
export function injectOwnEnrolments(uid: () => string): FirestoreResource<WithId<Enrolment>[]> {
  return injectFirestoreResource((greenroom, observer) => watchOwnEnrolments(greenroom, uid(), observer));
}

/** Listen to the enrolments in a session of the signed-in teacher. */
export function injectEnrolments(
  ownerUid: () => string,
  sessionId: () => string,
): FirestoreResource<WithId<Enrolment>[]> {
  return injectFirestoreResource((greenroom, observer) =>
    watchEnrolments(greenroom, ownerUid(), sessionId(), observer),
  );
}

/** Listen to the documents of the videos in a session of the signed-in teacher. */
export function injectVideos(ownerUid: () => string, sessionId: () => string): FirestoreResource<WithId<Video>[]> {
  return injectFirestoreResource((greenroom, observer) => watchVideos(greenroom, ownerUid(), sessionId(), observer));
}

/**
 * Listen with one of the `watch…` functions of `greenroom/core`. Call it in an injection context.
 *
 * @param start Starts the listener, and returns the function that stops it; `undefined` starts none. If a signal that
 *   it
 *   reads changes, it is called again.
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
