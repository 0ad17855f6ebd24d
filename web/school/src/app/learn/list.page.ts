import { afterNextRender, ChangeDetectionStrategy, Component, computed, inject } from "@angular/core";
import { injectOpenSessions } from "greenroom/angular";
import { preloadPlayer, type Session, type WithId } from "greenroom/core";

import { Account } from "../account/account";
import { AccountDialog } from "../account/account-dialog";
import { Dialogs } from "../ui/dialogs";
import { Icon } from "../ui/icon";
import { ListSkeleton } from "../ui/list-skeleton";
import { showTitle } from "../ui/page-titles";
import { Problem } from "../ui/problem";
import { SessionCard } from "../ui/session-card";
import { Language } from "../words/language";
import { EnrolledSessions } from "./enrolled-sessions";

@Component({
  selector: "app-learn-list-page",
  imports: [Icon, ListSkeleton, Problem, SessionCard],
  changeDetection: ChangeDetectionStrategy.OnPush,
  providers: [EnrolledSessions],
  template: `
    <div class="page">
      <div class="page-head">
        <h1 tabindex="-1">{{ words().learnList.title }}</h1>
      </div>
      <app-problem [error]="open.error() ?? enrolled.enrolments.error()" [canRetry]="true" (retry)="reload()" />
      @if (isLoading()) {
        <app-list-skeleton />
      } @else if (groups().length === 0) {
        <div class="empty card">
          <app-icon name="video" />
          @if (isAdmin()) {
            <h2>{{ words().learnList.admin }}</h2>
            <p class="hint">{{ words().learnList.adminHint }}</p>
          } @else {
            <h2>{{ words().learnList.empty }}</h2>
            <p class="hint">{{ words().learnList.emptyHint }}</p>
            <button type="button" class="button" aria-haspopup="dialog" (click)="showId()">
              {{ words().learnList.showId }}
            </button>
          }
        </div>
      } @else {
        @for (group of groups(); track group.title) {
          <section class="stack-3" [attr.aria-label]="group.title">
            <h2 class="group-title">{{ group.title }}</h2>
            <ul class="card rows">
              @for (session of group.sessions; track session.id) {
                <li><app-session-card [session]="session" [link]="['/learn', session.id]" /></li>
              }
            </ul>
          </section>
        }
      }
      @if (enrolled.hiddenCount(); as count) {
        <p class="hint">{{ words().learnList.hidden(count) }}</p>
      }
    </div>
  `,
})
export class LearnListPage {
  protected readonly words = inject(Language).words;
  protected readonly enrolled = inject(EnrolledSessions);
  protected readonly open = injectOpenSessions();
  readonly #dialogs = inject(Dialogs);
  readonly #account = inject(Account);
  protected readonly isAdmin = computed(() => this.#account.person()?.role === "admin");

  protected readonly isLoading = computed(() => this.open.isLoading() || this.enrolled.isLoading());

  protected readonly groups = computed(() => {
    const words = this.words().learnList;
    const enrolled = this.enrolled.visible();
    const ids = new Set(enrolled.map(({ id }) => id));
    const open = (this.open.value() ?? []).filter(({ id }) => !ids.has(id));
    const isLive = ({ kaltura }: Session) => kaltura?.broadcast === "live";
    const groups = [
      { title: words.liveNow, sessions: [...enrolled, ...open].filter(isLive) },
      { title: words.enrolled, sessions: enrolled.filter((session) => !isLive(session)) },
      { title: words.open, sessions: open.filter((session) => !isLive(session)) },
    ];
    return groups
      .filter(({ sessions }) => sessions.length > 0)
      .map(({ title, sessions }) => ({ title, sessions: sessions.sort(byTime) }));
  });

  constructor() {
    showTitle(() => this.words().learnList.title);
    // Users of this list are about to watch something. If this fails, the player loads hls.js later.
    afterNextRender(() => void preloadPlayer().catch(() => undefined));
  }

  protected reload(): void {
    this.open.reload();
    this.enrolled.enrolments.reload();
  }

  protected showId(): void {
    void this.#dialogs.open(AccountDialog, "account-title");
  }
}

/** Order upcoming sessions by their start, and put the others after them, newest first. */
function byTime(a: WithId<Session>, b: WithId<Session>): number {
  const starts = (session: Session) => {
    const at = session.startsAt?.toMillis();
    return at !== undefined && at > Date.now() ? at : Number.MAX_SAFE_INTEGER;
  };
  return starts(a) - starts(b) || (b.createdAt?.toMillis() ?? 0) - (a.createdAt?.toMillis() ?? 0);
}
