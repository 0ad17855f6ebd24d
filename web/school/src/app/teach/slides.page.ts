import { LiveAnnouncer } from "@angular/cdk/a11y";
import { ChangeDetectionStrategy, Component, computed, type ElementRef, inject, viewChild } from "@angular/core";
import { Router } from "@angular/router";
import { fromReadable, GREENROOM_TEXTS, injectLiveAdmission, injectSlidesPresenter } from "greenroom/angular";
import type { SharedMedia } from "greenroom/core";

import { Action } from "../ui/action";
import { Dialogs } from "../ui/dialogs";
import { Icon } from "../ui/icon";
import { ListSkeleton } from "../ui/list-skeleton";
import { Problem } from "../ui/problem";
import { RenameDialog, type Renaming } from "../ui/rename-dialog";
import { Language } from "../words/language";
import { DocumentPages } from "./document-pages";
import { SessionContext } from "./session-context";
import { SlidesUploads } from "./slides-uploads";

/** The documents of a live session: upload them, and start to present. */
@Component({
  selector: "app-slides-page",
  imports: [DocumentPages, Icon, ListSkeleton, Problem],
  changeDetection: ChangeDetectionStrategy.OnPush,
  templateUrl: "./slides.page.html",
})
export class SlidesPage {
  protected readonly context = inject(SessionContext);
  protected readonly uploads = inject(SlidesUploads);
  protected readonly texts = inject(GREENROOM_TEXTS);
  protected readonly language = inject(Language);
  protected readonly words = this.language.words;
  readonly #dialogs = inject(Dialogs);
  readonly #router = inject(Router);
  readonly #announcer = inject(LiveAnnouncer);
  private readonly picker = viewChild.required<ElementRef<HTMLInputElement>>("picker");

  protected readonly isOpen = computed(() => this.context.session().kaltura?.state === "ready");
  readonly #admission = injectLiveAdmission(() => (this.isOpen() ? this.context.id() : undefined));
  protected readonly presenter = injectSlidesPresenter(this.#admission);
  protected readonly admissionError = fromReadable(() => this.#admission()?.error);
  readonly #grants = fromReadable(() => this.#admission()?.grants);
  readonly #medias = fromReadable(() => this.presenter()?.medias);
  protected readonly listError = fromReadable(() => this.presenter()?.error);
  protected readonly shown = fromReadable(() => this.presenter()?.shown);

  protected readonly isConnecting = computed(
    () => this.isOpen() && this.#grants() === undefined && this.admissionError() === undefined,
  );
  protected readonly isOffered = computed(() => this.#grants() === undefined || this.#grants()?.slides !== null);
  protected readonly medias = computed(() => [...(this.#medias() ?? [])].reverse());

  /** The fraction of each document that this tab has sent, by its id. */
  protected readonly sent = computed(
    () => new Map(this.uploads.sending().map(({ mediaId, sentBytes, sizeBytes }) => [mediaId, sentBytes / sizeBytes])),
  );

  protected readonly failed = computed(() =>
    this.uploads.failed().filter(({ sessionId }) => sessionId === this.context.id()),
  );

  protected readonly act = new Action((work: () => Promise<unknown>) => work());

  protected choose(): void {
    this.picker().nativeElement.click();
  }

  protected chosen(picker: HTMLInputElement): void {
    const [file] = picker.files ?? [];
    picker.value = "";
    if (file !== undefined) this.uploads.add(this.context.id(), file);
  }

  protected drop(event: DragEvent): void {
    event.preventDefault();
    const [file] = event.dataTransfer?.files ?? [];
    if (file !== undefined) this.uploads.add(this.context.id(), file);
  }

  protected readyPages(media: SharedMedia): number {
    return media.pages.filter(({ isReady }) => isReady).length;
  }

  protected reason(media: SharedMedia): string | undefined {
    if (media.error === undefined) return undefined;
    const problems: Readonly<Record<string, string>> = this.texts().slidesProblems;
    return problems[media.error.reason] ?? media.error.message;
  }

  protected titleOf(media: SharedMedia): string {
    return media.title ?? media.fileName ?? this.texts().slides.untitled;
  }

  protected async present(media: SharedMedia): Promise<void> {
    const isDone = await this.act.run(async () => {
      const shownId = this.shown()?.mediaId;
      if (shownId === media.id) return;
      if (shownId != null) await this.presenter()?.end();
      await this.presenter()?.start(media.id);
    });
    if (isDone) await this.#router.navigate(["/present", this.context.id()]);
  }

  protected stop(): void {
    void this.act.run(async () => this.presenter()?.end());
  }

  protected setDownload(media: SharedMedia, showDownload: boolean): void {
    void this.act.run(async () => this.presenter()?.change(media.id, { showDownload }));
  }

  protected async rename(media: SharedMedia): Promise<void> {
    const renaming: Renaming = {
      heading: this.words().slides.renameTitle,
      title: this.titleOf(media),
      save: async (title) => this.presenter()?.change(media.id, { title }),
    };
    const isRenamed = await this.#dialogs.open<boolean>(RenameDialog, "rename-title", renaming);
    if (isRenamed === true) void this.#announcer.announce(this.words().slides.renamed);
  }

  protected async delete(media: SharedMedia): Promise<void> {
    const words = this.words();
    const isDone = await this.#dialogs.ask({
      title: words.slides.deleteAsk(this.titleOf(media)),
      hint: words.slides.deleteHint,
      confirm: words.common.delete,
      isDangerous: true,
      work: async () => this.presenter()?.remove(media.id),
    });
    if (!isDone) return;
    void this.#announcer.announce(words.slides.deleted);
    document.getElementById("slides-title")?.focus();
  }
}
