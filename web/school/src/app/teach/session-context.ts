import { computed, Injectable, signal } from "@angular/core";
import { injectSession } from "greenroom/angular";
import { type Session, videosInOrder, type VideoOfSession, type WithId } from "greenroom/core";

export type VideoInSession = WithId<VideoOfSession>;

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
  readonly videos = computed(() => videosInOrder(this.resource.value()));
}
