import { LiveAnnouncer } from "@angular/cdk/a11y";
import { ChangeDetectionStrategy, Component, inject, signal, viewChild } from "@angular/core";
import { Router } from "@angular/router";

import { Action } from "../ui/action";
import { Dialogs } from "../ui/dialogs";
import { Icon } from "../ui/icon";
import { Problem } from "../ui/problem";
import { Language } from "../words/language";
import { SessionContext } from "./session-context";
import { type MayBeUnsaved, SessionForm } from "./session-form";
import { type SessionFields, SessionWrites } from "./session-writes";

@Component({
  selector: "app-settings-page",
  imports: [Icon, Problem, SessionForm],
  changeDetection: ChangeDetectionStrategy.OnPush,
  template: `
    <div class="stack-5 narrow-page">
      <h2 class="visually-hidden">{{ words().teachSession.tabs.settings }}</h2>
      <app-session-form
        class="card padded"
        [session]="context.session()"
        [submitLabel]="words().sessionForm.save"
        [isBusy]="save.isBusy()"
        (submitted)="save.run($event)"
      >
        <app-problem [error]="save.error()" />
        <p class="hint" role="status" beside>
          {{ isSaved() && !form()?.isChanged() ? words().sessionForm.saved : "" }}
        </p>
      </app-session-form>
      <section class="card padded stack-3" aria-labelledby="delete-title">
        <h2 id="delete-title">{{ words().teachSession.deleteTitle }}</h2>
        <p class="hint">{{ words().teachSession.deleteHint }}</p>
        <div class="buttons">
          <button type="button" class="button danger" (click)="delete()">
            <app-icon name="trash" />{{ words().teachSession.deleteTitle }}
          </button>
        </div>
      </section>
    </div>
  `,
})
export class SettingsPage implements MayBeUnsaved {
  protected readonly context = inject(SessionContext);
  protected readonly words = inject(Language).words;
  readonly #writes = inject(SessionWrites);
  readonly #dialogs = inject(Dialogs);
  readonly #router = inject(Router);
  readonly #announcer = inject(LiveAnnouncer);
  protected readonly form = viewChild(SessionForm);
  protected readonly isSaved = signal(false);
  #isDeleted = false;

  protected readonly save = new Action(async (fields: SessionFields) => {
    this.isSaved.set(false);
    this.isSaved.set(await this.#writes.change(this.context.id(), fields));
  });

  isUnsaved(): boolean {
    return !this.#isDeleted && (this.form()?.isChanged() ?? false);
  }

  protected async delete(): Promise<void> {
    const words = this.words();
    let isConfirmed = false;
    const isDone = await this.#dialogs.ask({
      title: words.teachSession.deleteAsk(this.context.session().title),
      hint: words.teachSession.deleteHint,
      confirm: words.common.delete,
      isDangerous: true,
      work: async () => {
        this.#isDeleted = true;
        isConfirmed = await this.#writes.delete(this.context.id());
      },
    });
    this.#isDeleted = isDone;
    if (!isDone) return;
    if (isConfirmed) void this.#announcer.announce(words.teachSession.deleted);
    await this.#router.navigateByUrl("/teach");
  }
}
