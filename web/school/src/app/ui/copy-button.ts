import { LiveAnnouncer } from "@angular/cdk/a11y";
import { ChangeDetectionStrategy, Component, inject, input, signal } from "@angular/core";

import { Language } from "../words/language";
import { Icon } from "./icon";

/** Copies a text to the clipboard. */
@Component({
  selector: "app-copy-button",
  imports: [Icon],
  changeDetection: ChangeDetectionStrategy.OnPush,
  template: `
    <button type="button" class="button small" [attr.aria-label]="label()" (click)="copy()">
      <app-icon [name]="isCopied() ? 'check' : 'copy'" />
      <span>{{ isCopied() ? words().common.copied : words().common.copy }}</span>
    </button>
  `,
})
export class CopyButton {
  readonly text = input.required<string>();
  readonly label = input.required<string>();

  protected readonly words = inject(Language).words;
  protected readonly isCopied = signal(false);
  readonly #announcer = inject(LiveAnnouncer);

  protected async copy(): Promise<void> {
    try {
      await navigator.clipboard.writeText(this.text());
    } catch {
      return; // The browser does not allow it: the text beside the button can be selected and copied.
    }
    this.isCopied.set(true);
    setTimeout(() => this.isCopied.set(false), 2_000);
    await this.#announcer.announce(this.words().common.copied);
  }
}
