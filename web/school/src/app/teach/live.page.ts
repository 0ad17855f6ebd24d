import { ChangeDetectionStrategy, Component, computed, inject, linkedSignal } from "@angular/core";
import { RouterLink } from "@angular/router";
import { GREENROOM, GREENROOM_TEXTS } from "greenroom/angular";
import type { AnswerOf } from "greenroom/core";

import { Action } from "../ui/action";
import { CopyButton } from "../ui/copy-button";
import { Dialogs } from "../ui/dialogs";
import { Icon } from "../ui/icon";
import { Notice } from "../ui/notice";
import { Problem } from "../ui/problem";
import { Language } from "../words/language";
import { SessionContext } from "./session-context";

/** The broadcast of a live session, and the settings for an encoder. */
@Component({
  selector: "app-live-page",
  imports: [CopyButton, Icon, Notice, Problem, RouterLink],
  changeDetection: ChangeDetectionStrategy.OnPush,
  templateUrl: "./live.page.html",
})
export class LivePage {
  protected readonly context = inject(SessionContext);
  protected readonly texts = inject(GREENROOM_TEXTS);
  readonly #language = inject(Language);
  readonly #greenroom = inject(GREENROOM);
  readonly #dialogs = inject(Dialogs);
  protected readonly words = this.#language.words;

  /** The stream key: requested on demand, stored nowhere else, and dropped with the page or its session. */
  readonly #ingest = linkedSignal<string, AnswerOf<"getStreamIngest"> | undefined>({
    source: () => this.context.id(),
    computation: () => undefined,
  });
  protected readonly isRotated = linkedSignal({ source: () => this.context.id(), computation: () => false });

  protected readonly event = computed(() => this.context.session().kaltura);
  protected readonly isReady = computed(() => this.event()?.state === "ready");
  protected readonly broadcast = computed(() => this.event()?.broadcast ?? "offline");

  protected readonly times = computed(() => {
    const { startsAt, endsAt } = this.context.session();
    if (startsAt == null || endsAt == null) return this.words().session.noTime;
    return this.#language.span(startsAt.toDate(), endsAt.toDate());
  });

  protected readonly values = computed(() => {
    const ingest = this.#ingest();
    if (ingest === undefined) return undefined;
    const words = this.words().live;
    const { url, backupUrl, streamName, streamKey, primarySrtBroadcastingUrl, primarySrtStreamId, srtPass } = ingest;
    return [
      { name: words.url, value: url, isSecret: false },
      { name: words.backupUrl, value: backupUrl ?? "", isSecret: false },
      { name: words.streamName, value: streamName, isSecret: false },
      { name: words.streamKey, value: streamKey, isSecret: true },
      { name: words.srtUrl, value: primarySrtBroadcastingUrl ?? "", isSecret: false },
      { name: words.srtStreamId, value: primarySrtStreamId ?? "", isSecret: false },
      { name: words.srtPass, value: srtPass ?? "", isSecret: true },
    ].filter(({ value }) => value !== "");
  });

  protected readonly show = new Action(async () => {
    this.isRotated.set(false);
    this.#ingest.set(await this.#greenroom.call("getStreamIngest", { sessionId: this.context.id() }));
  });

  protected hide(): void {
    this.#ingest.set(undefined);
    this.isRotated.set(false);
  }

  protected async rotate(): Promise<void> {
    const words = this.words();
    const isDone = await this.#dialogs.ask({
      title: words.live.rotateAsk,
      hint: words.live.rotateHint,
      confirm: words.live.rotate,
      isDangerous: true,
      work: async () =>
        this.#ingest.set(await this.#greenroom.call("rotateStreamKey", { sessionId: this.context.id() })),
    });
    if (isDone) this.isRotated.set(true);
  }
}
