import { DOCUMENT, inject, Injectable, signal } from "@angular/core";

export type Scheme = "system" | "light" | "dark";

const STORED = "scheme";

/** The colour scheme: light, dark, or as the device sets it. */
@Injectable({ providedIn: "root" })
export class ColourScheme {
  readonly #document = inject(DOCUMENT);
  readonly #chosen = signal<Scheme>("system");
  readonly chosen = this.#chosen.asReadonly();

  start(): void {
    try {
      const stored = localStorage.getItem(STORED);
      if (stored === "light" || stored === "dark") this.use(stored);
    } catch {
      // The browser stores nothing.
    }
  }

  use(scheme: Scheme): void {
    this.#chosen.set(scheme);
    if (scheme === "system") delete this.#document.documentElement.dataset["scheme"];
    else this.#document.documentElement.dataset["scheme"] = scheme;
    try {
      localStorage.setItem(STORED, scheme);
    } catch {
      // The browser stores nothing: the choice lasts until the tab is closed.
    }
  }
}
