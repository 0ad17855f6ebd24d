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
import { type FreshAddresses, HlsSource } from "./hls-source";
import { phaseAfter, type PlaybackPhase } from "./phases";
import { preconnect } from "./preload";
import { RenewedAddresses } from "./renewed-addresses";
import { isMoved, sessionFacts, type SessionFacts } from "./session-facts";
import type { Source, SourceEvents, SourceFailure } from "./source";

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
  /** When the event begins, if that is planned. It opens some minutes earlier. */
  readonly opensAt?: Date;
  /** When to expect the video back from the archive, if that is known. */
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
  /** Load hls.js in another way. `() => import("hls.js")` unless set. */
  readonly loadHls?: () => Promise<{ readonly default: typeof import("hls.js").default }>;
  /** Listen to the session in another way, for example by a listener that the page has already. */
  readonly watchSession?: (sessionId: string, observer: Observer<WithId<Session> | null>) => () => void;
  readonly clock?: Clock;
}

const HLS_TYPE = "application/vnd.apple.mpegurl";

/** Seconds that have to play before earlier failures are forgotten. */
const SETTLED_S = 20;

/** The pauses between tries to get a picture back. The last one is repeated. */
const RETRIES_MS = [1_000, 2_000, 5_000, 10_000] as const;

/** Tries after which a live picture that cannot be decoded is given up. */
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
  #addresses = new RenewedAddresses();
  readonly #failedHosts = new Set<string>();
  /** hls.js, as far as it is loaded. */
  #hls: Promise<{ readonly default: typeof import("hls.js").default }> | undefined;
  readonly #listening = new AbortController();
  #stopWatching = () => {};
  #facts: SessionFacts | undefined;
  #isSessionHidden = false;
  #answer: PlaybackAnswer | undefined;
  #source: Source | undefined;
  /** The address that the source has loaded. */
  #loadedUrl: string | undefined;
  /** Counts sources, so that what an earlier one still says is dropped. */
  #attachments = 0;
  /** Where the next source begins, in seconds. */
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

  get state(): Readable<PlaybackState> {
    return this.#state;
  }

  /** Where the slides of this broadcast are, with a token that is renewed. */
  get slides(): Readable<PlayedSlides | undefined> {
    return this.#slides;
  }

  /** Ask for the addresses and begin. Call it again to try again after a failure. */
  load(): Promise<void> {
    this.#failedHosts.clear();
    this.#wasRefused = false;
    this.#retries = 0;
    this.#detach();
    this.#answer = undefined;
    this.#set({ phase: "loading", error: undefined, thumbnailUrl: undefined });
    this.#watch();
    // Nearly every answer needs hls.js and a connection, so both come beside the call and not after it.
    void this.#loadHls();
    preconnect(this.greenroom.options.deliveryOrigins ?? []);
    return this.#renewal.renewNow();
  }

  /** The instant of the picture: of a recording its beginning plus the position, of a live event the picture's date. */
  pictureAt(): Date | undefined {
    const slides = this.#slides.value;
    if (slides === undefined || this.#source === undefined) return undefined;
    if (slides.startedAt !== null) return new Date(Date.parse(slides.startedAt) + this.element.currentTime * 1000);
    const latencyS = this.#source.latencyS();
    // A manifest without dates leaves only the present time, less the delay.
    const estimated = latencyS === undefined ? undefined : new Date(Date.now() - latencyS * 1000);
    return this.#source.playingDate() ?? estimated;
  }

  /** Choose a quality by its index; `undefined` adapts to the line. */
  setQuality(index: number | undefined): void {
    this.#source?.setQuality(index);
    this.#set({ quality: index });
  }

  /** Go to the newest picture of a live event. */
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
    on("playing", () => this.#plays());
    on("timeupdate", () => this.#settle());
    on("ended", () => this.#set({ phase: this.#isLive ? "over" : "ended" }));
    on("waiting", () => {
      if (this.#cancelRetry !== undefined || !navigator.onLine) this.#set({ phase: "reconnecting" });
    });
    globalThis.addEventListener("online", () => this.#cameOnline(), { signal });
  }

  #cameOnline(): void {
    if (this.#cancelRetry !== undefined) this.#retryNow();
    // The source may be in one of its own pauses.
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

  /** The session was deleted or hidden, or this viewer was removed: the server says whether they may still watch. */
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
    else if (phase === "playing" && now.isPlaceholder) this.#set({ phase: "restoring" });
  }

  // Grants.

  /** Take a new grant: let the source go on with it without a stall, or load it if there is no source. */
  #accept(answer: PlaybackAnswer): void {
    this.#answer = answer;
    this.#slides.set(answer.slides);
    // A thumbnail that is shown already stays: a new address would only load it again.
    this.#set({ error: undefined, thumbnailUrl: this.#state.value.thumbnailUrl ?? answer.thumbnailUrl });
    const url = urlOf(answer);
    if (this.#source === undefined) this.#attachLatest();
    // If the new addresses are of another host, the source goes on with the old ones for as long as they work: to
    // change the host now would be a stall.
    else if (this.#loadedUrl !== undefined && url !== undefined) this.#addresses.renew(this.#loadedUrl, url);
  }

  #notGranted(error: GreenroomError, isRetried: boolean): void {
    // What plays goes on while the server cannot be reached. It stops if the viewer may not watch any more.
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
      if (broadcast === undefined) return; // The session's document is on its way.
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
    this.#addresses = new RenewedAddresses();
    this.#settlesAt = (this.#resumeAt ?? 0) + SETTLED_S;
    this.#set({ host: answer.host, quality: undefined, qualities: [] });
    found.source.load(found.url, this.#resumeAt);
    // A browser may want a click first; then the element stays paused.
    if (this.#isPlayWanted) this.element.play().catch(() => {});
    this.#isPlayWanted = false;
  }

  /** Drop the source, and note where it was. */
  #detach(): void {
    this.#attachments += 1;
    this.#cancelRetry?.();
    this.#cancelRetry = undefined;
    if (this.#source === undefined) return;
    // At the edge of a live event a new source begins there by itself.
    this.#resumeAt = this.#isLive || this.element.ended ? undefined : this.element.currentTime || this.#resumeAt;
    this.#isPlayWanted = !this.element.paused;
    this.#source.close();
    this.#source = undefined;
    this.#loadedUrl = undefined;
  }

  /** Return what can play this answer in this browser, and the address. */
  async #sourceFor(answer: PlaybackAnswer, events: SourceEvents): Promise<{ source: Source; url: string } | undefined> {
    const { manifestUrl, progressiveUrl } = answer;
    const url = urlOf(answer);
    const plain = (address: string) => ({ source: new ElementSource(this.element, events), url: address });
    if (url !== undefined && url !== manifestUrl) return plain(url);
    if (manifestUrl !== undefined) {
      const Hls = await this.#loadHls();
      if (Hls?.isSupported() === true) {
        return {
          source: new HlsSource(Hls, this.element, this.#freshAddresses(), events, this.#clock),
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

  /** Load hls.js once; `undefined` if it cannot be loaded now, and then the next call tries again. */
  async #loadHls(): Promise<typeof import("hls.js").default | undefined> {
    try {
      this.#hls ??= this.options.loadHls?.() ?? import("hls.js");
      return (await this.#hls).default;
    } catch {
      this.#hls = undefined;
      return undefined;
    }
  }

  #freshAddresses(): FreshAddresses {
    const renewal = this.#renewal;
    return {
      get isStale() {
        return renewal.isStale;
      },
      renewNow: () => renewal.renewNow(),
      apply: (url) => this.#addresses.apply(url),
    };
  }

  #events(attachment: number): SourceEvents {
    const isCurrent = () => attachment === this.#attachments;
    return {
      ready: () => {
        const { phase } = this.#state.value;
        if (isCurrent() && phase !== "ended" && phase !== "playing" && phase !== "restoring") this.#plays();
      },
      qualities: (qualities) => {
        if (isCurrent()) this.#set({ qualities });
      },
      failed: (failure) => {
        if (isCurrent()) void this.#sourceFailed(failure);
      },
    };
  }

  #plays(): void {
    if (this.#source === undefined) return;
    this.#set({ phase: this.#facts?.isPlaceholder === true ? "restoring" : "playing", error: undefined });
  }

  /** Forget earlier failures once it has played for a while. */
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

  /** The grant may have ended, or the video was replaced: get new addresses, and use them. */
  async #goOnWithNewGrant(): Promise<void> {
    const attachment = this.#attachments;
    await this.#renewal.renewNow();
    if (attachment !== this.#attachments || this.#answer === undefined) return;
    const url = urlOf(this.#answer);
    const isAlike = this.#loadedUrl !== undefined && url !== undefined && this.#addresses.renew(this.#loadedUrl, url);
    // The buffer is kept if the source itself can go on.
    if (isAlike && this.#source instanceof HlsSource) this.#source.restart();
    else this.#attachLatest();
  }

  /** Tell the server that the host does not play, and go on at the next one. */
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
      // If nobody answers, it is this browser's line that is down, not the host.
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
    // What is in the buffer still plays; `waiting` says when it is used up.
    if (this.element.readyState < HAVE_FUTURE_DATA) this.#set({ phase: "reconnecting" });
    const pauseMs = listedBackoffMs(RETRIES_MS, this.#retries);
    this.#retries += 1;
    this.#cancelRetry?.();
    this.#cancelRetry = this.#clock.after(pauseMs, () => this.#retryNow());
  }

  /** Try again, if that is waited for. */
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

/** Return the address to play: that of the cheapest host, or of a live event its manifest. */
function urlOf({ playUrl, manifestUrl, progressiveUrl }: PlaybackAnswer): string | undefined {
  return playUrl ?? manifestUrl ?? progressiveUrl;
}
