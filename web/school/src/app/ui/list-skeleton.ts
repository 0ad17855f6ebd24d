import { ChangeDetectionStrategy, Component, inject, input } from "@angular/core";

import { Language } from "../words/language";

/** A placeholder for a list that is being loaded. */
@Component({
  selector: "app-list-skeleton",
  changeDetection: ChangeDetectionStrategy.OnPush,
  template: `
    <p class="visually-hidden" role="status">{{ words().app.loading }}</p>
    <div class="card" aria-hidden="true">
      @for (row of rows(); track $index) {
        <div class="skeleton-row">
          <div class="skeleton box"></div>
          <div class="grow stack-2">
            <div class="skeleton title"></div>
            <div class="skeleton line"></div>
          </div>
        </div>
      }
    </div>
  `,
})
export class ListSkeleton {
  readonly rows = input<readonly number[]>([1, 2, 3]);
  protected readonly words = inject(Language).words;
}
