import { computed, Injectable, signal } from "@angular/core";
import { injectSession } from "greenroom/angular";
import { type Session, videosInOrder, type VideoOfSession, type WithId } from "greenroom/core";

/** A video in the document of a session, with its id. */
export type VideoInSession = WithId<VideoOfSession>;

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
  readonly videos = computed(() => videosInOrder(this.resource.value()));
}
