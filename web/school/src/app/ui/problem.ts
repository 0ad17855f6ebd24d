import { ChangeDetectionStrategy, Component, computed, inject, input, output } from "@angular/core";
import { injectErrorText } from "greenroom/angular";

import { Language } from "../words/language";
import { Notice } from "./notice";

/** An error message in the language of the app, with a button to retry if `canRetry` is set. */
@Component({
  selector: "app-problem",
  imports: [Notice],
  changeDetection: ChangeDetectionStrategy.OnPush,
  template: `
    @if (error() !== undefined) {
      <app-notice kind="bad">
        <p>{{ sentence() }}</p>
        @if (canRetry()) {
          <p>
            <button type="button" class="button small" (click)="retry.emit()">
              {{ language.words().common.retry }}
            </button>
          </p>
        }
      </app-notice>
    }
  `,
})
export class Problem {
  readonly error = input.required<unknown>();
  readonly canRetry = input(false);
  readonly retry = output();

  protected readonly language = inject(Language);
  readonly #text = injectErrorText();
  protected readonly sentence = computed(() => this.#text(this.error()));
}
