import { Directionality } from "@angular/cdk/bidi";
import { DOCUMENT, computed, inject, Injectable, signal } from "@angular/core";

import { ENGLISH_WORDS, type Words } from "./en";

type LanguageCode = "en" | "ar";

const STORED = "language";

/** The language of the app, and its formats of dates and numbers. It changes without a reload. */
@Injectable({ providedIn: "root" })
export class Language {
  readonly #document = inject(DOCUMENT);
  readonly #directionality = inject(Directionality);
  readonly #code = signal<LanguageCode>("en");
  readonly #words = signal<Words>(ENGLISH_WORDS);

  readonly code = this.#code.asReadonly();
  readonly words = this.#words.asReadonly();
  readonly direction = computed(() => (this.#code() === "ar" ? "rtl" : "ltr"));

  readonly #dateTime = computed(
    () => new Intl.DateTimeFormat(this.#code(), { dateStyle: "medium", timeStyle: "short" }),
  );
  readonly #number = computed(() => new Intl.NumberFormat(this.#code()));
  readonly #percent = computed(() => new Intl.NumberFormat(this.#code(), { style: "percent" }));

  /** Use the language that was chosen last, or else the browser's. */
  start(): Promise<void> {
    const chosen = stored() ?? navigator.language.split("-")[0];
    return this.use(chosen === "ar" ? "ar" : "en");
  }

  async use(code: LanguageCode): Promise<void> {
    const words = code === "ar" ? (await import("./ar")).ARABIC_WORDS : ENGLISH_WORDS;
    this.#words.set(words);
    this.#code.set(code);
    const { documentElement } = this.#document;
    documentElement.lang = code;
    documentElement.dir = this.direction();
    this.#directionality.valueSignal.set(this.direction());
    try {
      localStorage.setItem(STORED, code);
    } catch {
      // The browser stores nothing: the choice lasts until the tab is closed.
    }
  }

  number(value: number): string {
    return this.#number().format(value);
  }

  percent(fraction: number): string {
    return this.#percent().format(fraction);
  }

  dateTime(at: Date): string {
    return this.#dateTime().format(at);
  }

  /** Return a range of times; the day is not repeated if both are on the same day. */
  span(from: Date, until: Date): string {
    return this.#dateTime().formatRange(from, until);
  }
}

function stored(): string | null {
  try {
    return localStorage.getItem(STORED);
  } catch {
    return null;
  }
}
