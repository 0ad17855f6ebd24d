import {
  ChangeDetectionStrategy,
  Component,
  computed,
  ElementRef,
  inject,
  input,
  linkedSignal,
  output,
  signal,
} from "@angular/core";
import type { CanDeactivateFn } from "@angular/router";
import type { Session } from "greenroom/core";

import { Dialogs } from "../ui/dialogs";
import { Language } from "../words/language";
import type { SessionFields } from "./session-writes";

/** A page that may have changes that are not saved. */
export interface MayBeUnsaved {
  isUnsaved(): boolean;
}

/** Ask before a page with unsaved changes is left. */
export const leaveUnsaved: CanDeactivateFn<MayBeUnsaved> = (page) => {
  const words = inject(Language).words();
  if (!page.isUnsaved()) return true;
  return inject(Dialogs).ask({
    title: words.sessionForm.unsaved,
    hint: words.sessionForm.unsavedHint,
    confirm: words.sessionForm.leave,
    cancel: words.sessionForm.stay,
  });
};

type Problems = Partial<Record<"title" | "times", string>>;

const TEN_YEARS_MS = 3_660 * 86_400_000;
// Control characters, line and paragraph separators, and bidirectional overrides, as in firestore.rules.
const UNUSABLE = /[\p{Cc}\u2028\u2029\u202D\u202E]/u;
const VISIBLE = /[^\p{Z}\p{Cf}]/u;

/** A form for the fields of a session. It keeps what was typed if saving fails. */
@Component({
  selector: "app-session-form",
  changeDetection: ChangeDetectionStrategy.OnPush,
  templateUrl: "./session-form.html",
  host: { "(window:beforeunload)": "warn($event)" },
})
export class SessionForm {
  readonly session = input<Session>();
  readonly isBusy = input(false);
  readonly submitLabel = input.required<string>();
  readonly submitted = output<SessionFields>();

  protected readonly words = inject(Language).words;
  readonly #element = inject<ElementRef<HTMLElement>>(ElementRef);

  // A change of the document is adopted only while nothing was typed.
  readonly #saved = computed(() => toFields(this.session()), { equal: isSame });
  protected readonly fields = linkedSignal<SessionFields, SessionFields>({
    source: this.#saved,
    computation: (saved, previous) =>
      previous === undefined || isSame(previous.value, previous.source) ? saved : previous.value,
  });
  readonly isChanged = computed(() => !isSame(this.fields(), this.#saved()));

  protected readonly isChecked = signal(false);
  protected readonly formats = ["onDemand", "liveStreaming", "inPerson"] as const;
  protected readonly visibilities = ["enrolled", "open"] as const;
  protected readonly providers = ["default", "kaltura", "cloudflare"] as const;
  protected readonly problems = computed(() => (this.isChecked() ? this.#problemsOf(this.fields()) : {}));
  protected readonly asInput = toInputValue;

  protected change(change: Partial<SessionFields>): void {
    this.fields.update((fields) => ({ ...fields, ...change }));
  }

  protected changeTime(which: "startsAt" | "endsAt", value: string): void {
    const at = value === "" ? null : new Date(value);
    if (at !== null && Number.isNaN(at.getTime())) return;
    const { startsAt, endsAt } = this.fields();
    // A change of the start moves the end too, so that the duration stays.
    if (which === "startsAt" && at !== null && startsAt !== null && endsAt !== null && endsAt > startsAt) {
      this.change({ startsAt: at, endsAt: new Date(endsAt.getTime() + at.getTime() - startsAt.getTime()) });
    } else if (which === "startsAt" && at !== null && endsAt === null) {
      this.change({ startsAt: at, endsAt: new Date(at.getTime() + 3_600_000) });
    } else {
      this.change({ [which]: at });
    }
  }

  /** Let the browser ask before the tab is closed or reloaded, as `leaveUnsaved` does within the app. */
  protected warn(event: BeforeUnloadEvent): void {
    if (this.isChanged()) event.preventDefault();
  }

  protected submit(): void {
    this.isChecked.set(true);
    const problems = this.#problemsOf(this.fields());
    const first = problems.title !== undefined ? "title" : problems.times !== undefined ? "startsAt" : undefined;
    if (first === undefined) this.submitted.emit(this.fields());
    else this.#element.nativeElement.querySelector<HTMLElement>(`[name="${first}"]`)?.focus();
  }

  #problemsOf({ title, format, startsAt, endsAt }: SessionFields): Problems {
    const words = this.words().sessionForm;
    const problems: Problems = {};
    if (!VISIBLE.test(title)) problems.title = words.titleMissing;
    else if ([...title.trim()].length > 200) problems.title = words.titleTooLong;
    else if (UNUSABLE.test(title.trim())) problems.title = words.titleUnusable;
    const mayLackTimes = format !== "liveStreaming" || this.session()?.status !== "public";
    if (startsAt !== null && endsAt !== null) {
      if (endsAt <= startsAt) problems.times = words.endBeforeStart;
      else if (endsAt.getTime() - startsAt.getTime() > TEN_YEARS_MS) problems.times = words.tooLong;
    } else if (!mayLackTimes) {
      problems.times = words.timesMissing;
    }
    return problems;
  }
}

function toFields(session: Session | undefined): SessionFields {
  return {
    title: session?.title ?? "",
    format: session?.format ?? "onDemand",
    visibility: session?.visibility ?? "enrolled",
    startsAt: session?.startsAt?.toDate() ?? null,
    endsAt: session?.endsAt?.toDate() ?? null,
    videoProvider: providerOf(session),
  };
}

function providerOf(session: Session | undefined): SessionFields["videoProvider"] {
  const provider = session?.videoProvider;
  return provider === "kaltura" || provider === "cloudflare" ? provider : null;
}

function isSame(one: SessionFields, other: SessionFields): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

/** Return the value for `<input type="datetime-local">`, in the time zone of this device. */
function toInputValue(at: Date | null): string {
  if (at === null) return "";
  const local = new Date(at.getTime() - at.getTimezoneOffset() * 60_000);
  return local.toISOString().slice(0, 16);
}
