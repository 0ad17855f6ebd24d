import { ChangeDetectionStrategy, Component, computed, inject } from "@angular/core";
import { RouterLink } from "@angular/router";
import { injectOwnSessions } from "greenroom/angular";
import type { Session, WithId } from "greenroom/core";

import { Account } from "../account/account";
import { Icon } from "../ui/icon";
import { ListSkeleton } from "../ui/list-skeleton";
import { showTitle } from "../ui/page-titles";
import { Problem } from "../ui/problem";
import { SessionCard } from "../ui/session-card";
import { Language } from "../words/language";

@Component({
  selector: "app-teach-list-page",
  imports: [Icon, ListSkeleton, Problem, RouterLink, SessionCard],
  changeDetection: ChangeDetectionStrategy.OnPush,
  template: `
    <div class="page">
      <div class="page-head">
        <h1 tabindex="-1">{{ words().teachList.title }}</h1>
        <a class="button primary" routerLink="/teach/new"><app-icon name="add" />{{ words().teachList.create }}</a>
      </div>
      <app-problem [error]="sessions.error()" [canRetry]="true" (retry)="sessions.reload()" />
      @if (sessions.isLoading()) {
        <app-list-skeleton />
      } @else if (sessions.value()?.length === 0) {
        <div class="empty card">
          <app-icon name="video" />
          <h2>{{ words().teachList.empty }}</h2>
          <p class="hint">{{ words().teachList.emptyHint }}</p>
        </div>
      } @else {
        @for (group of groups(); track group.title) {
          <section class="stack-3" [attr.aria-label]="group.title">
            @if (groups().length > 1) {
              <h2 class="group-title">{{ group.title }}</h2>
            }
            <ul class="card rows">
              @for (session of group.sessions; track session.id) {
                <li><app-session-card [session]="session" [link]="['/teach', session.id]" [showStatus]="true" /></li>
              }
            </ul>
          </section>
        }
      }
    </div>
  `,
})
export class TeachListPage {
  protected readonly words = inject(Language).words;
  readonly #account = inject(Account);
  protected readonly sessions = injectOwnSessions(() => this.#account.person()?.uid ?? "");

  protected readonly groups = computed(() => {
    const words = this.words().teachList;
    const sessions = this.sessions.value() ?? [];
    const upcoming = sessions.filter(isUpcoming).sort((a, b) => startOf(a) - startOf(b));
    const others = sessions.filter((session) => !isUpcoming(session)).sort((a, b) => createdOf(b) - createdOf(a));
    return [
      { title: words.upcoming, sessions: upcoming },
      { title: words.others, sessions: others },
    ].filter((group) => group.sessions.length > 0);
  });

  constructor() {
    showTitle(() => this.words().teachList.title);
  }
}

function isUpcoming(session: WithId<Session>): boolean {
  const end = session.endsAt?.toMillis();
  return (
    session.kaltura?.broadcast === "live" || (session.format !== "onDemand" && end !== undefined && end > Date.now())
  );
}

function startOf(session: Session): number {
  return session.startsAt?.toMillis() ?? 0;
}

function createdOf(session: Session): number {
  return session.createdAt?.toMillis() ?? 0;
}
