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
import { injectEnrolments } from "greenroom/angular";
import type { Enrolment, WithId } from "greenroom/core";

import { Account } from "../account/account";
import { Action } from "../ui/action";
import { Dialogs } from "../ui/dialogs";
import { Icon } from "../ui/icon";
import { ListSkeleton } from "../ui/list-skeleton";
import { Notice } from "../ui/notice";
import { Problem } from "../ui/problem";
import { Language } from "../words/language";
import { SessionContext } from "./session-context";
import { SessionWrites } from "./session-writes";
import { isUid, splitUids } from "./uid";

/** The students who are enrolled in a session. */
@Component({
  selector: "app-enrolments",
  imports: [Icon, ListSkeleton, Notice, Problem],
  changeDetection: ChangeDetectionStrategy.OnPush,
  template: `
    <section class="card padded stack-4" aria-labelledby="enrolments-title">
      <div class="row">
        <h2 id="enrolments-title" class="grow" tabindex="-1">{{ words().people.enrolments }}</h2>
        @if (enrolments.value(); as all) {
          <p class="hint">{{ words().people.count(all.length) }}</p>
        }
      </div>
      @if (context.session().visibility === "open") {
        <app-notice>{{ words().people.enrolmentsOpen }}</app-notice>
      }
      <form class="stack-3" novalidate (submit)="$event.preventDefault(); submit()">
        <div class="field">
          <label for="student-ids">{{ words().people.addLabel }}</label>
          <textarea
            #ids
            id="student-ids"
            class="input mono"
            dir="ltr"
            rows="2"
            spellcheck="false"
            autocapitalize="off"
            [value]="typed()"
            [attr.aria-invalid]="problem() !== undefined || null"
            aria-describedby="student-ids-hint"
            (input)="typed.set(ids.value)"
          ></textarea>
          <div id="student-ids-hint">
            @if (problem(); as sentence) {
              <p class="problem">{{ sentence }}</p>
            } @else {
              <p class="hint">{{ words().people.addHint }}</p>
            }
          </div>
        </div>
        <app-problem [error]="add.error()" />
        <div class="buttons">
          <button type="submit" class="button primary" [attr.aria-disabled]="add.isBusy() || null">
            <app-icon name="add" />{{ add.isBusy() ? words().common.working : words().people.add }}
          </button>
        </div>
      </form>
      <app-problem [error]="enrolments.error()" [canRetry]="true" (retry)="enrolments.reload()" />
      @if (enrolments.isLoading()) {
        <app-list-skeleton [rows]="[1]" />
      } @else if (sorted().length === 0) {
        <p class="hint">{{ words().people.none }}</p>
      } @else {
        <p class="hint">{{ words().people.idsHint }}</p>
        <ul class="people">
          @for (one of sorted(); track one.id) {
            <li class="person">
              <app-icon name="user" />
              <p class="grow">
                <code class="value" dir="ltr">{{ one.uid }}</code><span class="hint">{{ since(one) }}</span>
              </p>
              <button
                type="button"
                class="button plain small icon"
                [attr.aria-label]="words().people.removeName(one.uid)"
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
export class Enrolments {
  protected readonly context = inject(SessionContext);
  readonly #language = inject(Language);
  readonly #writes = inject(SessionWrites);
  readonly #account = inject(Account);
  readonly #dialogs = inject(Dialogs);
  readonly #announcer = inject(LiveAnnouncer);
  private readonly ids = viewChild.required<ElementRef<HTMLTextAreaElement>>("ids");
  readonly #ownerUid = computed(() => this.#account.person()?.uid ?? "");
  protected readonly words = this.#language.words;

  protected readonly enrolments = injectEnrolments(this.#ownerUid, () => this.context.id());
  protected readonly sorted = computed(() =>
    [...(this.enrolments.value() ?? [])].sort((a, b) => b.createdAt.toMillis() - a.createdAt.toMillis()),
  );
  protected readonly typed = signal("");
  protected readonly problem = signal<string | undefined>(undefined);

  protected readonly add = new Action(async (uids: readonly string[]) => {
    let isConfirmed = true;
    for (const uid of uids) {
      const isEnrolled = this.sorted().some((one) => one.uid === uid);
      if (!isEnrolled) {
        isConfirmed = (await this.#writes.enrol(this.#ownerUid(), this.context.id(), uid)) && isConfirmed;
      }
      // Enrolled ids are removed from the field, so that after a failure only the rest is left.
      this.typed.update((typed) =>
        splitUids(typed)
          .filter((one) => one !== uid)
          .join("\n"),
      );
    }
    if (isConfirmed) void this.#announcer.announce(this.words().people.added(uids.length));
  });

  protected async submit(): Promise<void> {
    const uids = splitUids(this.typed());
    const invalid = uids.find((uid) => !isUid(uid));
    const words = this.words().people;
    const problem =
      uids.length === 0 ? words.addMissing : invalid !== undefined ? words.addInvalid(invalid) : undefined;
    this.problem.set(problem);
    if (problem === undefined) await this.add.run(uids);
    this.ids().nativeElement.focus();
  }

  protected since(one: WithId<Enrolment>): string {
    return this.words().people.since(this.#language.dateTime(one.createdAt.toDate()));
  }

  protected async remove({ uid }: WithId<Enrolment>): Promise<void> {
    const words = this.words();
    let isConfirmed = false;
    const isDone = await this.#dialogs.ask({
      title: words.people.removeAsk,
      hint: words.people.removeHint(uid),
      confirm: words.common.remove,
      isDangerous: true,
      work: async () => (isConfirmed = await this.#writes.unenrol(this.context.id(), uid)),
    });
    if (!isDone) return;
    if (isConfirmed) void this.#announcer.announce(words.people.removed);
    document.getElementById("enrolments-title")?.focus();
  }
}
