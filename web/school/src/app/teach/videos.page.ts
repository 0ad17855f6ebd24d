import { LiveAnnouncer } from "@angular/cdk/a11y";
import {
  ChangeDetectionStrategy,
  Component,
  computed,
  effect,
  type ElementRef,
  inject,
  signal,
  untracked,
  viewChild,
} from "@angular/core";
import { GREENROOM, GREENROOM_TEXTS, injectUploads, injectUploadsSummary, UploadList } from "greenroom/angular";
import type { AddedFiles, RefusedFile, UploadItem } from "greenroom/core";

import { Dialogs } from "../ui/dialogs";
import { Icon } from "../ui/icon";
import { Notice } from "../ui/notice";
import { Problem } from "../ui/problem";
import { Language } from "../words/language";
import { SessionContext } from "./session-context";
import { VideoList } from "./video-list";

/** The uploads into a session, and its videos. */
@Component({
  selector: "app-videos-page",
  imports: [Icon, Notice, Problem, UploadList, VideoList],
  changeDetection: ChangeDetectionStrategy.OnPush,
  templateUrl: "./videos.page.html",
  host: { "(document:paste)": "paste($event)" },
})
export class VideosPage {
  protected readonly context = inject(SessionContext);
  protected readonly words = inject(Language).words;
  protected readonly texts = inject(GREENROOM_TEXTS);
  readonly #uploads = injectUploads();
  readonly #summary = injectUploadsSummary();
  readonly #dialogs = inject(Dialogs);
  readonly #announcer = inject(LiveAnnouncer);
  private readonly picker = viewChild.required<ElementRef<HTMLInputElement>>("picker");

  protected readonly isDraggedOver = signal(false);
  protected readonly refused = signal<readonly RefusedFile[]>([]);
  protected readonly failure = signal<unknown>(undefined);
  protected readonly hasUploads = computed(() =>
    this.#summary().items.some((item) => item.sessionId === this.context.id()),
  );
  protected readonly isNotKept = computed(() => this.hasUploads() && !this.#summary().isKept);

  /** The ids of the videos that this browser sends. The list of uploads shows their progress more precisely. */
  protected readonly sendingHere = computed(
    () =>
      new Set(
        this.#summary()
          .items.filter((item) => item.state !== "sent")
          .map((item) => item.videoId),
      ),
  );

  protected readonly confirmCancel = (item: UploadItem) => {
    const words = this.words();
    return this.#dialogs.ask({
      title: words.videos.cancelAsk(item.fileName),
      hint: words.videos.cancelHint,
      confirm: words.videos.cancelUpload,
      cancel: words.common.back,
      isDangerous: true,
    });
  };

  constructor() {
    // Once all are sent, and the session's document shows it, remove them from the list of uploads.
    effect(() => {
      const items = this.#summary().items.filter(({ sessionId }) => sessionId === this.context.id());
      if (!items.every((item) => item.state === "failed" || this.#hasArrived(item))) return;
      for (const { id, state } of items) if (state === "sent") untracked(() => this.#uploads()?.dismiss(id));
    });
  }

  protected choose(): void {
    this.picker().nativeElement.click();
  }

  protected async chosen(picker: HTMLInputElement): Promise<void> {
    const files = [...(picker.files ?? [])];
    picker.value = "";
    await this.#take(this.#uploads()?.add(files, { sessionId: this.context.id() }));
  }

  protected dragOver(event: DragEvent): void {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = "copy";
    this.isDraggedOver.set(true);
  }

  protected async drop(event: DragEvent): Promise<void> {
    event.preventDefault();
    this.isDraggedOver.set(false);
    if (event.dataTransfer === null) return;
    await this.#take(this.#uploads()?.addFrom(event.dataTransfer, { sessionId: this.context.id() }));
  }

  protected async paste(event: ClipboardEvent): Promise<void> {
    if (!event.clipboardData?.types.includes("Files")) return;
    event.preventDefault();
    await this.#take(this.#uploads()?.addFrom(event.clipboardData, { sessionId: this.context.id() }));
  }

  #hasArrived({ state, videoId }: UploadItem): boolean {
    const video = this.context.videos().find(({ id }) => id === videoId);
    const server = video?.replacement?.state ?? video?.state;
    return state === "sent" && server !== undefined && !["requested", "preparing", "uploading"].includes(server);
  }

  async #take(adding: Promise<AddedFiles> | undefined): Promise<void> {
    this.failure.set(undefined);
    try {
      const { added, refused } = (await adding) ?? { added: [], refused: [] };
      this.refused.set(refused);
      if (added.length > 0) void this.#announcer.announce(this.words().videos.added(added.length));
    } catch (error) {
      this.failure.set(error);
    }
  }
}
