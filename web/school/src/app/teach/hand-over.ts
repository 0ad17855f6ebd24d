import { LiveAnnouncer } from "@angular/cdk/a11y";
import { ChangeDetectionStrategy, Component, type ElementRef, inject, signal, viewChild } from "@angular/core";
import { Router } from "@angular/router";
import { GREENROOM } from "greenroom/angular";

import { Dialogs } from "../ui/dialogs";
import { Language } from "../words/language";
import { SessionContext } from "./session-context";
import { isUid } from "./uid";

/** A form that transfers the session to another teacher. */
@Component({
  selector: "app-hand-over",
  changeDetection: ChangeDetectionStrategy.OnPush,
  template: `
    <section class="card padded stack-4" aria-labelledby="hand-over-title">
      <div>
        <h2 id="hand-over-title">{{ words().people.handOver }}</h2>
        <p class="hint">{{ words().people.handOverHint }}</p>
      </div>
      <form class="field" novalidate (submit)="$event.preventDefault(); submit()">
        <label for="new-owner">{{ words().people.handOverLabel }}</label>
        <div class="row wrap">
          <input
            #uid
            id="new-owner"
            class="input mono grow"
            dir="ltr"
            spellcheck="false"
            autocapitalize="off"
            autocomplete="off"
            [value]="typed()"
            [attr.aria-invalid]="problem() !== undefined || null"
            [attr.aria-describedby]="problem() ? 'new-owner-problem' : null"
            (input)="typed.set(uid.value)"
          />
          <button type="submit" class="button">{{ words().people.handOverButton }}</button>
        </div>
        @if (problem(); as sentence) {
          <p id="new-owner-problem" class="problem">{{ sentence }}</p>
        }
      </form>
    </section>
  `,
})
export class HandOver {
  protected readonly words = inject(Language).words;
  readonly #context = inject(SessionContext);
  readonly #greenroom = inject(GREENROOM);
  readonly #dialogs = inject(Dialogs);
  readonly #router = inject(Router);
  readonly #announcer = inject(LiveAnnouncer);
  private readonly input = viewChild.required<ElementRef<HTMLInputElement>>("uid");
  protected readonly typed = signal("");
  protected readonly problem = signal<string | undefined>(undefined);

  protected async submit(): Promise<void> {
    const uid = this.typed().trim();
    const words = this.words();
    this.problem.set(uid === "" ? words.people.addMissing : isUid(uid) ? undefined : words.people.addInvalid(uid));
    if (this.problem() !== undefined) return this.input().nativeElement.focus();
    const isDone = await this.#dialogs.ask({
      title: words.people.handOverAsk,
      hint: words.people.handOverAskHint(uid),
      confirm: words.people.handOverButton,
      isDangerous: true,
      work: () => this.#greenroom.call("transferSession", { sessionId: this.#context.id(), uid }),
    });
    if (!isDone) return;
    void this.#announcer.announce(words.people.handedOver);
    await this.#router.navigateByUrl("/teach");
  }
}
