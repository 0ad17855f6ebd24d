import { LiveAnnouncer } from "@angular/cdk/a11y";
import { ChangeDetectionStrategy, Component, inject, signal, viewChild } from "@angular/core";
import { Router, RouterLink } from "@angular/router";

import { Account } from "../account/account";
import { Action } from "../ui/action";
import { Icon } from "../ui/icon";
import { showTitle } from "../ui/page-titles";
import { Problem } from "../ui/problem";
import { Language } from "../words/language";
import { type MayBeUnsaved, SessionForm } from "./session-form";
import { type SessionFields, SessionWrites } from "./session-writes";

@Component({
  selector: "app-new-session-page",
  imports: [Icon, Problem, RouterLink, SessionForm],
  changeDetection: ChangeDetectionStrategy.OnPush,
  template: `
    <div class="page narrow-page">
      <a class="back-link" routerLink="/teach"><app-icon name="back" />{{ words().teachSession.backToList }}</a>
      <h1 tabindex="-1">{{ words().sessionForm.createTitle }}</h1>
      <app-session-form
        class="card padded"
        [submitLabel]="words().sessionForm.create"
        [isBusy]="create.isBusy()"
        (submitted)="save($event)"
      >
        <app-problem [error]="create.error()" />
      </app-session-form>
    </div>
  `,
})
export class NewSessionPage implements MayBeUnsaved {
  protected readonly words = inject(Language).words;
  readonly #writes = inject(SessionWrites);
  readonly #account = inject(Account);
  readonly #router = inject(Router);
  readonly #announcer = inject(LiveAnnouncer);
  private readonly form = viewChild.required(SessionForm);
  readonly #created = signal<{ id: string; isConfirmed: boolean } | undefined>(undefined);

  protected readonly create = new Action(async (fields: SessionFields) =>
    this.#created.set(await this.#writes.create(this.#account.person()?.uid ?? "", fields)),
  );

  constructor() {
    showTitle(() => this.words().sessionForm.createTitle);
  }

  isUnsaved(): boolean {
    return this.#created() === undefined && this.form().isChanged();
  }

  protected async save(fields: SessionFields): Promise<void> {
    if (!(await this.create.run(fields))) return;
    const created = this.#created();
    if (created?.isConfirmed === true) void this.#announcer.announce(this.words().sessionForm.created);
    // The rules refuse to read a session that the server does not have yet, so show the list, which has it.
    const page = created?.isConfirmed === true ? ["/teach", created.id] : ["/teach"];
    await this.#router.navigate(page, { replaceUrl: true });
  }
}
