import { ChangeDetectionStrategy, Component } from "@angular/core";

/** The app's logo. */
@Component({
  selector: "app-brand",
  changeDetection: ChangeDetectionStrategy.OnPush,
  template: `
    <svg class="brand-sign" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
      <rect width="32" height="32" rx="8" class="ground" />
      <path d="M9 23V12a7 7 0 0 1 14 0v11" class="door" />
      <path d="M14 14.5v7l5.6-3.5z" class="light" />
    </svg>
  `,
  styles: `
    :host {
      display: contents;
    }
    .ground {
      fill: #17634a;
    }
    .door {
      fill: none;
      stroke: #fff;
      stroke-width: 2.6;
      stroke-linecap: round;
    }
    .light {
      fill: #8fe0bd;
    }
  `,
})
export class Brand {}
