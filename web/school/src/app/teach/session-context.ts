import { computed, Injectable, signal } from "@angular/core";
import { injectSession } from "greenroom/angular";
import type { Session, VideoOfSession, WithId } from "greenroom/core";

export interface VideoInSession extends VideoOfSession {
  readonly id: string;
}

/** The session that a page and its parts are about. */
@Injectable()
export class SessionContext {
  readonly id = signal("");
  readonly resource = injectSession(() => this.id() || undefined);

  /** Throws where there is no session: the page shows its parts only if there is one. */
  readonly session = computed((): WithId<Session> => {
    const session = this.resource.value();
    if (session == null) throw new Error("The session is not known.");
    return session;
  });

  readonly isLive = computed(() => this.resource.value()?.format === "liveStreaming");
  readonly videos = computed(() => videosOf(this.resource.value() ?? undefined));
}

/** The videos of a session in their order. */
export function videosOf(session: Session | undefined): readonly VideoInSession[] {
  const place = (video: VideoOfSession) => video.order ?? Number.MAX_SAFE_INTEGER;
  return Object.entries(session?.videos ?? {})
    .map(([id, video]) => ({ ...video, id }))
    .sort((a, b) => place(a) - place(b) || a.id.localeCompare(b.id));
}
