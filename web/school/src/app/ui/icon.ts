import { ChangeDetectionStrategy, Component, computed, input } from "@angular/core";

/** SVG paths with a view box of 24 × 24, drawn as strokes. */
const PATHS = {
  add: "M12 5v14M5 12h14",
  alert: "M12 8v5M12 16.5v.01M10.3 4 2.8 17.2A2 2 0 0 0 4.5 20h15a2 2 0 0 0 1.7-2.8L13.7 4a2 2 0 0 0-3.4 0Z",
  archive: "M4 8v10a2 2 0 0 0 2 2h12a2 2 0 0 0 2-2V8M3 4h18v4H3zM10 12h4",
  back: "M19 12H5M11 6l-6 6 6 6",
  broadcast:
    "M12 12v.01M8.5 15.5a5 5 0 0 1 0-7M15.5 8.5a5 5 0 0 1 0 7M5.6 18.4a9 9 0 0 1 0-12.8M18.4 5.6a9 9 0 0 1 0 12.8",
  check: "M5 12.5 10 17.5 19.5 7",
  clock: "M12 7v5l3.5 2M21 12a9 9 0 1 1-18 0 9 9 0 0 1 18 0Z",
  close: "M6 6l12 12M18 6 6 18",
  copy: "M9 9h11v11H9zM5 15H4V4h11v1",
  door: "M13 4h5v16h-5M13 3 5 5v14l8 2zM10 12v.01M3 20h2M18 20h3",
  down: "M12 5v14M6 13l6 6 6-6",
  edit: "M4 20h4L19 9l-4-4L4 16zM13 7l4 4",
  expand: "M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5",
  eye: "M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12ZM15 12a3 3 0 1 1-6 0 3 3 0 0 1 6 0Z",
  grip: "M9 6m-1 0a1 1 0 1 0 2 0a1 1 0 1 0-2 0M15 6m-1 0a1 1 0 1 0 2 0a1 1 0 1 0-2 0M9 12m-1 0a1 1 0 1 0 2 0a1 1 0 1 0-2 0M15 12m-1 0a1 1 0 1 0 2 0a1 1 0 1 0-2 0M9 18m-1 0a1 1 0 1 0 2 0a1 1 0 1 0-2 0M15 18m-1 0a1 1 0 1 0 2 0a1 1 0 1 0-2 0",
  info: "M12 11v5M12 8v.01M21 12a9 9 0 1 1-18 0 9 9 0 0 1 18 0Z",
  key: "M14.5 9.5a4.5 4.5 0 1 0-3.2 4.3L13 15.5h2v2h2v2h3v-3l-5.7-5.7c.1-.4.2-.9.2-1.3ZM9 9v.01",
  language: "M21 12a9 9 0 1 1-18 0 9 9 0 0 1 18 0ZM3.5 9h17M3.5 15h17M12 3c3.5 4 3.5 14 0 18M12 3c-3.5 4-3.5 14 0 18",
  lock: "M6 11h12v9H6zM8.5 11V8a3.5 3.5 0 0 1 7 0v3",
  more: "M5 12m-1 0a1 1 0 1 0 2 0a1 1 0 1 0-2 0M12 12m-1 0a1 1 0 1 0 2 0a1 1 0 1 0-2 0M19 12m-1 0a1 1 0 1 0 2 0a1 1 0 1 0-2 0",
  next: "M9 5l7 7-7 7",
  people:
    "M12 8a4 4 0 1 1-8 0 4 4 0 0 1 8 0ZM2 20c0-3.5 2.5-6 6-6s6 2.5 6 6M16 4.3a4 4 0 0 1 0 7.4M17.5 14.3c2.7.7 4.5 2.9 4.5 5.7",
  play: "M7 4.5v15l12-7.5z",
  present: "M3 4h18M4 4v11h16V4M12 15v5M8 20h8M10 7.5v4l3.5-2z",
  previous: "M15 5l-7 7 7 7",
  replace: "M4 9a8 8 0 0 1 14-3l2 2M20 3v5h-5M20 15a8 8 0 0 1-14 3l-2-2M4 21v-5h5",
  retry: "M20 11a8 8 0 1 0-2 6M20 5v6h-6",
  signOut: "M14 4H5v16h9M10 12h11M17 8l4 4-4 4",
  slides: "M3 5h18v12H3zM8 21h8M12 17v4",
  settings: "M4 7h10M18 7h2M4 17h2M10 17h10M18 7a2 2 0 1 1-4 0 2 2 0 0 1 4 0ZM10 17a2 2 0 1 1-4 0 2 2 0 0 1 4 0Z",
  trash: "M4 7h16M9 7V4h6v3M6 7l1 13h10l1-13M10 11v5M14 11v5",
  up: "M12 19V5M6 11l6-6 6 6",
  upload: "M12 16V4M7 9l5-5 5 5M4 16v4h16v-4",
  user: "M16 8a4 4 0 1 1-8 0 4 4 0 0 1 8 0ZM4.5 20.5c.6-4 3.6-6.5 7.5-6.5s6.9 2.5 7.5 6.5",
  video: "M3 6h12v12H3zM15 10.5 21 7v10l-6-3.5",
} as const;

export type IconName = keyof typeof PATHS;

/** Icons that show a direction, and are mirrored in right-to-left languages. */
const DIRECTED = new Set<IconName>(["back", "next", "previous", "signOut"]);

/** An icon. It is hidden from screen readers, so a button with only an icon needs an `aria-label`. */
@Component({
  selector: "app-icon",
  changeDetection: ChangeDetectionStrategy.OnPush,
  template: `<svg
    class="icon-svg"
    [class.directed]="isDirected()"
    viewBox="0 0 24 24"
    aria-hidden="true"
    focusable="false"
  >
    <path [attr.d]="path()" />
  </svg>`,
  styles: `
    :host {
      display: contents;
    }
  `,
})
export class Icon {
  readonly name = input.required<IconName>();
  protected readonly path = computed(() => PATHS[this.name()]);
  protected readonly isDirected = computed(() => DIRECTED.has(this.name()));
}
