import type { GreenroomError } from "../errors";
import type { Greenroom } from "../greenroom";
import type { BroadcastState, PlayedSlides } from "../schema/types";
import { type Readable, Store } from "../store";
import type { PlaybackPhase } from "../texts/texts";

/** A quality that a viewer can choose. */
export interface Quality {
  /** What `setQuality` takes. */
  readonly index: number;
  /** Lines of the picture; 0 if unknown. */
  readonly height: number;
  readonly bitsPerSecond: number;
}

/** What a player shows. */
export interface PlaybackState {
  readonly phase: PlaybackPhase;
  readonly isLive: boolean;
  /** Why it does not play, or why a new grant was not given yet. */
  readonly error?: GreenroomError;
  /** With `notYet`: when the event begins, if that is planned. */
  readonly opensAt?: Date;
  /** With `restoring`: when to expect the original, if that is known. */
  readonly availableAt?: Date;
  /** The host that delivers the video. */
  readonly host?: string;
  readonly thumbnailUrl?: string;
  /** Whether the event is on the air; only of a live event. */
  readonly broadcast?: BroadcastState;
  /** The qualities to choose from; empty if the browser alone chooses. */
  readonly qualities: readonly Quality[];
  /** The chosen quality. Without it, the player adapts to the line. */
  readonly quality?: number;
}

/** A video, or the live event of a session. */
export type PlaybackTarget =
  | {
      readonly videoId: string;
      /** Its session, whose document tells at once when the video is ready or restored. */
      readonly sessionId?: string;
    }
  | { readonly sessionId: string };

export interface PlaybackOptions {
  /** Load hls.js in another way, for example with options of your own. `import("hls.js")` unless set. */
  readonly loadHls?: () => Promise<typeof import("hls.js")>;
}

/** Plays a video or a live event in a `<video>` element, for as long as its viewer may watch. */
export class Playback {
  readonly #state: Store<PlaybackState>;
  readonly #slides = new Store<PlayedSlides | undefined>(undefined);

  constructor(
    _greenroom: Greenroom,
    readonly element: HTMLVideoElement,
    readonly target: PlaybackTarget,
    _options: PlaybackOptions = {},
  ) {
    this.#state = new Store<PlaybackState>({ phase: "loading", isLive: !("videoId" in target), qualities: [] });
  }

  get state(): Readable<PlaybackState> {
    return this.#state;
  }

  /** Where the slides of this broadcast are, with a token that is renewed. */
  get slides(): Readable<PlayedSlides | undefined> {
    return this.#slides;
  }

  /** Ask for the addresses and begin. Call it again to try again after a failure. */
  load(): Promise<void> {
    throw new Error("not written yet");
  }

  /** The instant of the picture: of a recording its beginning plus the position, of a live event the picture's date. */
  pictureAt(): Date | undefined {
    return undefined;
  }

  /** Choose a quality by its index; `undefined` adapts to the line. */
  setQuality(_index: number | undefined): void {}

  /** Stop, and release the element. */
  close(): void {}
}
