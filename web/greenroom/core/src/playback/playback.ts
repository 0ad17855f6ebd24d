import { type Clock, systemClock } from "../clock";
import { watchSession, type Observer, type WithId } from "../documents";
import { GreenroomError } from "../errors";
import type { Greenroom } from "../greenroom";
import { listedBackoffMs } from "../backoff";
import { Renewal } from "../renewal";
import type { BroadcastState, IssuePlayback, PlaybackAnswer, PlayedSlides, Session } from "../schema/types";
import { type Readable, Store } from "../store";
import { toGreenroomError } from "../to-greenroom-error";
import { ElementSource } from "./element-source";
import { type FreshUrls, HlsSource } from "./hls-source";
import { phaseAfter, type PlaybackPhase } from "./phases";
import { preconnect } from "./preload";
import { RenewedUrls } from "./renewed-urls";
import { isMoved, sessionFacts, type SessionFacts } from "./session-facts";
import type { Source, SourceEvents, SourceFailure } from "./source";

/** A quality level that a viewer can choose. */
export interface Quality {
  /** The argument of `setQuality`. */
  readonly index: number;
  /** The height in pixels; 0 if unknown. */
  readonly height: number;
  readonly bitsPerSecond: number;
}

/** The state of a player. */
export interface PlaybackState {
  readonly phase: PlaybackPhase;
  readonly isLive: boolean;
  /** Why nothing plays, or why the last renewal of the grant failed. */
  readonly error?: GreenroomError;
  /** The planned start of the event. It opens some minutes earlier. */
  readonly opensAt?: Date;
  /** When the video is expected back from the archive, if that is known. */
  readonly availableAt?: Date;
  /** The host that delivers the video. */
  readonly host?: string;
  readonly thumbnailUrl?: string;
  /** Whether the event is being broadcast; only for a live event. */
  readonly broadcast?: BroadcastState;
  /** The quality levels to choose from; empty if the browser alone chooses. */
  readonly qualities: readonly Quality[];
  /** The index of the chosen level. Without it, the player adapts to the bandwidth. */
  readonly quality?: number;
}

/** A video, or the live event of a session. */
export type PlaybackTarget =
  | {
      readonly videoId: string;
      /** The session of the video. Its document says at once when the video is ready or restored. */
      readonly sessionId?: string;
    }
  | { readonly sessionId: string };

/** Options of `Playback`. */
export interface PlaybackOptions {
  /** Loads hls.js. `() => import("hls.js")` unless set. */
  readonly loadHls?: () => Promise<{ readonly default: typeof import("hls.js").default }>;
  /** Listens to the session, for example with a listener that the page has already. `watchSession` unless set. */
  readonly watchSession?: (sessionId: string, observer: Observer<WithId<Session> | null>) => () => void;
  /** The clock of pauses and renewals. The device's own unless set. */
  readonly clock?: Clock;
}

const HLS_TYPE = "application/vnd.apple.mpegurl";

/** Seconds that have to play before the counters of failures are reset. */
const SETTLED_S = 20;

/** The delays between retries after a failure. The last one is repeated. */
const RETRIES_MS = [1_000, 2_000, 5_000, 10_000] as const;

/** Retries after which a live stream that cannot be decoded fails. */
const BROKEN_MAX = 3;

type Patch = { [Name in keyof PlaybackState]?: PlaybackState[Name] | undefined };

/** Plays a video or a live event in a `<video>` element, for as long as its viewer may watch. */
export class Playback {
  readonly #state: Store<PlaybackState>;
  readonly #slides = new Store<PlayedSlides | undefined>(undefined);
  readonly #clock: Clock;
  readonly #videoId: string | undefined;
  readonly #request: IssuePlayback;
  readonly #renewal: Renewal<PlaybackAnswer>;
  #urls = new RenewedUrls();
  readonly #failedHosts = new Set<string>();
  /** The import of hls.js, once it was begun. */
  #hls: Promise<{ readonly default: typeof import("hls.js").default }> | undefined;
  readonly #listening = new AbortController();
  #stopWatching = () => {};
  #facts: SessionFacts | undefined;
  #isSessionHidden = false;
  #answer: PlaybackAnswer | undefined;
  #source: Source | undefined;
  /** The URL that the source has loaded. */
  #loadedUrl: string | undefined;
  /** Counts sources, so that late events of an earlier one are ignored. */
  #attachments = 0;
  /** The position at which the next source begins, in seconds. */
  #resumeAt: number | undefined;
  #isPlayWanted = false;
  #settlesAt = SETTLED_S;
  #cancelRetry: (() => void) | undefined;
  #retries = 0;
  #wasRefused = false;
  #hasBeenLive = false;
  #isClosed = false;

  constructor(
    private readonly greenroom: Greenroom,
    readonly element: HTMLVideoElement,
    readonly target: PlaybackTarget,
    private readonly options: PlaybackOptions = {},
  ) {
    this.#clock = options.clock ?? systemClock;
    this.#videoId = "videoId" in target ? target.videoId : undefined;
    this.#request = "videoId" in target ? { videoId: target.videoId } : { sessionId: target.sessionId };
    this.#state = new Store<PlaybackState>({ phase: "loading", isLive: this.#isLive, qualities: [] });
    this.#renewal = new Renewal({
      clock: this.#clock,
      ask: () => greenroom.call("issuePlayback", this.#request),
      grantsOf: (answer) => (answer.slides === undefined ? [answer] : [answer, answer.slides]),
      accept: (answer) => this.#accept(answer),
      failed: (error, isRetried) => this.#notGranted(error, isRetried),
      isNeeded: () => this.#source === undefined || !element.paused,
    });
    this.#listen();
  }

  /** The phase, and what belongs to it. */
  get state(): Readable<PlaybackState> {
    return this.#state;
  }

  /** Where the slides of this broadcast are, with a token that is renewed; `undefined` if it has none. */
  get slides(): Readable<PlayedSlides | undefined> {
    return this.#slides;
  }

  /** Ask for the URLs and begin to load. Resolves after the answer, also if it is an error. Call it again to retry. */
  load(): Promise<void> {
    this.#failedHosts.clear();
    this.#wasRefused = false;
    this.#retries = 0;
    this.#detach();
    this.#answer = undefined;
    this.#set({ phase: "loading", error: undefined, thumbnailUrl: undefined });
    this.#watch();
    // Nearly every answer needs hls.js and a connection, so both are loaded while the call is under way.
    void this.#loadHls();
    preconnect(this.greenroom.options.deliveryOrigins ?? []);
    return this.#renewal.renewNow();
  }

  /**
   * Return when the displayed frame was recorded, to show slides in time with it; `undefined` if that is not known.
   *
   * For a recording this is its start plus the position; for a live event, the date in the manifest.
   */
  pictureAt(): Date | undefined {
    const slides = this.#slides.value;
    if (slides === undefined || this.#source === undefined) return undefined;
    if (slides.startedAt !== null) return new Date(Date.parse(slides.startedAt) + this.element.currentTime * 1000);
    const latencyS = this.#source.latencyS();
    // Without dates in the manifest, only the present time minus the latency is known.
    const estimated = latencyS === undefined ? undefined : new Date(Date.now() - latencyS * 1000);
    return this.#source.playingDate() ?? estimated;
  }

  /** Choose a quality level by its index; `undefined` adapts to the bandwidth. */
  setQuality(index: number | undefined): void {
    this.#source?.setQuality(index);
    this.#set({ quality: index });
  }

  /** Seek to the live edge. */
  goLive(): void {
    this.#source?.goLive();
  }

  /** Stop, and release the element. */
  close(): void {
    this.#isClosed = true;
    this.#stopWatching();
    this.#listening.abort();
    this.#renewal.close();
    this.#detach();
  }

  get #isLive(): boolean {
    return this.#videoId === undefined;
  }

  #listen(): void {
    const { element } = this;
    const { signal } = this.#listening;
    const on = (name: string, act: () => void) => element.addEventListener(name, act, { signal });
    on("play", () => this.#renewal.wake());
    on("playing", () => this.#showPicture());
    on("pause", () => {
      if (this.#state.value.phase === "playing" && !element.ended) this.#showPicture();
    });
    on("timeupdate", () => this.#settle());
    on("ended", () => this.#set({ phase: this.#isLive ? "over" : "ended" }));
    on("waiting", () => {
      if (this.#cancelRetry !== undefined || !navigator.onLine) this.#set({ phase: "reconnecting" });
    });
    globalThis.addEventListener("online", () => this.#cameOnline(), { signal });
  }

  #cameOnline(): void {
    if (this.#cancelRetry !== undefined) this.#retryNow();
    // The source may be waiting for its own next retry.
    else if (this.#state.value.phase === "reconnecting") this.#source?.restart();
  }

  // The session's document.

  #watch(): void {
    const { sessionId } = this.target;
    this.#stopWatching();
    this.#isSessionHidden = false;
    if (sessionId === undefined) return;
    const watch = this.options.watchSession ?? ((id, observer) => watchSession(this.greenroom, id, observer));
    this.#stopWatching = watch(sessionId, {
      next: (session) => {
        if (session !== null && !this.#isClosed) this.#sessionChanged(sessionFacts(session, this.#videoId));
      },
      error: () => this.#sessionHidden(),
    });
  }

  /** The session was deleted or hidden, or the viewer was removed. The server knows whether they may still watch. */
  #sessionHidden(): void {
    this.#isSessionHidden = true;
    if (this.#answer !== undefined) void this.#renewal.renewNow();
  }

  #sessionChanged(now: SessionFacts): void {
    const before = this.#facts;
    this.#facts = now;
    this.#set({ opensAt: now.opensAt, availableAt: now.availableAt });
    if (this.#isLive) this.#eventChanged(before, now);
    else this.#videoChanged(before, now);
  }

  #eventChanged(before: SessionFacts | undefined, now: SessionFacts): void {
    const { phase } = this.#state.value;
    this.#set({ broadcast: now.broadcast });
    this.#hasBeenLive ||= now.broadcast === "live";
    const hasBegun = before !== undefined && before.broadcast !== "live" && now.broadcast === "live";
    if (now.broadcast === "ended") {
      this.#detach();
      this.#set({ phase: "over", error: undefined });
    } else if (phase === "over" || this.#answer === undefined) {
      if (hasBegun || (before !== undefined && isMoved(before, now))) void this.#renewal.renewNow();
    } else if (this.#source === undefined || (hasBegun && phase === "reconnecting")) {
      this.#attachLatest();
    }
  }

  #videoChanged(before: SessionFacts | undefined, now: SessionFacts): void {
    const { phase } = this.#state.value;
    if (before?.isPlaceholder === true && !now.isPlaceholder) {
      this.#detach();
      this.#resumeAt = undefined;
      void this.load();
    } else if (phase === "processing" && now.isReady && before?.isReady === false) void this.#renewal.renewNow();
    else if ((phase === "playing" || phase === "ready") && now.isPlaceholder) this.#set({ phase: "restoring" });
  }

  // Grants.

  /** Use a new grant: pass its token to the source without a stall, or load it if there is no source. */
  #accept(answer: PlaybackAnswer): void {
    this.#answer = answer;
    this.#slides.set(answer.slides);
    // Keep the thumbnail that is shown: a new URL would only load it again.
    this.#set({ error: undefined, thumbnailUrl: this.#state.value.thumbnailUrl ?? answer.thumbnailUrl });
    const url = urlOf(answer);
    if (this.#source === undefined) this.#attachLatest();
    // If the new URLs are of another host, the source keeps the old ones for as long as they work: changing the host
    // now would cause a stall.
    else if (this.#loadedUrl !== undefined && url !== undefined) this.#urls.renew(this.#loadedUrl, url);
  }

  #notGranted(error: GreenroomError, isRetried: boolean): void {
    // Keep playing while the server cannot be reached. Stop if the viewer may not watch any more.
    if (isRetried && this.#source !== undefined) return this.#set({ error });
    this.#detach();
    this.#set({ phase: phaseAfter(error), error });
  }

  // Sources.

  /** Load the latest grant, if there is something to load. */
  #attachLatest(): void {
    if (this.#isClosed || this.#answer === undefined) return;
    if (this.#isLive && !this.#isSessionHidden) {
      const broadcast = this.#facts?.broadcast;
      if (broadcast === undefined) return; // The session's document has not arrived yet.
      if (broadcast === "offline") {
        this.#detach();
        return this.#set({ phase: this.#hasBeenLive ? "reconnecting" : "notYet" });
      }
      if (broadcast === "ended") return this.#set({ phase: "over" });
    }
    void this.#attach(this.#answer);
  }

  async #attach(answer: PlaybackAnswer): Promise<void> {
    this.#detach();
    const attachment = this.#attachments;
    const found = await this.#sourceFor(answer, this.#events(attachment));
    if (attachment !== this.#attachments) return found?.source.close();
    if (found === undefined) return;
    this.#source = found.source;
    this.#loadedUrl = found.url;
    this.#urls = new RenewedUrls();
    this.#settlesAt = (this.#resumeAt ?? 0) + SETTLED_S;
    this.#set({ host: answer.host, quality: undefined, qualities: [] });
    found.source.load(found.url, this.#resumeAt);
    // The browser's autoplay policy may need a click first; then the element stays paused.
    if (this.#isPlayWanted) this.element.play().catch(() => {});
    this.#isPlayWanted = false;
  }

  /** Close the source, and remember its position. */
  #detach(): void {
    this.#attachments += 1;
    this.#cancelRetry?.();
    this.#cancelRetry = undefined;
    if (this.#source === undefined) return;
    // For a live event a new source begins at the edge.
    this.#resumeAt = this.#isLive || this.element.ended ? undefined : this.element.currentTime || this.#resumeAt;
    this.#isPlayWanted = !this.element.paused;
    this.#source.close();
    this.#source = undefined;
    this.#loadedUrl = undefined;
  }

  /** Return a source that can play this answer in this browser, and the URL to load. */
  async #sourceFor(answer: PlaybackAnswer, events: SourceEvents): Promise<{ source: Source; url: string } | undefined> {
    const { manifestUrl, progressiveUrl } = answer;
    const url = urlOf(answer);
    const plain = (address: string) => ({ source: new ElementSource(this.element, events), url: address });
    if (url !== undefined && url !== manifestUrl) return plain(url);
    if (manifestUrl !== undefined) {
      const Hls = await this.#loadHls();
      if (Hls?.isSupported() === true) {
        return {
          source: new HlsSource(Hls, this.element, this.#freshUrls(), events, this.#clock),
          url: manifestUrl,
        };
      }
      if (this.element.canPlayType(HLS_TYPE) !== "") return plain(manifestUrl);
      if (progressiveUrl === undefined && Hls === undefined) {
        this.#retryLater();
        return undefined;
      }
    }
    if (progressiveUrl !== undefined) return plain(progressiveUrl);
    this.#fail("FORMAT_NOT_SUPPORTED", "This browser plays none of the formats of this video.");
    return undefined;
  }

  /** Load hls.js once; `undefined` if that fails, and then the next call tries again. */
  async #loadHls(): Promise<typeof import("hls.js").default | undefined> {
    try {
      this.#hls ??= this.options.loadHls?.() ?? import("hls.js");
      return (await this.#hls).default;
    } catch {
      this.#hls = undefined;
      return undefined;
    }
  }

  #freshUrls(): FreshUrls {
    const renewal = this.#renewal;
    return {
      get isStale() {
        return renewal.isStale;
      },
      renewNow: () => renewal.renewNow(),
      apply: (url) => this.#urls.apply(url),
    };
  }

  #events(attachment: number): SourceEvents {
    const isCurrent = () => attachment === this.#attachments;
    return {
      ready: () => {
        const { phase } = this.#state.value;
        if (isCurrent() && phase !== "ended" && phase !== "playing" && phase !== "restoring") this.#showPicture();
      },
      qualities: (qualities) => {
        if (isCurrent()) this.#set({ qualities });
      },
      failed: (failure) => {
        if (isCurrent()) void this.#sourceFailed(failure);
      },
    };
  }

  #showPicture(): void {
    if (this.#source === undefined) return;
    const phase = this.element.paused ? "ready" : "playing";
    this.#set({ phase: this.#facts?.isPlaceholder === true ? "restoring" : phase, error: undefined });
  }

  /** Reset the counters of failures once the video has played for a while. */
  #settle(): void {
    if (this.element.currentTime < this.#settlesAt) return;
    this.#settlesAt = Infinity;
    this.#failedHosts.clear();
    this.#wasRefused = false;
    this.#retries = 0;
  }

  // Failures.

  async #sourceFailed(failure: SourceFailure): Promise<void> {
    this.#settlesAt = this.element.currentTime + SETTLED_S;
    if (!navigator.onLine) return this.#retryLater();
    if (failure === "refused" && !this.#wasRefused) {
      this.#wasRefused = true;
      return this.#goOnWithNewGrant();
    }
    if (!this.#isLive) return this.#changeHost(failure);
    if (failure === "broken" && this.#retries >= BROKEN_MAX) return this.#notDelivered(failure);
    this.#retryLater();
  }

  /** The grant may have expired, or the video was replaced: get new URLs, and use them. */
  async #goOnWithNewGrant(): Promise<void> {
    const attachment = this.#attachments;
    await this.#renewal.renewNow();
    if (attachment !== this.#attachments || this.#answer === undefined) return;
    const url = urlOf(this.#answer);
    const isAlike = this.#loadedUrl !== undefined && url !== undefined && this.#urls.renew(this.#loadedUrl, url);
    // The buffer is kept if the source itself can go on.
    if (isAlike && this.#source instanceof HlsSource) this.#source.restart();
    else this.#attachLatest();
  }

  /** Report to the server that the host does not play, and continue with the next one. */
  async #changeHost(failure: SourceFailure): Promise<void> {
    const host = this.#answer?.host;
    if (host === undefined) return this.#notDelivered(failure);
    const attachment = this.#attachments;
    let answer: PlaybackAnswer;
    try {
      answer = await this.greenroom.call("issuePlayback", { ...this.#request, failedHost: host });
    } catch (error) {
      if (attachment !== this.#attachments) return;
      const known = toGreenroomError(error);
      // Without an answer, the browser's connection is down, not the host.
      return known.retryable ? this.#retryLater() : this.#notGranted(known, false);
    }
    if (attachment !== this.#attachments) return;
    this.#failedHosts.add(host);
    if (this.#failedHosts.has(answer.host ?? host)) return this.#notDelivered(failure);
    this.#detach();
    this.#set({ phase: "reconnecting" });
    this.#wasRefused = false;
    this.#renewal.adopt(answer);
  }

  #retryLater(): void {
    // The buffer still plays; the event `waiting` says when it is empty.
    if (this.element.readyState < HAVE_FUTURE_DATA) this.#set({ phase: "reconnecting" });
    const pauseMs = listedBackoffMs(RETRIES_MS, this.#retries);
    this.#retries += 1;
    this.#cancelRetry?.();
    this.#cancelRetry = this.#clock.after(pauseMs, () => this.#retryNow());
  }

  /** Retry at once if a retry is scheduled. */
  #retryNow(): void {
    if (this.#cancelRetry === undefined) return;
    this.#cancelRetry();
    this.#cancelRetry = undefined;
    if (this.#isLive) {
      this.#detach();
      void this.#renewal.renewNow();
    } else if (this.#source === undefined) this.#attachLatest();
    else this.#source.restart();
  }

  #notDelivered(failure: SourceFailure): void {
    if (failure === "broken") this.#fail("FORMAT_NOT_SUPPORTED", "This browser cannot play the video.");
    else this.#fail("VIDEO_NOT_DELIVERED", "No host delivers the video to this browser.");
  }

  #fail(code: "FORMAT_NOT_SUPPORTED" | "VIDEO_NOT_DELIVERED", message: string): void {
    this.#detach();
    this.#set({ phase: "failed", error: new GreenroomError(code, message, false) });
  }

  #set(patch: Patch): void {
    const { value } = this.#state;
    const names = Object.keys(patch) as (keyof PlaybackState)[];
    if (names.every((name) => Object.is(value[name], patch[name]))) return;
    const known = Object.entries({ ...value, ...patch }).filter(([, field]) => field !== undefined);
    this.#state.set(Object.fromEntries(known) as unknown as PlaybackState);
  }
}

/** `HTMLMediaElement.HAVE_FUTURE_DATA` */
const HAVE_FUTURE_DATA = 3;

/** Return the URL to play: that of the cheapest host, or the manifest of a live event. */
function urlOf({ playUrl, manifestUrl, progressiveUrl }: PlaybackAnswer): string | undefined {
  return playUrl ?? manifestUrl ?? progressiveUrl;
}
