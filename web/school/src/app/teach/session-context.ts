import { computed, Injectable, signal } from "@angular/core";
import { injectSession } from "greenroom/angular";
import type { Session, VideoOfSession, WithId } from "greenroom/core";

/** A video in the session's document, with its id. */
export interface VideoInSession extends VideoOfSession {
  readonly id: string;
}

/** The session of a page, for its components. */
@Injectable()
export class SessionContext {
  readonly id = signal("");
  readonly resource = injectSession(() => this.id() || undefined);

  /** The session. Throws without one: the page renders its tabs only if there is one. */
  readonly session = computed((): WithId<Session> => {
    const session = this.resource.value();
    if (session == null) throw new Error("The session is not known.");
    return session;
  });

  readonly isLive = computed(() => this.resource.value()?.format === "liveStreaming");
  readonly videos = computed(() => videosOf(this.resource.value() ?? undefined));
}

/** Return the videos of a session in their order. */
export function videosOf(session: Session | undefined): readonly VideoInSession[] {
  const place = (video: VideoOfSession) => video.order ?? Number.MAX_SAFE_INTEGER;
  return Object.entries(session?.videos ?? {})
    .map(([id, video]) => ({ ...video, id }))
    .sort((a, b) => place(a) - place(b) || a.id.localeCompare(b.id));
}
