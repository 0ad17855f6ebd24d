import { ChangeDetectionStrategy, Component, computed, inject, input, linkedSignal, viewChild } from "@angular/core";
import { fromReadable, GREENROOM_TEXTS, injectRecordedSlides, Player, SlideView } from "greenroom/angular";

import type { VideoInSession } from "../teach/session-context";
import { Icon } from "../ui/icon";
import { Language } from "../words/language";

/** The videos of a session, the player of the chosen one, and the slides of a recording beside it. */
@Component({
  selector: "app-playlist",
  imports: [Icon, Player, SlideView],
  changeDetection: ChangeDetectionStrategy.OnPush,
  template: `
    @if (isSecond()) {
      <h2>{{ words().room.recordings }}</h2>
    }
    @if (videos().length === 0) {
      <div class="empty card">
        <app-icon name="video" />
        <h2>{{ words().learnSession.noVideos }}</h2>
        <p class="hint">{{ words().learnSession.noVideosHint }}</p>
      </div>
    } @else {
      <div class="watch" [class.with-list]="videos().length > 1">
        <div class="stack-4 watch-main">
          @if (target(); as target) {
            <gr-player [target]="target" [label]="chosen()?.title ?? ''" />
          }
          <h2 class="watch-title" dir="auto">{{ chosen()?.title }}</h2>
          @if (hasSlides()) {
            <gr-slide-view [slide]="slide()" />
          }
        </div>
        @if (videos().length > 1) {
          <nav class="card rows playlist" [attr.aria-label]="words().learnSession.playlist">
            <ol>
              @for (one of videos(); track one.id; let index = $index) {
                <li>
                  <button
                    type="button"
                    class="playlist-item"
                    [attr.aria-current]="one.id === chosen()?.id ? 'true' : null"
                    [attr.data-state]="one.state"
                    (click)="chosenId.set(one.id)"
                  >
                    <span class="playlist-number" aria-hidden="true">{{ language.number(index + 1) }}</span>
                    <span class="grow">
                      <span class="playlist-title" dir="auto">{{ one.title }}</span>
                      <span class="hint">{{ note(one) }}</span>
                    </span>
                  </button>
                </li>
              }
            </ol>
          </nav>
        }
      </div>
    }
  `,
})
export class Playlist {
  readonly sessionId = input.required<string>();
  readonly videos = input.required<readonly VideoInSession[]>();

  /** The id of the video to begin with. */
  readonly video = input<string>();

  /** Whether something else on the page comes first. */
  readonly isSecond = input(false);

  protected readonly language = inject(Language);
  protected readonly words = this.language.words;
  readonly #texts = inject(GREENROOM_TEXTS);
  private readonly player = viewChild(Player);

  protected readonly chosenId = linkedSignal(() => this.video());

  /** The chosen video; until one is chosen, the first that is ready. */
  protected readonly chosen = computed(() => {
    const videos = this.videos();
    return (
      videos.find(({ id }) => id === this.chosenId()) ?? videos.find(({ state }) => state === "ready") ?? videos[0]
    );
  });
  readonly #chosenVideoId = computed(() => this.chosen()?.id);
  protected readonly target = computed(() => {
    const videoId = this.#chosenVideoId();
    return videoId === undefined ? undefined : { videoId, sessionId: this.sessionId() };
  });

  readonly #playback = computed(() => this.player()?.playback());
  readonly #granted = fromReadable(() => this.#playback()?.slides);
  protected readonly hasSlides = computed(() => this.#granted()?.startedAt != null);
  readonly #slides = injectRecordedSlides(() => (this.hasSlides() ? this.#playback() : undefined));
  protected readonly slide = fromReadable(() => this.#slides()?.slide);

  protected note(video: VideoInSession): string {
    const words = this.words().learnSession;
    if (video.state === "failed") return words.failed;
    if (video.state !== "ready") return words.processing;
    if (video.archive?.state === "restoring") return words.restoring;
    if (video.archive?.state === "place_holder") return words.archived;
    return video.durationS === null ? "" : this.#texts().format.duration(video.durationS);
  }
}
