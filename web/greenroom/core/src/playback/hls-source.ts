import type HlsType from "hls.js";
import type { ErrorData } from "hls.js";

import type { Clock } from "../clock";
import type { Source, SourceEvents } from "./source";

/** A source fails after more decoder errors than this within `RECOVERY_MS`. */
const RECOVERIES_MAX = 2;
const RECOVERY_MS = 10_000;

/** The playback rate with which a live stream catches up with its edge. A higher rate can be heard. */
const CATCH_UP_RATE = 1.1;

/**
 * Timeouts and retries of a fragment. By default hls.js tries a dead host for half a minute; another host or a new
 * grant helps sooner. On a slow connection a fragment may take two minutes.
 */
const FRAGMENT_POLICY = {
  maxTimeToFirstByteMs: 10_000,
  maxLoadTimeMs: 120_000,
  timeoutRetry: { maxNumRetry: 1, retryDelayMs: 0, maxRetryDelayMs: 0 },
  errorRetry: { maxNumRetry: 2, retryDelayMs: 500, maxRetryDelayMs: 1_000 },
} as const;

/** How a source gets URLs with a valid token. */
export interface FreshUrls {
  /** Whether the token may have expired. */
  readonly isStale: boolean;
  /** Renew the token. Resolves after the answer, also if it is an error. */
  renewNow(): Promise<void>;
  /** Return a URL with the newest token. */
  apply(url: string): string;
}

/** Plays HLS with hls.js. */
export class HlsSource implements Source {
  readonly #hls: HlsType;
  #url: string | undefined;
  #recoveries: number[] = [];

  constructor(
    private readonly Hls: typeof HlsType,
    private readonly element: HTMLVideoElement,
    private readonly urls: FreshUrls,
    private readonly events: SourceEvents,
    private readonly clock: Clock,
  ) {
    this.#hls = new Hls({
      autoStartLoad: false,
      // Show the first fragment, in the lowest quality, instead of only measuring it, and load it before the element
      // asks.
      testBandwidth: false,
      startFragPrefetch: true,
      lowLatencyMode: true,
      maxLiveSyncPlaybackRate: CATCH_UP_RATE,
      fragLoadPolicy: { default: FRAGMENT_POLICY },
      xhrSetup: (xhr, url) => this.#open(xhr, url),
    });
    const { Events } = Hls;
    this.#hls.on(Events.ERROR, (_event, data) => this.#failed(data));
    this.#hls.on(Events.MANIFEST_PARSED, () => {
      events.qualities(
        this.#hls.levels.map(({ height, bitrate }, index) => ({ index, height, bitsPerSecond: bitrate })),
      );
    });
    this.#hls.on(Events.FRAG_BUFFERED, () => events.ready());
  }

  load(url: string, position = -1): void {
    this.#url = url;
    this.#hls.once(this.Hls.Events.MANIFEST_PARSED, () => this.#hls.startLoad(position));
    this.#hls.loadSource(url);
    this.#hls.attachMedia(this.element);
  }

  restart(): void {
    if (this.#hls.levels.length > 0) this.#hls.startLoad();
    else if (this.#url !== undefined) this.#hls.loadSource(this.#url);
  }

  setQuality(index: number | undefined): void {
    this.#hls.nextLevel = index ?? -1;
  }

  playingDate(): Date | undefined {
    return this.#hls.playingDate ?? undefined;
  }

  latencyS(): number | undefined {
    return this.#hls.latency > 0 ? this.#hls.latency : undefined;
  }

  goLive(): void {
    const edge = this.#hls.liveSyncPosition;
    if (edge !== null) this.element.currentTime = edge;
  }

  close(): void {
    this.#hls.destroy();
  }

  /** Open a request for the URL with the newest token. hls.js waits for a returned promise. */
  #open(xhr: XMLHttpRequest, url: string): void | Promise<void> {
    const open = () => xhr.open("GET", this.urls.apply(url), true);
    // For example after the device has slept: a request with the old token would be refused.
    return this.urls.isStale ? this.urls.renewNow().then(open) : open();
  }

  #failed(data: ErrorData): void {
    if (!data.fatal) return;
    const { ErrorTypes } = this.Hls;
    if (data.type === ErrorTypes.MEDIA_ERROR && this.#recovers()) return;
    if (data.type !== ErrorTypes.NETWORK_ERROR) return this.events.failed("broken");
    this.events.failed((data.response?.code ?? 0) >= 400 ? "refused" : "unreachable");
  }

  /** Let hls.js reset the decoder, the second time with another audio codec. @returns whether it may still help. */
  #recovers(): boolean {
    const now = this.clock.now();
    this.#recoveries = [...this.#recoveries.filter((at) => now - at < RECOVERY_MS), now];
    if (this.#recoveries.length > RECOVERIES_MAX) return false;
    if (this.#recoveries.length === RECOVERIES_MAX) this.#hls.swapAudioCodec();
    this.#hls.recoverMediaError();
    return true;
  }
}
