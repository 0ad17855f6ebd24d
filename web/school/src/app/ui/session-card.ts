import { ChangeDetectionStrategy, Component, computed, inject, input } from "@angular/core";
import { RouterLink } from "@angular/router";
import { GREENROOM_TEXTS } from "greenroom/angular";
import type { Session, WithId } from "greenroom/core";

import { Language } from "../words/language";
import { Icon, type IconName } from "./icon";

const FORMAT_ICONS: Readonly<Record<Session["format"], IconName>> = {
  onDemand: "video",
  liveStreaming: "broadcast",
  inPerson: "people",
};

/** A session in a list, as a link to its page. */
@Component({
  selector: "app-session-card",
  imports: [Icon, RouterLink],
  changeDetection: ChangeDetectionStrategy.OnPush,
  template: `
    <a class="session-card" [routerLink]="link()">
      <span class="session-card-icon" [class.live]="isLive()"><app-icon [name]="icon()" /></span>
      <span class="session-card-body">
        <span class="session-card-title" dir="auto">{{ session().title }}</span>
        <span class="hint">{{ facts() }}</span>
      </span>
      <span class="session-card-badges">
        @if (isLive()) {
          <span class="badge live">{{ texts().player.broadcast.live }}</span>
        }
        @if (showStatus()) {
          <span class="badge" [class.good]="session().status === 'public'">
            {{ words().session.status[session().status] }}
          </span>
        }
      </span>
    </a>
  `,
})
export class SessionCard {
  readonly session = input.required<WithId<Session>>();
  readonly link = input.required<readonly string[]>();
  readonly showStatus = input(false);

  readonly #language = inject(Language);
  protected readonly words = this.#language.words;
  protected readonly texts = inject(GREENROOM_TEXTS);
  protected readonly icon = computed(() => FORMAT_ICONS[this.session().format]);
  protected readonly isLive = computed(() => this.session().kaltura?.broadcast === "live");

  protected readonly facts = computed(() => {
    const session = this.session();
    const words = this.words().session;
    const count = Object.keys(session.videos ?? {}).length;
    const from = session.startsAt?.toDate();
    const until = session.endsAt?.toDate();
    const facts = [words.format[session.format]];
    if (from !== undefined && until !== undefined) facts.push(this.#language.span(from, until));
    else if (from !== undefined) facts.push(this.#language.dateTime(from));
    if (count > 0) facts.push(words.videoCount(count));
    return facts.join(" · ");
  });
}
