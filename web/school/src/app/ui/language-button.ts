import { ChangeDetectionStrategy, Component, inject } from "@angular/core";

import { Language } from "../words/language";
import { Icon } from "./icon";

/** Switches between the two languages. Its label is in the other one. */
@Component({
  selector: "app-language-button",
  imports: [Icon],
  changeDetection: ChangeDetectionStrategy.OnPush,
  template: `
    <button
      type="button"
      class="button plain small"
      [attr.lang]="language.words().app.otherLanguageCode"
      (click)="language.use(language.code() === 'ar' ? 'en' : 'ar')"
    >
      <app-icon name="language" />
      <span>{{ language.words().app.otherLanguage }}</span>
    </button>
  `,
})
export class LanguageButton {
  protected readonly language = inject(Language);
}
