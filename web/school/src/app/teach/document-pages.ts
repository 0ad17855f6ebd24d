import {
  ChangeDetectionStrategy,
  Component,
  computed,
  DestroyRef,
  effect,
  ElementRef,
  inject,
  input,
  signal,
} from "@angular/core";
import { GREENROOM_TEXTS } from "greenroom/angular";
import type { SharedMedia, SlidesPresenter } from "greenroom/core";

import { Language } from "../words/language";

/** The distance from the viewport at which pages are loaded. */
const MARGIN = "50%";

/** The thumbnails of a document's pages. Their URLs are requested once the document is near the viewport. */
@Component({
  selector: "app-document-pages",
  changeDetection: ChangeDetectionStrategy.OnPush,
  template: `
    @if (media().pages.length > 0) {
      <ol class="pages" tabindex="0" [attr.aria-label]="language.words().present.allPages">
        @for (page of media().pages; track page.number) {
          <li class="page-thumb" [class.pending]="!page.isReady">
            @if (page.isReady && page.thumbnailUrl) {
              <img
                [src]="page.thumbnailUrl"
                [alt]="texts().slides.pageOf(page.number, media().pageCount ?? media().pages.length, media().title)"
                [attr.width]="page.width || null"
                [attr.height]="page.height || null"
                loading="lazy"
              />
            } @else {
              <span class="visually-hidden">{{ language.words().present.waiting }}</span>
            }
            <span class="page-number" aria-hidden="true">{{ language.number(page.number) }}</span>
          </li>
        }
      </ol>
    }
  `,
  styles: `
    :host {
      display: block;
    }
  `,
})
export class DocumentPages {
  readonly media = input.required<SharedMedia>();
  readonly presenter = input.required<SlidesPresenter | undefined>();

  protected readonly language = inject(Language);
  protected readonly texts = inject(GREENROOM_TEXTS);

  constructor() {
    const isNear = signal(false);
    const observer = new IntersectionObserver(
      (entries) => {
        if (!entries.some(({ isIntersecting }) => isIntersecting)) return;
        isNear.set(true);
        observer.disconnect();
      },
      { rootMargin: MARGIN },
    );
    observer.observe(inject<ElementRef<HTMLElement>>(ElementRef).nativeElement);
    inject(DestroyRef).onDestroy(() => observer.disconnect());
    const id = computed(() => this.media().id);
    effect((onCleanup) => {
      const stop = isNear() ? this.presenter()?.loadPages(id()) : undefined;
      if (stop !== undefined) onCleanup(stop);
    });
  }
}
