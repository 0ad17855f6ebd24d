import { ChangeDetectionStrategy, Component, computed, DestroyRef, inject } from "@angular/core";
import { RouterLink } from "@angular/router";
import { injectUploadsSummary } from "greenroom/angular";

import { Account } from "../account/account";
import { SlidesUploads } from "../teach/slides-uploads";
import { Icon } from "../ui/icon";
import { Language } from "../words/language";

/** A link to the current uploads, on every page. */
@Component({
  selector: "app-upload-dock",
  imports: [Icon, RouterLink],
  changeDetection: ChangeDetectionStrategy.OnPush,
  template: `
    @if (shown(); as uploads) {
      <a
        class="dock"
        [class.attention]="uploads.needsAttention"
        [routerLink]="['/teach', uploads.sessionId, uploads.part]"
      >
        <app-icon [name]="uploads.needsAttention ? 'alert' : 'upload'" />
        <span class="dock-text">{{ uploads.text }}</span>
      </a>
    }
  `,
})
export class UploadDock {
  readonly #summary = injectUploadsSummary();
  readonly #slides = inject(SlidesUploads);
  readonly #language = inject(Language);
  readonly #account = inject(Account);

  protected readonly shown = computed(() => {
    const { items } = this.#summary();
    const videos = items.map((item) => ({ ...item, part: "videos" }));
    const sending = this.#slides.sending().map((upload) => ({ ...upload, part: "slides" }));
    const failed = this.#slides.failed().map((upload) => ({ ...upload, part: "slides" }));
    const waiting = [...videos.filter(({ state }) => state === "needsFile" || state === "failed"), ...failed];
    const open = [...videos.filter(({ state }) => !["sent", "failed", "needsFile"].includes(state)), ...sending];
    const first = waiting[0] ?? open[0];
    if (first === undefined) return undefined;
    const words = this.#language.words().uploadDock;
    const all = [...videos, ...sending];
    const [sentBytes, sizeBytes] = [sum(all, "sentBytes"), sum(all, "sizeBytes")];
    const percent = this.#language.percent(sizeBytes === 0 ? 0 : sentBytes / sizeBytes);
    return {
      sessionId: first.sessionId,
      part: first.part,
      needsAttention: waiting.length > 0,
      text: waiting.length > 0 ? words.attention(waiting.length) : words.active(open.length, percent),
    };
  });

  constructor() {
    const warn = (event: BeforeUnloadEvent) => {
      // After a sign-out nothing is being sent.
      const isSending = this.#summary().isActive || this.#slides.sending().length > 0;
      if (isSending && this.#account.person() != null) event.preventDefault();
    };
    addEventListener("beforeunload", warn);
    inject(DestroyRef).onDestroy(() => removeEventListener("beforeunload", warn));
  }
}

function sum<Name extends string>(all: readonly Record<Name, number>[], name: Name): number {
  return all.reduce((total, one) => total + one[name], 0);
}
