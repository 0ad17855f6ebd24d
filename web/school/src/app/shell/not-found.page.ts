import { ChangeDetectionStrategy, Component, inject } from "@angular/core";
import { RouterLink } from "@angular/router";

import { showTitle } from "../ui/page-titles";
import { Language } from "../words/language";

@Component({
  selector: "app-not-found-page",
  imports: [RouterLink],
  changeDetection: ChangeDetectionStrategy.OnPush,
  template: `
    <div class="empty">
      <h1 tabindex="-1">{{ words().app.notFound }}</h1>
      <p>
        <a class="button" routerLink="/">{{ words().app.toStart }}</a>
      </p>
    </div>
  `,
})
export class NotFoundPage {
  protected readonly words = inject(Language).words;

  constructor() {
    showTitle(() => this.words().app.notFound);
  }
}
