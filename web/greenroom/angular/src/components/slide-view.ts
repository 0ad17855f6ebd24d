import { ChangeDetectionStrategy, Component, computed, effect, ElementRef, inject, input, signal } from "@angular/core";
import type { CurrentSlide } from "greenroom/core";

import { GREENROOM_TEXTS } from "../tokens";
import { VISUALLY_HIDDEN } from "./visually-hidden";

/**
 * The page that a session shows: its image, its number, zoom and full screen.
 *
 * The pages that may come next are loaded before they are shown. It has no style of its own: the classes begin with
 * `gr-`, and `data-zoomed` says that the page is larger than its frame, which then scrolls by keys too.
 */
@Component({
  selector: "gr-slide-view",
  changeDetection: ChangeDetectionStrategy.OnPush,
  templateUrl: "./slide-view.html",
  host: { class: "gr-slide-view", "[attr.data-zoomed]": "isZoomed() || null" },
})
export class SlideView {
  /** `SlidesFollower.slide` or `RecordedSlides.slide`, as a signal's value. */
  readonly slide = input<CurrentSlide>();

  protected readonly texts = inject(GREENROOM_TEXTS);
  protected readonly hidden = VISUALLY_HIDDEN;
  protected readonly isZoomed = signal(false);
  protected readonly canFillScreen = document.fullscreenEnabled;
  readonly #element = inject<ElementRef<HTMLElement>>(ElementRef);

  /** What a screen reader says when the page changes. */
  protected readonly name = computed(() => {
    const { media, page } = this.slide() ?? {};
    if (media == null || page == null) return "";
    return this.texts().slides.pageOf(page, media.pageCount ?? page, media.title);
  });

  /** The page as it is announced: also while its image is being loaded. */
  protected readonly position = computed(() => {
    const { media, page } = this.slide() ?? {};
    if (media == null || page == null) return undefined;
    return this.texts().slides.position(page, media.pageCount ?? page);
  });

  constructor() {
    const loaded = new Map<string, HTMLImageElement>();
    effect(() => {
      const urls = this.slide()?.nextImageUrls ?? [];
      for (const url of loaded.keys()) if (!urls.includes(url)) loaded.delete(url);
      for (const url of urls) {
        if (loaded.has(url)) continue;
        const image = new Image();
        image.src = url;
        loaded.set(url, image);
      }
    });
  }

  protected async fillScreen(): Promise<void> {
    if (document.fullscreenElement !== null) await document.exitFullscreen();
    else await this.#element.nativeElement.requestFullscreen();
  }
}
