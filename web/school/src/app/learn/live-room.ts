import { LiveAnnouncer } from "@angular/cdk/a11y";
import { ChangeDetectionStrategy, Component, computed, inject, input, signal, viewChild } from "@angular/core";
import { DomSanitizer } from "@angular/platform-browser";
import {
  fromReadable,
  GREENROOM_TEXTS,
  injectErrorText,
  injectLiveAdmission,
  injectSlidesFollower,
  Player,
  SlideView,
} from "greenroom/angular";
import type { Session, WithId } from "greenroom/core";

import { Action } from "../ui/action";
import { Icon, type IconName } from "../ui/icon";
import { Notice } from "../ui/notice";
import { Problem } from "../ui/problem";
import { Language } from "../words/language";
import { isRoomAddress } from "./room-address";

interface Waiting {
  readonly icon: IconName;
  readonly title: string;
  readonly hint: string;
}

/** A live event: its player, its slides, its meeting room and its chat. */
@Component({
  selector: "app-live-room",
  imports: [Icon, Notice, Player, Problem, SlideView],
  changeDetection: ChangeDetectionStrategy.OnPush,
  templateUrl: "./live-room.html",
})
export class LiveRoom {
  readonly session = input.required<WithId<Session>>();

  readonly #language = inject(Language);
  readonly #sanitizer = inject(DomSanitizer);
  readonly #announcer = inject(LiveAnnouncer);
  readonly #errorText = injectErrorText();
  protected readonly words = this.#language.words;
  protected readonly texts = inject(GREENROOM_TEXTS);
  private readonly player = viewChild(Player);

  readonly #id = computed(() => this.session().id);
  readonly #isReady = computed(() => this.session().kaltura?.state === "ready");
  readonly #admission = injectLiveAdmission(() => (this.#isReady() ? this.#id() : undefined));
  protected readonly grants = fromReadable(() => this.#admission()?.grants);
  readonly #error = fromReadable(() => this.#admission()?.error);
  protected readonly isIn = computed(() => this.grants() !== undefined);

  protected readonly broadcast = computed(() => this.session().kaltura?.broadcast ?? "offline");
  protected readonly isLive = computed(() => this.broadcast() === "live");
  protected readonly target = computed(() => ({ sessionId: this.#id() }));

  readonly #playback = computed(() => this.player()?.playback());
  readonly #follower = injectSlidesFollower(this.#admission, this.#playback);
  protected readonly slide = fromReadable(() => this.#follower()?.slide);

  /** The reason why the room cannot be shown yet, or any more. */
  protected readonly waiting = computed((): Waiting | undefined => {
    const words = this.words().room;
    const { kaltura, startsAt } = this.session();
    if (kaltura?.state === "failed") return { icon: "alert", title: words.failed, hint: "" };
    if (!this.#isReady()) return { icon: "clock", title: words.preparing, hint: "" };
    if (this.isIn()) return undefined;
    const error = this.#error();
    if (error === undefined) return { icon: "clock", title: this.words().common.working, hint: "" };
    switch (error.code) {
      case "SESSION_NOT_OPEN_YET": {
        const hint = startsAt == null ? words.opensSoon : words.begins(this.#language.dateTime(startsAt.toDate()));
        return { icon: "clock", title: words.notYet, hint };
      }
      case "SESSION_OVER":
        return { icon: "check", title: words.over, hint: words.overHint };
      default:
        return { icon: "lock", title: this.#errorText(error), hint: "" };
    }
  });

  /** The text in place of the player, before the broadcast and after it. */
  protected readonly pictureWords = computed(() => {
    const words = this.words().room;
    return this.broadcast() === "ended"
      ? { title: words.over, hint: words.overHint }
      : { title: words.offline, hint: words.offlineHint };
  });

  /** The room's URL when the user opened it. The grant's URL changes with each renewal, which would reload the room. */
  protected readonly room = signal<ReturnType<DomSanitizer["bypassSecurityTrustResourceUrl"]> | undefined>(undefined);

  protected readonly refresh = new Action(async () => {
    await this.#admission()?.refresh();
    void this.#announcer.announce(this.words().room.refreshed);
  });

  protected showRoom(): void {
    const url = this.grants()?.room?.url;
    if (isRoomAddress(url)) this.room.set(this.#sanitizer.bypassSecurityTrustResourceUrl(url));
  }
}
