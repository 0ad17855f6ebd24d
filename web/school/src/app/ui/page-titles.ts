import { effect, inject, Injectable, signal } from "@angular/core";
import { Title } from "@angular/platform-browser";
import { type RouterStateSnapshot, TitleStrategy } from "@angular/router";

import { Language } from "../words/language";

/** The title of the tab: the page's title, then the app's name. Pages set theirs with `showTitle`. */
@Injectable({ providedIn: "root" })
export class PageTitles extends TitleStrategy {
  readonly #title = inject(Title);
  readonly #language = inject(Language);
  readonly #page = signal("");

  constructor() {
    super();
    effect(() => {
      const { name } = this.#language.words().app;
      const page = this.#page();
      this.#title.setTitle(page === "" ? name : `${page} – ${name}`);
    });
  }

  show(page: string): void {
    this.#page.set(page);
  }

  override updateTitle(_snapshot: RouterStateSnapshot): void {
    // Titles depend on documents and on the language, so pages set them.
  }
}

/** Keep the title of the tab equal to what the function returns. Call it in a page's constructor. */
export function showTitle(title: () => string): void {
  const titles = inject(PageTitles);
  effect(() => titles.show(title()));
}
