import { LiveAnnouncer } from "@angular/cdk/a11y";
import {
  ChangeDetectionStrategy,
  Component,
  computed,
  type ElementRef,
  inject,
  signal,
  viewChild,
} from "@angular/core";
import { GREENROOM } from "greenroom/angular";

import { Action } from "../ui/action";
import { Icon } from "../ui/icon";
import { Problem } from "../ui/problem";
import { Language } from "../words/language";
import { SessionContext } from "./session-context";
import { isUid } from "./uid";

/** The moderators of a live session, without its owner. */
@Component({
  selector: "app-moderators",
  imports: [Icon, Problem],
  changeDetection: ChangeDetectionStrategy.OnPush,
  template: `
    <section class="card padded stack-4" aria-labelledby="moderators-title">
      <div>
        <h2 id="moderators-title" tabindex="-1">{{ words().people.moderators }}</h2>
        <p class="hint">{{ words().people.moderatorsHint }}</p>
        @if (context.session().visibility === "enrolled") {
          <p class="hint">{{ words().people.enrolModerator }}</p>
        }
      </div>
      <form class="field" novalidate (submit)="$event.preventDefault(); submit()">
        <label for="moderator-id">{{ words().people.moderatorLabel }}</label>
        <div class="row wrap">
          <input
            #uid
            id="moderator-id"
            class="input mono grow"
            dir="ltr"
            spellcheck="false"
            autocapitalize="off"
            autocomplete="off"
            [value]="typed()"
            [attr.aria-invalid]="problem() !== undefined || null"
            [attr.aria-describedby]="problem() ? 'moderator-problem' : null"
            (input)="typed.set(uid.value)"
          />
          <button type="submit" class="button" [attr.aria-disabled]="change.isBusy() || null">
            {{ change.isBusy() ? words().common.working : words().people.addModerator }}
          </button>
        </div>
        @if (problem(); as sentence) {
          <p id="moderator-problem" class="problem">{{ sentence }}</p>
        }
      </form>
      <app-problem [error]="change.error()" />
      @if (moderators().length === 0) {
        <p class="hint">{{ words().people.noModerators }}</p>
      } @else {
        <ul class="people">
          @for (one of moderators(); track one) {
            <li class="person">
              <app-icon name="user" />
              <p class="grow">
                <code class="value" dir="ltr">{{ one }}</code>
              </p>
              <button
                type="button"
                class="button plain small icon"
                [attr.aria-label]="words().people.removeName(one)"
                [attr.aria-disabled]="change.isBusy() || null"
                (click)="remove(one)"
              >
                <app-icon name="close" />
              </button>
            </li>
          }
        </ul>
      }
    </section>
  `,
})
export class Moderators {
  protected readonly context = inject(SessionContext);
  protected readonly words = inject(Language).words;
  readonly #greenroom = inject(GREENROOM);
  readonly #announcer = inject(LiveAnnouncer);
  private readonly input = viewChild.required<ElementRef<HTMLInputElement>>("uid");

  protected readonly moderators = computed(() => Object.keys(this.context.session().moderators ?? {}).sort());
  protected readonly typed = signal("");
  protected readonly problem = signal<string | undefined>(undefined);

  protected readonly change = new Action(async (uid: string, isModerator: boolean) => {
    const request = { sessionId: this.context.id(), uid, isModerator };
    const { isSettled } = await this.#greenroom.call("setModerator", request);
    const words = this.words().people;
    const added = isSettled ? words.moderatorAdded : words.moderatorAddedLater;
    void this.#announcer.announce(isModerator ? added : words.moderatorRemoved);
  });

  protected async submit(): Promise<void> {
    const uid = this.typed().trim();
    const words = this.words().people;
    this.problem.set(uid === "" ? words.addMissing : isUid(uid) ? undefined : words.addInvalid(uid));
    if (this.problem() === undefined && (await this.change.run(uid, true))) this.typed.set("");
    this.input().nativeElement.focus();
  }

  protected async remove(uid: string): Promise<void> {
    if (await this.change.run(uid, false)) document.getElementById("moderators-title")?.focus();
  }
}
