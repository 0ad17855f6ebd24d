import { ChangeDetectionStrategy, Component, computed, input } from "@angular/core";

import { Icon, type IconName } from "./icon";

export type NoticeKind = "info" | "good" | "warn" | "bad";

const ICONS: Record<NoticeKind, IconName> = { info: "info", good: "check", warn: "alert", bad: "alert" };

/** A box with a message. The kind `bad` is an alert for screen readers. */
@Component({
  selector: "app-notice",
  imports: [Icon],
  changeDetection: ChangeDetectionStrategy.OnPush,
  template: `
    <div class="notice" [class]="kind()">
      <app-icon [name]="icon()" />
      <div class="body"><ng-content /></div>
    </div>
  `,
  host: { "[attr.role]": "kind() === 'bad' ? 'alert' : null" },
  styles: `
    :host {
      display: block;
    }
  `,
})
export class Notice {
  readonly kind = input<NoticeKind>("info");
  protected readonly icon = computed(() => ICONS[this.kind()]);
}
