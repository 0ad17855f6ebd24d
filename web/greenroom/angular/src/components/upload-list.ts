import {
  afterRenderEffect,
  ChangeDetectionStrategy,
  Component,
  computed,
  DestroyRef,
  effect,
  ElementRef,
  inject,
  input,
  signal,
  untracked,
  viewChild,
} from "@angular/core";
import { errorText, type GreenroomError, toGreenroomError, type UploadItem } from "greenroom/core";

import { GREENROOM_TEXTS } from "../tokens";
import { injectUploads, injectUploadsSummary } from "../uploads";
import { VISUALLY_HIDDEN } from "./visually-hidden";

/** How long a change waits for others, so that a screen reader announces them together. */
const ANNOUNCE_AFTER_MS = 1_000;

/**
 * Shows the uploads in this browser: each with its progress and its buttons, and their total.
 *
 * It has no styles of its own: the attribute `data-state` of an item is its `UploadState`, and the classes begin with
 * `gr-`.
 */
@Component({
  selector: "gr-upload-list",
  changeDetection: ChangeDetectionStrategy.OnPush,
  templateUrl: "./upload-list.html",
  host: {
    class: "gr-upload-list",
    tabindex: "-1",
    "(focusin)": "focusIn($event)",
    "(focusout)": "focusOut($event)",
  },
})
export class UploadList {
  /** Show only the uploads into this session. */
  readonly sessionId = input<string>();

  /** Called before an upload is cancelled, which deletes what has arrived. Returns whether to cancel it. */
  readonly confirmCancel = input<(item: UploadItem) => boolean | Promise<boolean>>(() => true);

  protected readonly texts = inject(GREENROOM_TEXTS);
  protected readonly hidden = VISUALLY_HIDDEN;
  readonly #uploads = injectUploads();
  readonly #summary = injectUploadsSummary();
  readonly #element = inject<ElementRef<HTMLElement>>(ElementRef);
  private readonly picker = viewChild.required<ElementRef<HTMLInputElement>>("picker");
  readonly #problems = signal<ReadonlyMap<string, GreenroomError>>(new Map());
  readonly #status = signal("");
  #reselected: string | undefined;
  #focused: { readonly id: string; readonly index: number } | undefined;

  protected readonly status = this.#status.asReadonly();
  protected readonly isOffline = computed(() => this.#summary().isOffline);

  protected readonly items = computed(() => {
    const sessionId = this.sessionId();
    const { items } = this.#summary();
    return sessionId === undefined ? items : items.filter((item) => item.sessionId === sessionId);
  });

  protected readonly total = computed(() => {
    const items = this.items();
    const count = (...states: UploadItem["state"][]) => items.filter((item) => states.includes(item.state)).length;
    const sentBytes = items.reduce((sum, item) => sum + item.sentBytes, 0);
    const sizeBytes = items.reduce((sum, item) => sum + item.sizeBytes, 0);
    return {
      sentBytes,
      sizeBytes,
      fraction: sizeBytes === 0 ? 0 : sentBytes / sizeBytes,
      secondsLeft: items.length === this.#summary().items.length ? this.#summary().secondsLeft : undefined,
      counts: { sent: count("sent"), failed: count("failed"), all: items.length },
      canPause: count("queued", "preparing", "sending", "waiting") > 0,
      canResume: count("paused") > 0,
      canRetry: count("failed") > 0,
    };
  });

  constructor() {
    let known = new Map<string, UploadItem["state"]>();
    let waiting: ReturnType<typeof setTimeout> | undefined;
    let sentences: string[] = [];
    effect(() => {
      const items = this.items();
      const texts = untracked(this.texts);
      for (const { id, state, fileName } of items) {
        if (!known.has(id) || known.get(id) === state) continue;
        if (state === "sent") sentences.push(texts.uploads.announceSent(fileName));
        if (state === "failed") sentences.push(texts.uploads.announceFailed(fileName));
      }
      known = new Map(items.map(({ id, state }) => [id, state]));
      if (sentences.length > 0) {
        clearTimeout(waiting);
        waiting = setTimeout(() => {
          this.#status.set(sentences.join(" "));
          sentences = [];
        }, ANNOUNCE_AFTER_MS);
      }
    });
    inject(DestroyRef).onDestroy(() => clearTimeout(waiting));
    afterRenderEffect({ read: () => this.#keepFocus(this.items()) });
  }

  protected canPause(item: UploadItem): boolean {
    return ["queued", "preparing", "sending", "waiting"].includes(item.state);
  }

  protected canRetry(item: UploadItem): boolean {
    return item.state === "failed" || item.state === "waiting";
  }

  protected canDismiss(item: UploadItem): boolean {
    return item.state === "sent" || item.state === "failed";
  }

  protected canCancel(item: UploadItem): boolean {
    return item.state !== "sent" && item.state !== "elsewhere";
  }

  /** Return the most useful sentence about an upload, if there is one. */
  protected detail(item: UploadItem): string | undefined {
    const { uploads } = this.texts();
    const problem = this.#problems().get(item.id) ?? item.error;
    // The notice that the browser is offline says it for all uploads.
    if (this.isOffline() && problem?.code === "UNREACHABLE") return undefined;
    if (problem !== undefined) return errorText(this.texts(), problem);
    if (item.isTooSlow && item.uploadUntil !== undefined) return uploads.tooSlow(item.uploadUntil);
    return undefined;
  }

  protected pauseAll(): void {
    this.#each(this.canPause, (id) => this.#uploads()?.pause(id));
  }

  protected resumeAll(): void {
    this.#each(
      (item) => item.state === "paused",
      (id) => this.#uploads()?.resume(id),
    );
  }

  protected retryAll(): void {
    this.#each(
      (item) => item.state === "failed",
      (id) => this.#uploads()?.retry(id),
    );
  }

  protected pause(item: UploadItem): void {
    this.#uploads()?.pause(item.id);
  }

  protected resume(item: UploadItem): void {
    this.#uploads()?.resume(item.id);
  }

  protected retry(item: UploadItem): void {
    this.#uploads()?.retry(item.id);
  }

  protected dismiss(item: UploadItem): void {
    this.#uploads()?.dismiss(item.id);
  }

  protected async cancel(item: UploadItem): Promise<void> {
    if (!(await this.confirmCancel()(item))) return;
    this.#setProblem(item.id, undefined);
    try {
      await this.#uploads()?.cancel(item.id);
    } catch (error) {
      this.#setProblem(item.id, toGreenroomError(error));
    }
  }

  /** Ask for permission to read the file again, if the browser has a handle; otherwise open the file picker. */
  protected chooseAgain(item: UploadItem): void {
    if (item.canAskForFile) {
      this.#uploads()?.resume(item.id);
      return;
    }
    this.#reselected = item.id;
    this.picker().nativeElement.click();
  }

  protected async reselect(picker: HTMLInputElement): Promise<void> {
    const [file] = picker.files ?? [];
    const id = this.#reselected;
    picker.value = "";
    if (file === undefined || id === undefined) return;
    this.#setProblem(id, undefined);
    try {
      await this.#uploads()?.reselect(id, file);
    } catch (error) {
      this.#setProblem(id, toGreenroomError(error));
    }
  }

  #each(matches: (item: UploadItem) => boolean, act: (id: string) => void): void {
    for (const item of this.items().filter(matches)) act(item.id);
  }

  #setProblem(id: string, error: GreenroomError | undefined): void {
    const problems = new Map(this.#problems());
    if (error === undefined) problems.delete(id);
    else problems.set(id, error);
    this.#problems.set(problems);
  }

  /** Remember which upload has the focus. */
  protected focusIn(event: FocusEvent): void {
    const id = (event.target as Element).closest<HTMLElement>("[data-id]")?.dataset["id"];
    this.#focused = id === undefined ? undefined : { id, index: this.items().findIndex((item) => item.id === id) };
  }

  /** Forget it if the focus moved elsewhere, but not if the button was removed because the upload changed. */
  protected focusOut(event: FocusEvent): void {
    const left = event.target as Element;
    queueMicrotask(() => {
      if (left.isConnected && !left.contains(document.activeElement)) this.#focused = undefined;
    });
  }

  /** If a pressed button disappears with the state that it changes, focus its upload, or the next one. */
  #keepFocus(items: readonly UploadItem[]): void {
    if (this.#focused === undefined || document.activeElement !== document.body) return;
    const { id, index } = this.#focused;
    const present = items.find((item) => item.id === id) ?? items[index] ?? items.at(-1);
    const elements = [...this.#element.nativeElement.querySelectorAll<HTMLElement>("[data-id]")];
    (elements.find(({ dataset }) => dataset["id"] === present?.id) ?? this.#element.nativeElement).focus();
  }
}
