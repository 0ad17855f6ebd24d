import { DialogRef } from "@angular/cdk/dialog";
import { ChangeDetectionStrategy, Component, computed, inject } from "@angular/core";
import { injectUploadsSummary } from "greenroom/angular";

import { SlidesUploads } from "../teach/slides-uploads";
import { Action } from "../ui/action";
import { CopyButton } from "../ui/copy-button";
import { Icon } from "../ui/icon";
import { LanguageButton } from "../ui/language-button";
import { Notice } from "../ui/notice";
import { ColourScheme, type Scheme } from "../ui/scheme";
import { Language } from "../words/language";
import { Account } from "./account";

@Component({
  selector: "app-account-dialog",
  imports: [CopyButton, Icon, LanguageButton, Notice],
  changeDetection: ChangeDetectionStrategy.OnPush,
  template: `
    <div class="dialog">
      <div class="row top">
        <div class="grow">
          <h2 id="account-title">{{ words().account.title }}</h2>
          <p>{{ person()?.name }}</p>
          <p class="hint">
            <bdi>{{ person()?.email }}</bdi>
          </p>
        </div>
        <button
          type="button"
          class="button plain icon"
          [attr.aria-label]="words().common.close"
          (click)="dialog.close()"
        >
          <app-icon name="close" />
        </button>
      </div>
      <div class="field">
        <p class="label" id="own-id">{{ words().account.id }}</p>
        <div class="row">
          <code class="grow value" aria-labelledby="own-id" dir="ltr">{{ person()?.uid }}</code>
          <app-copy-button [text]="person()?.uid ?? ''" [label]="words().common.copy + ': ' + words().account.id" />
        </div>
        <p class="hint">{{ words().account.idHint }}</p>
      </div>
      <fieldset class="field">
        <legend>{{ words().account.colours }}</legend>
        <div class="segments">
          @for (one of schemes; track one) {
            <label class="segment">
              <input
                type="radio"
                name="scheme"
                class="visually-hidden-input"
                [checked]="scheme.chosen() === one"
                (change)="scheme.use(one)"
              />
              <span>{{ words().account.scheme[one] }}</span>
            </label>
          }
        </div>
      </fieldset>
      @if (hasUploads()) {
        <app-notice kind="warn">{{ words().account.signOutUploads }}</app-notice>
      }
      <div class="buttons between">
        <app-language-button />
        <button type="button" class="button" [attr.aria-disabled]="signOut.isBusy() || null" (click)="signOut.run()">
          <app-icon name="signOut" />
          {{ words().account.signOut }}
        </button>
      </div>
    </div>
  `,
})
export class AccountDialog {
  readonly #account = inject(Account);
  readonly #summary = injectUploadsSummary();
  readonly #slides = inject(SlidesUploads);
  protected readonly person = this.#account.person;
  protected readonly words = inject(Language).words;
  protected readonly scheme = inject(ColourScheme);
  protected readonly dialog = inject(DialogRef);
  protected readonly schemes: readonly Scheme[] = ["system", "light", "dark"];
  protected readonly hasUploads = computed(() => this.#summary().isActive || this.#slides.sending().length > 0);
  protected readonly signOut = new Action(() => this.#account.signOut());
}
