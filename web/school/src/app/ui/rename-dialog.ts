import { DIALOG_DATA, DialogRef } from "@angular/cdk/dialog";
import { ChangeDetectionStrategy, Component, inject, signal } from "@angular/core";

import { Language } from "../words/language";
import { Action } from "./action";
import { Problem } from "./problem";

export interface Renaming {
  readonly heading: string;
  readonly title: string;
  readonly save: (title: string) => Promise<unknown>;
}

/** Asks for a new title. If saving fails, it stays open and keeps what was typed. */
@Component({
  selector: "app-rename-dialog",
  imports: [Problem],
  changeDetection: ChangeDetectionStrategy.OnPush,
  template: `
    <form class="dialog" novalidate (submit)="$event.preventDefault(); submit(title.value)">
      <h2 id="rename-title">{{ renaming.heading }}</h2>
      <div class="field">
        <label for="new-title">{{ words().sessionForm.titleLabel }}</label>
        <input
          #title
          id="new-title"
          class="input"
          dir="auto"
          maxlength="200"
          autocomplete="off"
          [value]="renaming.title"
          [attr.aria-invalid]="problem() !== undefined || null"
          [attr.aria-describedby]="problem() ? 'new-title-problem' : null"
        />
        @if (problem(); as sentence) {
          <p id="new-title-problem" class="problem">{{ sentence }}</p>
        }
      </div>
      <app-problem [error]="save.error()" />
      <div class="buttons end">
        <button type="button" class="button" (click)="dialog.close()">{{ words().common.cancel }}</button>
        <button type="submit" class="button primary" [attr.aria-disabled]="save.isBusy() || null">
          {{ save.isBusy() ? words().common.working : words().common.save }}
        </button>
      </div>
    </form>
  `,
})
export class RenameDialog {
  protected readonly renaming = inject<Renaming>(DIALOG_DATA);
  protected readonly dialog = inject<DialogRef<boolean>>(DialogRef);
  protected readonly words = inject(Language).words;
  protected readonly problem = signal<string | undefined>(undefined);
  protected readonly save = new Action((title: string) => this.renaming.save(title));

  protected async submit(title: string): Promise<void> {
    this.problem.set(title.trim() === "" ? this.words().sessionForm.titleMissing : undefined);
    if (this.problem() === undefined && (await this.save.run(title.trim()))) this.dialog.close(true);
  }
}
