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

/** Enter a live event, and stay in it as long as the component lives. Nothing is entered while the id is undefined. */
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

/** Present slides by the admission to a live event. */
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
 * Follow the slides of a live event.
 *
 * @param playback Its picture, if somebody watches it: the pages are shown when the picture shows them.
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

/** Show the slides of a recording, in time with it. */
export function injectRecordedSlides(playback: () => Playback | undefined): Signal<RecordedSlides | undefined> {
  return injectOpened(
    (greenroom) => {
      const recording = playback();
      return recording && new RecordedSlides(greenroom, recording);
    },
    (slides) => slides.close(),
  );
}

/** Open something with the signals that `open` reads; close it when they change and at the end. */
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
