import { Dialog, DIALOG_DATA, type DialogConfig, DialogRef } from "@angular/cdk/dialog";
import { ChangeDetectionStrategy, Component, inject, Injectable, Injector, type Type } from "@angular/core";
import { firstValueFrom } from "rxjs";

import { Language } from "../words/language";
import { Action } from "./action";
import { Problem } from "./problem";

interface Question {
  readonly title: string;
  readonly hint: string;
  readonly confirm: string;
  readonly cancel?: string;
  readonly isDangerous?: boolean;

  /** Run when the user agrees. If it fails, the dialog stays open and shows the error. */
  readonly work?: () => Promise<unknown>;
}

@Component({
  selector: "app-confirm",
  imports: [Problem],
  changeDetection: ChangeDetectionStrategy.OnPush,
  template: `
    <div class="dialog">
      <h2 id="confirm-title">{{ question.title }}</h2>
      <p id="confirm-hint">{{ question.hint }}</p>
      <app-problem [error]="answer.error()" />
      <div class="buttons end">
        <button type="button" class="button" (click)="dialog.close(false)">
          {{ question.cancel ?? words().common.cancel }}
        </button>
        <button
          type="button"
          class="button primary"
          [class.danger]="question.isDangerous"
          [attr.aria-disabled]="answer.isBusy() || null"
          (click)="confirm()"
        >
          {{ answer.isBusy() ? words().common.working : question.confirm }}
        </button>
      </div>
    </div>
  `,
})
class Confirm {
  protected readonly question = inject<Question>(DIALOG_DATA);
  protected readonly dialog = inject<DialogRef<boolean>>(DialogRef);
  protected readonly words = inject(Language).words;
  protected readonly answer = new Action(() => this.question.work?.() ?? Promise.resolve());

  protected async confirm(): Promise<void> {
    if (await this.answer.run()) this.dialog.close(true);
  }
}

/** Opens dialogs with the language and the injector of the page. */
@Injectable()
export class Dialogs {
  readonly #dialog = inject(Dialog);
  readonly #language = inject(Language);
  readonly #injector = inject(Injector);

  /** @param labelledBy The id of the heading in the dialog. */
  async open<Result>(component: Type<unknown>, labelledBy: string, data?: unknown): Promise<Result | undefined> {
    return firstValueFrom(this.#open<Result>(component, { data, ariaLabelledBy: labelledBy }).closed);
  }

  /** Ask for confirmation. @returns whether the user agreed, and `work` succeeded. */
  async ask(question: Question): Promise<boolean> {
    const dialog = this.#open<boolean>(Confirm, {
      data: question,
      role: "alertdialog",
      ariaLabelledBy: "confirm-title",
      ariaDescribedBy: "confirm-hint",
    });
    return (await firstValueFrom(dialog.closed)) === true;
  }

  #open<Result>(component: Type<unknown>, config: DialogConfig): DialogRef<Result> {
    return this.#dialog.open<Result>(component, {
      ...config,
      injector: this.#injector,
      direction: this.#language.direction(),
    } as DialogConfig<unknown, DialogRef<Result>>);
  }
}
