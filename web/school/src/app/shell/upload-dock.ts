import { ChangeDetectionStrategy, Component, computed, DestroyRef, inject } from "@angular/core";
import { RouterLink } from "@angular/router";
import { injectUploadsSummary } from "greenroom/angular";

import { Account } from "../account/account";
import { Icon } from "../ui/icon";
import { Language } from "../words/language";

/** What is being uploaded, on every page, with a way to it. */
@Component({
  selector: "app-upload-dock",
  imports: [Icon, RouterLink],
  changeDetection: ChangeDetectionStrategy.OnPush,
  template: `
    @if (shown(); as uploads) {
      <a class="dock" [class.attention]="uploads.needsAttention" [routerLink]="['/teach', uploads.sessionId, 'videos']">
        <app-icon [name]="uploads.needsAttention ? 'alert' : 'upload'" />
        <span class="dock-text">{{ uploads.text }}</span>
      </a>
    }
  `,
})
export class UploadDock {
  readonly #summary = injectUploadsSummary();
  readonly #language = inject(Language);
  readonly #account = inject(Account);

  protected readonly shown = computed(() => {
    const { items, sentBytes, sizeBytes } = this.#summary();
    const waiting = items.filter(({ state }) => state === "needsFile" || state === "failed");
    const open = items.filter(({ state }) => !["sent", "failed", "needsFile"].includes(state));
    const first = waiting[0] ?? open[0];
    if (first === undefined) return undefined;
    const words = this.#language.words().uploadDock;
    const percent = this.#language.percent(sizeBytes === 0 ? 0 : sentBytes / sizeBytes);
    return {
      sessionId: first.sessionId,
      needsAttention: waiting.length > 0,
      text: waiting.length > 0 ? words.attention(waiting.length) : words.active(open.length, percent),
    };
  });

  constructor() {
    const warn = (event: BeforeUnloadEvent) => {
      // After a sign-out nothing is sent any more.
      if (this.#summary().isActive && this.#account.person() != null) event.preventDefault();
    };
    addEventListener("beforeunload", warn);
    inject(DestroyRef).onDestroy(() => removeEventListener("beforeunload", warn));
  }
}
