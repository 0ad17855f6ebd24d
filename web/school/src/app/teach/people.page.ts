import { ChangeDetectionStrategy, Component, inject } from "@angular/core";

import { Enrolments } from "./enrolments";
import { HandOver } from "./hand-over";
import { Moderators } from "./moderators";
import { SessionContext } from "./session-context";

@Component({
  selector: "app-people-page",
  imports: [Enrolments, HandOver, Moderators],
  changeDetection: ChangeDetectionStrategy.OnPush,
  template: `
    <div class="columns">
      <app-enrolments />
      <div class="stack-5">
        @if (context.isLive()) {
          <app-moderators />
        }
        <app-hand-over />
      </div>
    </div>
  `,
})
export class PeoplePage {
  protected readonly context = inject(SessionContext);
}
