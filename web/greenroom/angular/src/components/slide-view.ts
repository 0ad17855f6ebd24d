import { ChangeDetectionStrategy, Component, computed, effect, ElementRef, inject, input, signal } from "@angular/core";
import type { CurrentSlide } from "greenroom/core";

import { GREENROOM_TEXTS } from "../tokens";
import { VISUALLY_HIDDEN } from "./visually-hidden";

/**
 * Shows a slide: its image, its number, zoom and full screen.
 *
 * The images that may come next are preloaded. It has no styles of its own: the classes begin with `gr-`, and with the
 * attribute `data-zoomed` the page is larger than its frame, which can be scrolled, also with keys.
 */
@Component({
  selector: "gr-slide-view",
  changeDetection: ChangeDetectionStrategy.OnPush,
  templateUrl: "./slide-view.html",
  host: { class: "gr-slide-view", "[attr.data-zoomed]": "isZoomed() || null" },
})
export class SlideView {
  /** The value of `SlidesFollower.slide` or `RecordedSlides.slide`. */
  readonly slide = input<CurrentSlide>();

  protected readonly texts = inject(GREENROOM_TEXTS);
  protected readonly hidden = VISUALLY_HIDDEN;
  protected readonly isZoomed = signal(false);
  protected readonly canFillScreen = document.fullscreenEnabled;
  readonly #element = inject<ElementRef<HTMLElement>>(ElementRef);

  /** The text that a screen reader announces when the page changes. */
  protected readonly name = computed(() => {
    const { media, page } = this.slide() ?? {};
    if (media == null || page == null) return "";
    return this.texts().slides.pageOf(page, media.pageCount ?? page, media.title);
  });

  /** The number of the page, also while its image is loading. */
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
