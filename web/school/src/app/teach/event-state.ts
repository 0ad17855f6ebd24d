import { ChangeDetectionStrategy, Component, computed, inject } from "@angular/core";
import { GREENROOM_TEXTS } from "greenroom/angular";

import { Notice, type NoticeKind } from "../ui/notice";
import { Language } from "../words/language";
import { SessionContext } from "./session-context";

interface Shown {
  readonly kind: NoticeKind;
  readonly sentence: string;
  readonly details: readonly string[];
  readonly isBusy?: boolean;
}

/** The state of the live event at the provider. */
@Component({
  selector: "app-event-state",
  imports: [Notice],
  changeDetection: ChangeDetectionStrategy.OnPush,
  template: `
    <div role="status">
      @if (shown(); as shown) {
        <app-notice [kind]="shown.kind">
          <p>{{ shown.sentence }}</p>
          @for (detail of shown.details; track detail) {
            <p dir="auto">{{ detail }}</p>
          }
          @if (shown.isBusy) {
            <progress [attr.aria-label]="shown.sentence"></progress>
          }
        </app-notice>
      }
    </div>
  `,
})
export class EventState {
  readonly #context = inject(SessionContext);
  readonly #words = inject(Language).words;
  protected readonly texts = inject(GREENROOM_TEXTS);

  protected readonly shown = computed((): Shown | undefined => {
    const { status, kaltura } = this.#context.session();
    const words = this.#words().teachSession.event;
    if (status === "draft") {
      return kaltura === undefined ? undefined : { kind: "info", sentence: words.removing, details: [] };
    }
    if (kaltura === undefined) return { kind: "info", sentence: words.waiting, details: [], isBusy: true };
    const failure = kaltura.failure === undefined ? [] : [kaltura.failure.message];
    const missing =
      (kaltura.notAvailable ?? []).length > 0 ? [words.notAvailable(kaltura.notAvailable!.join(", "))] : [];
    switch (kaltura.state) {
      case "creating":
        return { kind: "info", sentence: words.creating, details: failure, isBusy: true };
      case "failed":
        return { kind: "bad", sentence: words.failed, details: failure };
      case "ready":
        return failure.length > 0
          ? { kind: "warn", sentence: words.partly, details: [...failure, ...missing] }
          : { kind: "good", sentence: words.ready, details: missing };
    }
  });
}
