import { LiveAnnouncer } from "@angular/cdk/a11y";
import { CdkDrag, type CdkDragDrop, CdkDragHandle, CdkDropList } from "@angular/cdk/drag-drop";
import { ChangeDetectionStrategy, Component, computed, ElementRef, inject, input, signal } from "@angular/core";
import { GREENROOM } from "greenroom/angular";

import { Action } from "../ui/action";
import { Icon } from "../ui/icon";
import { Problem } from "../ui/problem";
import { Language } from "../words/language";
import { changedOrders, moved } from "./order";
import { SessionContext } from "./session-context";
import { VideoRow } from "./video-row";

/** The videos of a session, which can be reordered by dragging and with buttons. */
@Component({
  selector: "app-video-list",
  imports: [CdkDrag, CdkDragHandle, CdkDropList, Icon, Problem, VideoRow],
  changeDetection: ChangeDetectionStrategy.OnPush,
  template: `
    <section class="stack-3" aria-labelledby="videos-title">
      <h2 id="videos-title" tabindex="-1">{{ words().videos.title }}</h2>
      <app-problem [error]="move.error()" />
      @if (videos().length === 0 && sendingHere().size === 0) {
        <div class="empty card">
          <app-icon name="video" />
          <h3>{{ words().videos.empty }}</h3>
          <p class="hint">{{ words().videos.emptyHint }}</p>
        </div>
      } @else if (videos().length > 0) {
        <ol class="card rows" cdkDropList (cdkDropListDropped)="drop($event)">
          @for (video of videos(); track video.id) {
            <li
              class="video-row"
              cdkDrag
              cdkDragLockAxis="y"
              [attr.data-video]="video.id"
              [attr.data-state]="video.state"
            >
              <div class="video-place">
                @if (videos().length > 1) {
                  <span class="grip" cdkDragHandle aria-hidden="true" [title]="words().videos.drag">
                    <app-icon name="grip" />
                  </span>
                }
              </div>
              <app-video-row [video]="video" />
              @if (videos().length > 1) {
                <div class="video-moves">
                  <button
                    type="button"
                    class="button plain small icon"
                    data-move="up"
                    [attr.aria-label]="words().videos.moveUp(video.title)"
                    [attr.aria-disabled]="$first || null"
                    (click)="$first ? null : moveTo($index, $index - 1, 'up')"
                  >
                    <app-icon name="up" />
                  </button>
                  <button
                    type="button"
                    class="button plain small icon"
                    data-move="down"
                    [attr.aria-label]="words().videos.moveDown(video.title)"
                    [attr.aria-disabled]="$last || null"
                    (click)="$last ? null : moveTo($index, $index + 1, 'down')"
                  >
                    <app-icon name="down" />
                  </button>
                </div>
              }
            </li>
          }
        </ol>
      }
    </section>
  `,
})
export class VideoList {
  /** The ids of videos that the list of uploads shows. New ones among them are not shown here too. */
  readonly sendingHere = input<ReadonlySet<string | undefined>>(new Set());

  readonly #greenroom = inject(GREENROOM);
  readonly #language = inject(Language);
  readonly #announcer = inject(LiveAnnouncer);
  readonly #context = inject(SessionContext);
  readonly #element = inject<ElementRef<HTMLElement>>(ElementRef);
  protected readonly words = this.#language.words;

  /** The order that was requested, until the session's document has it. */
  readonly #wanted = signal<readonly string[] | undefined>(undefined);
  #forgetting: ReturnType<typeof setTimeout> | undefined;

  protected readonly videos = computed(() => {
    const wanted = this.#wanted();
    const videos = this.#context
      .videos()
      .filter(
        ({ id, state }) => !(this.sendingHere().has(id) && ["requested", "preparing", "uploading"].includes(state)),
      );
    if (wanted === undefined) return videos;
    // A video that was added since then comes last.
    const place = ({ id }: { id: string }) => (wanted.includes(id) ? wanted.indexOf(id) : wanted.length);
    return [...videos].sort((a, b) => place(a) - place(b));
  });

  protected readonly move = new Action(async (from: number, to: number) => {
    clearTimeout(this.#forgetting);
    const videos = moved(this.videos(), from, to);
    this.#wanted.set(videos.map(({ id }) => id));
    try {
      for (const { id, order } of changedOrders(videos)) {
        await this.#greenroom.call("updateVideo", { videoId: id, order });
      }
    } catch (error) {
      this.#wanted.set(undefined);
      throw error;
    }
    // The document may show a change up to six seconds later. Until then, show the requested order.
    this.#forgetting = setTimeout(() => this.#wanted.set(undefined), 7_000);
  });

  protected drop({ previousIndex, currentIndex }: CdkDragDrop<unknown>): void {
    if (previousIndex !== currentIndex) void this.moveTo(previousIndex, currentIndex);
  }

  /** @param button The button that keeps the focus while its video moves. */
  protected async moveTo(from: number, to: number, button?: "up" | "down"): Promise<void> {
    const video = this.videos()[from];
    if (video === undefined) return;
    const done = this.move.run(from, to);
    if (button !== undefined) setTimeout(() => this.#buttonOf(video.id, button)?.focus());
    if (!(await done)) return;
    const { number } = this.#language;
    const place = number.call(this.#language, to + 1);
    const count = number.call(this.#language, this.videos().length);
    void this.#announcer.announce(this.words().videos.moved(video.title, place, count));
  }

  #buttonOf(videoId: string, button: "up" | "down"): HTMLElement | null {
    return this.#element.nativeElement.querySelector(`[data-video="${videoId}"] [data-move="${button}"]`);
  }
}
