import {
  ChangeDetectionStrategy,
  Component,
  computed,
  effect,
  type ElementRef,
  inject,
  input,
  signal,
  viewChild,
} from "@angular/core";
import { errorText, Playback, type PlaybackOptions, type PlaybackTarget } from "greenroom/core";

import { fromReadable } from "../from-readable";
import { GREENROOM, GREENROOM_TEXTS } from "../tokens";

/** A longer timer ends at once. */
const TIMER_MAX_MS = 2 ** 31 - 1;

/**
 * Plays a video, or the live event of a session, with the browser's own controls.
 *
 * If nothing plays, it shows the reason; where waiting helps, it continues automatically. It has no styles of its own:
 * the attribute `data-phase` is the phase of the playback, and the classes begin with `gr-`.
 */
@Component({
  selector: "gr-player",
  changeDetection: ChangeDetectionStrategy.OnPush,
  templateUrl: "./player.html",
  host: { class: "gr-player", "[attr.data-phase]": "state()?.phase", "[attr.data-live]": "state()?.isLive || null" },
})
export class Player {
  /** The video or live event to play. An equal target in a new object changes nothing. */
  readonly target = input.required<PlaybackTarget>();

  /** The name of the player for screen readers, such as the title of the video. */
  readonly label = input<string>();

  /** How to play. A new object loads the video again. */
  readonly options = input<PlaybackOptions>({});

  protected readonly texts = inject(GREENROOM_TEXTS);
  readonly #greenroom = inject(GREENROOM);
  private readonly video = viewChild.required<ElementRef<HTMLVideoElement>>("video");
  readonly #playback = signal<Playback | undefined>(undefined);

  /** The `Playback`, for slides in time with it. It changes with the target. */
  readonly playback = this.#playback.asReadonly();

  readonly #key = computed(() => JSON.stringify(this.target()));
  protected readonly state = fromReadable(() => this.#playback()?.state);

  readonly #opensAtMs = computed(() => this.state()?.opensAt?.getTime());

  /** Whether the planned start is still to come. Once it has passed, the event is only not live yet. */
  readonly #isEarly = signal(false);

  /** The message in place of the picture, or above it. */
  protected readonly sentence = computed(() => {
    const state = this.state();
    if (state === undefined || ["ready", "playing"].includes(state.phase)) return undefined;
    const { player, videos } = this.texts();
    if (state.phase === "notYet" && state.opensAt !== undefined && this.#isEarly())
      return player.opensAt(state.opensAt);
    if (state.phase === "restoring" && state.availableAt !== undefined) return videos.availableAt(state.availableAt);
    if (state.phase === "failed" && state.error !== undefined) return errorText(this.texts(), state.error);
    return player.phases[state.phase];
  });

  /** Whether the picture is shown, also beside a message. */
  protected readonly isPictureShown = computed(() =>
    ["ready", "playing", "reconnecting", "restoring"].includes(this.state()?.phase ?? "loading"),
  );

  protected readonly canRetry = computed(() => ["failed", "refused"].includes(this.state()?.phase ?? ""));

  constructor() {
    effect((onCleanup) => {
      const target = JSON.parse(this.#key()) as PlaybackTarget;
      const playback = new Playback(this.#greenroom, this.video().nativeElement, target, this.options());
      this.#playback.set(playback);
      void playback.load();
      onCleanup(() => playback.close());
    });
    effect((onCleanup) => {
      const leftMs = (this.#opensAtMs() ?? 0) - Date.now();
      this.#isEarly.set(leftMs > 0);
      if (leftMs <= 0 || leftMs > TIMER_MAX_MS) return;
      const timer = setTimeout(() => this.#isEarly.set(false), leftMs);
      onCleanup(() => clearTimeout(timer));
    });
  }

  protected retry(): void {
    void this.#playback()?.load();
    this.video().nativeElement.focus();
  }

  protected choose(quality: string): void {
    this.#playback()?.setQuality(quality === "" ? undefined : Number(quality));
  }
}
