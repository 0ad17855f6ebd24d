import { effect, inject, type Signal, signal, untracked } from "@angular/core";
import {
  type Greenroom,
  LiveAdmission,
  type Playback,
  RecordedSlides,
  SlidesFollower,
  SlidesPresenter,
  XmppSlides,
} from "greenroom/core";

import { GREENROOM } from "./tokens";

/**
 * Enter a live event, and leave it when the component is destroyed. There is no admission while the id is undefined.
 */
export function injectLiveAdmission(sessionId: () => string | undefined): Signal<LiveAdmission | undefined> {
  return injectOpened(
    (greenroom) => {
      const id = sessionId();
      if (id === undefined) return undefined;
      const admission = new LiveAdmission(greenroom, id);
      void admission.join();
      return admission;
    },
    (admission) => admission.close(),
  );
}

/** Present slides in a live event, with the admission to it. */
export function injectSlidesPresenter(admission: () => LiveAdmission | undefined): Signal<SlidesPresenter | undefined> {
  return injectOpened(
    (greenroom) => {
      const current = admission();
      return current && new SlidesPresenter(greenroom, current.sessionId, current.slides);
    },
    (presenter) => presenter.close(),
  );
}

/**
 * Follow the slides of a live event, with Firestore and with the session's chat room.
 *
 * @param playback The player of the event, if there is one: slides are delayed like its live stream.
 */
export function injectSlidesFollower(
  admission: () => LiveAdmission | undefined,
  playback: () => Playback | undefined = () => undefined,
): Signal<SlidesFollower | undefined> {
  return injectOpened(
    (greenroom) => {
      const current = admission();
      if (current === undefined) return undefined;
      const follower = new SlidesFollower(greenroom, current.sessionId, current.slides);
      follower.follow({ pictureAt: () => untracked(playback)?.pictureAt() });
      const chat = new XmppSlides(current.slidesChat, (message) => follower.receive(message));
      return Object.assign(follower, { chat });
    },
    (follower) => {
      follower.chat.close();
      follower.close();
    },
  );
}

/** Show the slides of a recording in time with its player. */
export function injectRecordedSlides(playback: () => Playback | undefined): Signal<RecordedSlides | undefined> {
  return injectOpened(
    (greenroom) => {
      const recording = playback();
      return recording && new RecordedSlides(greenroom, recording);
    },
    (slides) => slides.close(),
  );
}

/** Open something; close it when a signal that `open` reads changes, and at the end. */
function injectOpened<T>(
  open: (greenroom: Greenroom) => T | undefined,
  close: (opened: T) => void,
): Signal<T | undefined> {
  const greenroom = inject(GREENROOM);
  const current = signal<T | undefined>(undefined);
  effect((onCleanup) => {
    const opened = open(greenroom);
    current.set(opened);
    if (opened !== undefined) onCleanup(() => close(opened));
  });
  return current.asReadonly();
}
