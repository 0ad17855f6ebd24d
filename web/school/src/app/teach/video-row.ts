import { LiveAnnouncer } from "@angular/cdk/a11y";
import { CdkMenu, CdkMenuItem, CdkMenuTrigger } from "@angular/cdk/menu";
import { ChangeDetectionStrategy, Component, computed, type ElementRef, inject, input, viewChild } from "@angular/core";
import { Router } from "@angular/router";
import { GREENROOM, GREENROOM_TEXTS, injectUploads } from "greenroom/angular";
import type { Failure, RequestOf } from "greenroom/core";

import { Action } from "../ui/action";
import { Dialogs } from "../ui/dialogs";
import { Icon } from "../ui/icon";
import { Problem } from "../ui/problem";
import { RenameDialog, type Renaming } from "../ui/rename-dialog";
import { Language } from "../words/language";
import { SessionContext, type VideoInSession } from "./session-context";

const BUSY = new Set(["requested", "preparing", "uploading", "processing", "retrying"]);

/** A video of a teacher: its state, and a menu of actions. */
@Component({
  selector: "app-video-row",
  imports: [CdkMenu, CdkMenuItem, CdkMenuTrigger, Icon, Problem],
  changeDetection: ChangeDetectionStrategy.OnPush,
  templateUrl: "./video-row.html",
})
export class VideoRow {
  readonly video = input.required<VideoInSession>();

  readonly #greenroom = inject(GREENROOM);
  readonly #language = inject(Language);
  readonly #announcer = inject(LiveAnnouncer);
  readonly #dialogs = inject(Dialogs);
  readonly #router = inject(Router);
  readonly #uploads = injectUploads();
  readonly #context = inject(SessionContext);
  private readonly picker = viewChild.required<ElementRef<HTMLInputElement>>("picker");
  protected readonly words = this.#language.words;
  protected readonly texts = inject(GREENROOM_TEXTS);

  protected readonly isBusy = computed(() => BUSY.has(this.video().state));
  protected readonly isReplacing = computed(() => BUSY.has(this.video().replacement?.state ?? ""));
  protected readonly canWatch = computed(() => this.video().state === "ready");

  /** The progress of the video, or of the file that will replace it. */
  protected readonly progress = computed(() => {
    const video = this.video();
    const shown = video.replacement !== undefined && BUSY.has(video.replacement.state) ? video.replacement : video;
    return BUSY.has(shown.state)
      ? { text: this.texts().videos.progress(shown.state, shown.stage, shown.percent), value: progressOf(shown) }
      : undefined;
  });

  protected readonly failure = computed(() => this.video().failure ?? this.video().replacement?.failure);
  protected readonly failureText = computed(() => {
    const failure = this.failure();
    return failure === undefined ? undefined : this.#sentenceOf(failure);
  });

  protected readonly badge = computed(() => {
    const { state } = this.video();
    return state === "ready" ? "good" : state === "failed" ? "bad" : "busy";
  });

  protected readonly notes = computed(() => {
    const { archive, keep, durationS } = this.video();
    const { videos, format } = this.texts();
    const notes: string[] = [];
    if (durationS !== null) notes.push(format.duration(durationS));
    if (keep === true) notes.push(videos.kept);
    if (archive !== undefined && archive.state !== "initial") {
      notes.push(
        archive.state === "restoring" && archive.availableAt !== null
          ? videos.availableAt(archive.availableAt.toDate())
          : videos.archive[archive.state],
      );
    } else if (archive?.archivesAt != null && keep !== true) {
      notes.push(videos.archivesAt(archive.archivesAt.toDate()));
    }
    return notes.join(" · ");
  });

  protected readonly canRetry = computed(() => this.failure()?.retryable === true);
  protected readonly canCancel = computed(() => {
    const states = ["requested", "preparing", "uploading"];
    return states.includes(this.video().replacement?.state ?? this.video().state);
  });

  protected readonly act = new Action(async (work: () => Promise<unknown>, done: string) => {
    await work();
    void this.#announcer.announce(done);
  });

  protected watch(): void {
    void this.#router.navigate(["/learn", this.#context.id()], { queryParams: { video: this.video().id } });
  }

  protected async rename(): Promise<void> {
    const renaming: Renaming = {
      heading: this.words().videos.renameTitle,
      title: this.video().title,
      save: (title) => this.#call("updateVideo", { videoId: this.video().id, title }),
    };
    const isRenamed = await this.#dialogs.open<boolean>(RenameDialog, "rename-title", renaming);
    if (isRenamed === true) void this.#announcer.announce(this.words().videos.renamed);
  }

  protected chooseReplacement(): void {
    this.picker().nativeElement.click();
  }

  protected async replace(picker: HTMLInputElement): Promise<void> {
    const files = [...(picker.files ?? [])];
    picker.value = "";
    if (files.length === 0) return;
    await this.act.run(async () => {
      const target = { sessionId: this.#context.id(), videoId: this.video().id };
      const answer = await this.#uploads()?.add(files, target);
      const [refused] = answer?.refused ?? [];
      if (refused !== undefined) throw refused.error;
    }, this.words().videos.replaceHint);
  }

  protected keep(keep: boolean): void {
    const { nowKept, nowUnkept } = this.words().videos;
    void this.act.run(() => this.#call("keepVideo", { videoId: this.video().id, keep }), keep ? nowKept : nowUnkept);
  }

  protected retry(): void {
    void this.act.run(() => this.#call("retryVideo", { videoId: this.video().id }), this.words().videos.retried);
  }

  protected async cancel(): Promise<void> {
    const words = this.words();
    const isDone = await this.#dialogs.ask({
      title: words.videos.cancelAsk(this.video().title),
      hint: words.videos.cancelHint,
      confirm: words.videos.cancelUpload,
      cancel: words.common.back,
      isDangerous: true,
      work: () => this.#call("cancelUpload", { videoId: this.video().id }),
    });
    if (isDone) void this.#announcer.announce(words.videos.cancelled);
  }

  protected async delete(): Promise<void> {
    const words = this.words();
    const isDone = await this.#dialogs.ask({
      title: words.videos.deleteAsk(this.video().title),
      hint: words.videos.deleteHint,
      confirm: words.common.delete,
      isDangerous: true,
      work: () => this.#call("deleteVideo", { videoId: this.video().id }),
    });
    if (!isDone) return;
    void this.#announcer.announce(words.videos.deleted);
    document.getElementById("videos-title")?.focus();
  }

  #call<Name extends "updateVideo" | "keepVideo" | "retryVideo" | "cancelUpload" | "deleteVideo">(
    name: Name,
    request: RequestOf<Name>,
  ): Promise<unknown> {
    return this.#greenroom.call(name, request);
  }

  /** Return the sentence in this language; the provider's own sentence for a code of theirs. */
  #sentenceOf({ code, message }: Failure): string {
    const sentences: Readonly<Record<string, string>> = this.texts().failures;
    return sentences[code] ?? message;
  }
}

/** Return the value of the progress bar; `null`, indeterminate, before there is a percentage. */
function progressOf({ state, percent }: { state: string; percent: number }): number | null {
  return state === "requested" || state === "preparing" || percent === 0 ? null : percent / 100;
}
