import { LiveAnnouncer } from "@angular/cdk/a11y";
import { ChangeDetectionStrategy, Component, effect, inject } from "@angular/core";

import { Notice } from "../ui/notice";
import { PendingWrites } from "../ui/pending-writes";
import { Problem } from "../ui/problem";
import { Language } from "../words/language";

/** Shows, on every page, that changes wait to be sent, and asks before they are lost with the tab. */
@Component({
  selector: "app-pending-writes-notice",
  imports: [Notice, Problem],
  changeDetection: ChangeDetectionStrategy.OnPush,
  template: `
    @if (writes.count(); as count) {
      <app-notice kind="warn">{{ words().pendingWrites.kept(count) }}</app-notice>
    }
    @if (writes.error() !== undefined) {
      <app-problem [error]="writes.error()" />
      <app-notice kind="warn">
        <p>{{ words().pendingWrites.refused }}</p>
        <p>
          <button type="button" class="button small" (click)="writes.dismissError()">{{ words().common.close }}</button>
        </p>
      </app-notice>
    }
  `,
  host: { "(window:beforeunload)": "warn($event)" },
})
export class PendingWritesNotice {
  protected readonly writes = inject(PendingWrites);
  protected readonly words = inject(Language).words;
  readonly #announcer = inject(LiveAnnouncer);

  constructor() {
    effect(() => {
      const count = this.writes.count();
      if (count > 0) void this.#announcer.announce(this.words().pendingWrites.kept(count));
    });
  }

  protected warn(event: BeforeUnloadEvent): void {
    if (this.writes.count() > 0) event.preventDefault();
  }
}
