import { LiveAnnouncer } from "@angular/cdk/a11y";
import { ChangeDetectionStrategy, Component, computed, effect, inject, input } from "@angular/core";
import { RouterLink, RouterLinkActive, RouterOutlet } from "@angular/router";

import { Action } from "../ui/action";
import { Icon } from "../ui/icon";
import { Notice } from "../ui/notice";
import { showTitle } from "../ui/page-titles";
import { Problem } from "../ui/problem";
import { Language } from "../words/language";
import { EventState } from "./event-state";
import { SessionContext } from "./session-context";
import { SessionWrites } from "./session-writes";

/** A teacher's session: its header with the publish switch, and its tabs. */
@Component({
  selector: "app-teach-session-page",
  imports: [EventState, Icon, Notice, Problem, RouterLink, RouterLinkActive, RouterOutlet],
  changeDetection: ChangeDetectionStrategy.OnPush,
  providers: [SessionContext],
  templateUrl: "./session.page.html",
})
export class TeachSessionPage {
  readonly sessionId = input.required<string>();

  readonly #language = inject(Language);
  readonly #writes = inject(SessionWrites);
  readonly #announcer = inject(LiveAnnouncer);
  protected readonly context = inject(SessionContext);
  protected readonly words = this.#language.words;
  protected readonly session = computed(() => this.context.resource.value() ?? undefined);

  protected readonly tabs = computed(() => {
    const parts = this.context.isLive()
      ? (["videos", "slides", "live", "people", "settings"] as const)
      : (["videos", "people", "settings"] as const);
    return parts.map((part) => ({ part, name: this.words().teachSession.tabs[part] }));
  });

  protected readonly facts = computed(() => {
    const session = this.session();
    if (session === undefined) return "";
    const words = this.words().session;
    const from = session.startsAt?.toDate();
    const until = session.endsAt?.toDate();
    const times = from !== undefined && until !== undefined ? this.#language.span(from, until) : undefined;
    return [words.format[session.format], words.visibility[session.visibility], times]
      .filter((fact) => fact !== undefined)
      .join(" · ");
  });

  protected readonly isPublic = computed(() => this.session()?.status === "public");
  protected readonly lacksTimes = computed(
    () => this.context.isLive() && (this.session()?.startsAt == null || this.session()?.endsAt == null),
  );

  protected readonly publish = new Action(async () => {
    const status = this.isPublic() ? "draft" : "public";
    if (!(await this.#writes.setStatus(this.sessionId(), status))) return;
    const words = this.words().teachSession;
    void this.#announcer.announce(status === "public" ? words.published : words.unpublished);
  });

  constructor() {
    effect(() => this.context.id.set(this.sessionId()));
    showTitle(() => this.session()?.title ?? this.words().teachList.title);
  }
}
