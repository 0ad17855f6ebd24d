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
  type Watcher,
  type WithId,
} from "greenroom/core";

import { GREENROOM } from "./tokens";

/** What a listener knows at present. */
export interface Watched<T> {
  /** `undefined` until it is known, and after an error. */
  readonly value: Signal<T | undefined>;

  readonly error: Signal<GreenroomError | undefined>;

  /** Whether neither a value nor an error is known. */
  readonly isLoading: Signal<boolean>;

  /** Listen anew, after an error: a listener that was refused once is told nothing more. The error stays meanwhile. */
  restart(): void;
}

/** Listen to a session. Its value is `null` if there is none. Nothing is listened to while the id is undefined. */
export function injectSession(sessionId: () => string | undefined): Watched<WithId<Session> | null> {
  return injectWatched((greenroom, watcher) => {
    const id = sessionId();
    return id === undefined ? undefined : watchSession(greenroom, id, watcher);
  });
}

/** Listen to the sessions of a teacher. */
export function injectOwnSessions(uid: () => string): Watched<WithId<Session>[]> {
  return injectWatched((greenroom, watcher) => watchOwnSessions(greenroom, uid(), watcher));
}

/** Listen to the public sessions that are open to everybody. */
export function injectOpenSessions(): Watched<WithId<Session>[]> {
  return injectWatched((greenroom, watcher) => watchOpenSessions(greenroom, watcher));
}

/** Listen to the enrolments of a student. */
export function injectOwnEnrolments(uid: () => string): Watched<WithId<Enrolment>[]> {
  return injectWatched((greenroom, watcher) => watchOwnEnrolments(greenroom, uid(), watcher));
}

/** Listen to the enrolments in a teacher's session. */
export function injectEnrolments(ownerUid: () => string, sessionId: () => string): Watched<WithId<Enrolment>[]> {
  return injectWatched((greenroom, watcher) => watchEnrolments(greenroom, ownerUid(), sessionId(), watcher));
}

/** Listen to the records of the videos in a teacher's session. */
export function injectVideos(ownerUid: () => string, sessionId: () => string): Watched<WithId<Video>[]> {
  return injectWatched((greenroom, watcher) => watchVideos(greenroom, ownerUid(), sessionId(), watcher));
}

/**
 * Listen by one of the `watch…` functions of `greenroom/core`.
 *
 * Signals that `start` reads are followed: when one changes, it listens anew.
 */
export function injectWatched<T>(
  start: (greenroom: Greenroom, watcher: Watcher<T>) => (() => void) | undefined,
): Watched<T> {
  assertInInjectionContext(injectWatched);
  const greenroom = inject(GREENROOM);
  const value = signal<T | undefined>(undefined);
  const error = signal<GreenroomError | undefined>(undefined);
  const isLoading = signal(true);
  const restarts = signal(0);
  let restartsBefore = 0;

  effect((onCleanup) => {
    if (restarts() === restartsBefore) {
      value.set(undefined);
      error.set(undefined);
    }
    restartsBefore = restarts();
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
    restart: () => restarts.update((n) => n + 1),
  };
}
