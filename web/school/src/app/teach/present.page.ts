import { LiveAnnouncer } from "@angular/cdk/a11y";
import { Directionality } from "@angular/cdk/bidi";
import {
  ChangeDetectionStrategy,
  Component,
  computed,
  effect,
  ElementRef,
  inject,
  input,
  signal,
  untracked,
} from "@angular/core";
import { Router, RouterLink } from "@angular/router";
import { fromReadable, GREENROOM_TEXTS, injectLiveAdmission, injectSlidesPresenter } from "greenroom/angular";

import { Action } from "../ui/action";
import { Icon } from "../ui/icon";
import { showTitle } from "../ui/page-titles";
import { Problem } from "../ui/problem";
import { Language } from "../words/language";

/** The presenter's view: the shown page, the next one, and thumbnails of all pages. */
@Component({
  selector: "app-present-page",
  imports: [Icon, Problem, RouterLink],
  changeDetection: ChangeDetectionStrategy.OnPush,
  templateUrl: "./present.page.html",
  host: { class: "present", "(document:keydown)": "turnByKey($event)" },
})
export class PresentPage {
  readonly sessionId = input.required<string>();

  readonly #language = inject(Language);
  protected readonly language = this.#language;
  protected readonly words = this.#language.words;
  protected readonly texts = inject(GREENROOM_TEXTS);
  readonly #router = inject(Router);
  readonly #announcer = inject(LiveAnnouncer);
  readonly #direction = inject(Directionality);
  readonly #element = inject<ElementRef<HTMLElement>>(ElementRef);

  readonly #admission = injectLiveAdmission(this.sessionId);
  readonly #presenter = injectSlidesPresenter(this.#admission);
  readonly #medias = fromReadable(() => this.#presenter()?.medias);
  readonly #grants = fromReadable(() => this.#admission()?.grants);
  readonly #shown = fromReadable(() => this.#presenter()?.shown);
  protected readonly admissionError = fromReadable(() => this.#admission()?.error);

  protected readonly media = computed(() => this.#medias()?.find(({ id }) => id === this.#shown()?.mediaId));

  protected readonly isNothingShown = computed(() => this.#grants() !== undefined && this.#shown()?.mediaId === null);
  protected readonly count = computed(() => this.media()?.pageCount ?? this.media()?.pages.length ?? 0);

  protected readonly page = computed(() => this.#shown()?.page ?? 1);
  protected readonly current = computed(() => this.media()?.pages[this.page() - 1]);
  protected readonly following = computed(() => this.media()?.pages[this.page()]);
  protected readonly title = computed(() => this.media()?.title ?? this.texts().slides.untitled);
  protected readonly canFillScreen = document.fullscreenEnabled;

  protected readonly end = new Action(async () => this.#presenter()?.end());
  protected readonly failure = signal<unknown>(undefined);

  constructor() {
    showTitle(() => this.words().present.title(this.title()));
    effect(() => {
      const page = this.page();
      untracked(() => this.#showThumbnail(page));
    });
  }

  protected async goTo(page: number): Promise<void> {
    const target = Math.min(Math.max(page, 1), this.count());
    if (target === this.page() || this.media() === undefined) return;
    void this.#announcer.announce(this.#pageOf(target));
    this.failure.set(undefined);
    try {
      await this.#presenter()?.navigate(target);
    } catch (error) {
      this.failure.set(error);
    }
  }

  protected turnByKey(event: KeyboardEvent): void {
    if (event.altKey || event.ctrlKey || event.metaKey || event.defaultPrevented) return;
    const isRtl = this.#direction.value === "rtl";
    const isOnButton = event.target instanceof HTMLElement && event.target.closest("button, a, input") !== null;
    const target: Partial<Record<string, number>> = {
      ArrowRight: this.page() + (isRtl ? -1 : 1),
      ArrowLeft: this.page() + (isRtl ? 1 : -1),
      ArrowDown: this.page() + 1,
      ArrowUp: this.page() - 1,
      PageDown: this.page() + 1,
      PageUp: this.page() - 1,
      Home: 1,
      End: this.count(),
      ...(!isOnButton && { " ": this.page() + 1 }),
    };
    const page = target[event.key];
    if (page === undefined) return;
    event.preventDefault();
    void this.goTo(page);
  }

  protected async finish(): Promise<void> {
    if (!(await this.end.run())) return;
    if (document.fullscreenElement !== null) await document.exitFullscreen();
    void this.#announcer.announce(this.words().present.ended);
    await this.#router.navigate(["/teach", this.sessionId(), "slides"]);
  }

  protected async fillScreen(): Promise<void> {
    if (document.fullscreenElement !== null) await document.exitFullscreen();
    else await this.#element.nativeElement.requestFullscreen();
  }

  #pageOf(page: number): string {
    return this.words().present.page(this.#language.number(page), this.#language.number(this.count()));
  }

  protected readonly position = computed(() => this.#pageOf(this.page()));

  #showThumbnail(page: number): void {
    const thumbnail = this.#element.nativeElement.querySelector(`[data-page="${page}"]`);
    thumbnail?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }
}
