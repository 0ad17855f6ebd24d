import { ChangeDetectionStrategy, Component, computed, DestroyRef, inject, input } from "@angular/core";
import { RouterLink } from "@angular/router";
import { injectSession } from "greenroom/angular";

import { Account } from "../account/account";
import { Icon } from "../ui/icon";
import { Notice } from "../ui/notice";
import { showTitle } from "../ui/page-titles";
import { Language } from "../words/language";
import { lessonsOf } from "./lessons";
import { LiveRoom } from "./live-room";
import { Playlist } from "./playlist";

const LOOK_AGAIN_MS = 30_000;

/** A session as its viewers see it. */
@Component({
  selector: "app-learn-session-page",
  imports: [Icon, LiveRoom, Notice, Playlist, RouterLink],
  changeDetection: ChangeDetectionStrategy.OnPush,
  template: `
    <div class="page wide">
      <a class="back-link" [routerLink]="isOwner() ? ['/teach', sessionId()] : '/learn'">
        <app-icon name="back" />{{ isOwner() ? session()?.title : words().learnSession.backToList }}
      </a>
      @if (session(); as session) {
        <div class="session-head">
          <div class="stack-2 grow">
            <h1 tabindex="-1" dir="auto">{{ session.title }}</h1>
            <p class="hint">{{ facts() }}</p>
          </div>
        </div>
        @if (isVisiting()) {
          <app-notice>{{ words().learnSession.adminHint }}</app-notice>
        }
        @if (session.format === "liveStreaming") {
          <app-live-room [session]="session" />
        }
        @if (session.format !== "liveStreaming" || videos().length > 0) {
          <app-playlist
            [sessionId]="session.id"
            [videos]="videos()"
            [video]="video()"
            [isSecond]="session.format === 'liveStreaming'"
          />
        }
      } @else if (resource.isLoading() && resource.error() === undefined) {
        <p class="visually-hidden" role="status">{{ words().app.loading }}</p>
        <div class="stack-4" aria-hidden="true">
          <div class="skeleton title"></div>
          <div class="skeleton line"></div>
          <div class="skeleton picture"></div>
        </div>
      } @else {
        <div class="empty card" role="status">
          <app-icon name="lock" />
          <h1 tabindex="-1" class="empty-title">{{ words().learnSession.refused }}</h1>
          <p class="hint">{{ words().learnSession.refusedHint }}</p>
          <button type="button" class="button" (click)="resource.reload()">{{ words().learnSession.again }}</button>
        </div>
      }
    </div>
  `,
})
export class LearnSessionPage {
  readonly sessionId = input.required<string>();

  /** The id of the video to begin with, from the query. */
  readonly video = input<string>();

  readonly #language = inject(Language);
  readonly #account = inject(Account);
  protected readonly words = this.#language.words;
  protected readonly resource = injectSession(() => this.sessionId());
  protected readonly session = computed(() => this.resource.value() ?? undefined);
  protected readonly videos = computed(() => lessonsOf(this.session()));
  protected readonly isOwner = computed(() => this.session()?.ownerUid === this.#account.person()?.uid);

  /** Whether the rules let an administrator in, whom the server gives no video of this session. */
  protected readonly isVisiting = computed(
    () => this.#account.person()?.role === "admin" && !this.isOwner() && this.session()?.visibility !== "open",
  );

  protected readonly facts = computed(() => {
    const session = this.session();
    if (session === undefined) return "";
    const words = this.words();
    const from = session.startsAt?.toDate();
    const until = session.endsAt?.toDate();
    const facts: string[] = [];
    if (session.format === "inPerson") facts.push(words.learnSession.inPersonHint);
    if (from !== undefined && until !== undefined) facts.push(this.#language.span(from, until));
    return facts.length === 0 ? words.session.format[session.format] : facts.join(" · ");
  });

  constructor() {
    showTitle(() => this.session()?.title ?? this.words().learnList.title);
    // The user may be enrolled, or the session published, while this page is open.
    const timer = setInterval(() => {
      if (this.resource.error() !== undefined && document.visibilityState === "visible") this.resource.reload();
    }, LOOK_AGAIN_MS);
    inject(DestroyRef).onDestroy(() => clearInterval(timer));
  }
}
