import { type Clock, systemClock } from "../clock";
import type { GreenroomError } from "../errors";
import type { Greenroom } from "../greenroom";
import { listedBackoffMs } from "../backoff";
import type { PlayedSlides } from "../schema/types";
import { type Readable, Store } from "../store";
import { toGreenroomError } from "../to-greenroom-error";
import { SignedUrls } from "./signed-urls";
import { PictureTime, TICK_MS } from "./picture-time";
import { isSameSlide, NO_SLIDE, type CurrentSlide, currentSlideOf } from "./current-slide";
import { SlidesApi, type TimelineAnswer } from "./slides-api";
import { changesAround, compareEntries, type TimelineEntry } from "./timeline";

/** The members of `Playback` that `RecordedSlides` uses. */
export interface RecordedPlayback {
  readonly slides: Readable<PlayedSlides | undefined>;
  pictureAt(): Date | undefined;
}

/** The delays before the timeline is requested again. The last one is repeated. */
const PAUSES_MS = [1_000, 5_000, 15_000, 60_000] as const;

type RecordedMedia = TimelineAnswer["shared_live_medias"][number];

/** Shows the slides of a recorded session in time with the recording. */
export class RecordedSlides {
  readonly #slide = new Store<CurrentSlide>(NO_SLIDE);
  readonly #error = new Store<GreenroomError | undefined>(undefined);
  readonly #picture = new PictureTime(this.#error);
  readonly #medias = new Map<string, RecordedMedia>();
  readonly #stopListening: () => void;
  #timeline: readonly TimelineEntry[] = [];
  #urls: SignedUrls | undefined;
  #cancel = () => {};
  #isClosed = false;

  constructor(
    private readonly greenroom: Greenroom,
    private readonly playback: RecordedPlayback,
    private readonly clock: Clock = systemClock,
  ) {
    this.#stopListening = playback.slides.subscribe((slides) => {
      if (slides !== undefined && this.#urls === undefined) this.#begin(slides);
    });
  }

  /** The slide to show now. */
  get slide(): Readable<CurrentSlide> {
    return this.#slide;
  }

  /** Why something cannot be shown at the moment, if so. */
  get error(): Readable<GreenroomError | undefined> {
    return this.#error;
  }

  /** Report that the image of the slide could not be loaded, to get a new URL for it. */
  imageFailed(): void {
    const { media } = this.#slide.value;
    if (media !== null) this.#urls?.refresh(media.id);
  }

  /** Stop, and release all timers. */
  close(): void {
    this.#isClosed = true;
    this.#cancel();
    this.#stopListening();
    this.#urls?.close();
  }

  #begin({ timeline }: PlayedSlides): void {
    const sessionId = timeline.split("/")[1] ?? "";
    const api = new SlidesApi(this.greenroom, sessionId, this.playback.slides);
    this.#urls = new SignedUrls({
      clock: this.clock,
      grant: this.playback.slides,
      read: (mediaId) => api.read(mediaId),
      changed: () => this.#render(),
      failed: (error) => this.#error.set(error),
    });
    void this.#load(api);
  }

  /** Read the whole timeline; retry until that works. */
  async #load(api: SlidesApi, failures = 0): Promise<void> {
    const entries: TimelineEntry[] = [];
    try {
      for (let answer: TimelineAnswer | undefined; answer === undefined || answer.next !== null;) {
        answer = await api.timeline(entries.length);
        if (this.#isClosed) return;
        entries.push(...answer.results.map(entryOf));
        for (const media of answer.shared_live_medias) this.#medias.set(media.id, media);
        if (answer.results.length === 0) break;
      }
    } catch (error) {
      if (this.#isClosed) return;
      this.#error.set(toGreenroomError(error));
      const pauseMs = listedBackoffMs(PAUSES_MS, failures);
      this.#cancel = this.clock.after(pauseMs, () => void this.#load(api, failures + 1));
      return;
    }
    this.#error.set(undefined);
    this.#timeline = entries.sort(compareEntries);
    this.#tick();
  }

  #tick(): void {
    // The next tick is set first, so that an error, for example of an app's listener, does not end the ticking.
    this.#cancel = this.clock.after(TICK_MS, () => this.#tick());
    this.#render();
  }

  #render(): void {
    const picture = this.#picture.read(() => this.playback.pictureAt());
    if (picture?.at === undefined || this.#urls === undefined) return;
    const { last, next } = changesAround(this.#timeline, picture.at);
    this.#need(last === undefined ? next : [last, ...next]);
    const slide = this.#slideOf(last, next);
    if (!isSameSlide(slide, this.#slide.value)) this.#slide.set(slide);
  }

  /** Keep the URLs of these media. Those in the timeline's answer expire during a long recording. */
  #need(entries: readonly TimelineEntry[]): void {
    const needed = new Map<string, object>();
    for (const { mediaId } of entries) {
      const media = mediaId === null ? undefined : this.#medias.get(mediaId);
      if (media === undefined || media.is_deleted) continue;
      needed.set(media.id, {});
    }
    this.#urls?.need(needed);
  }

  #slideOf(last: TimelineEntry | undefined, next: readonly TimelineEntry[]): CurrentSlide {
    const nextImageUrls = next.flatMap(({ mediaId, page }) => this.#urlOf(mediaId, page) ?? []);
    if (last === undefined || last.mediaId === null)
      return { ...NO_SLIDE, revision: last?.revision ?? 0, nextImageUrls };
    const { mediaId, revision } = last;
    const known = this.#medias.get(mediaId);
    const media =
      known === undefined || known.is_deleted
        ? null
        : { title: known.title, nbPages: known.nb_pages, uploadState: "ready" as const, deck: null };
    const urls = this.#urls?.of(mediaId);
    return { ...currentSlideOf({ mediaId, page: last.page ?? 1, revision, media, urls }), nextImageUrls };
  }

  #urlOf(mediaId: string | null, page: number | null): string | undefined {
    return mediaId === null ? undefined : this.#urls?.of(mediaId)?.pages[page ?? 1];
  }
}

function entryOf({ revision, at, shared_live_media: mediaId, page }: TimelineAnswer["results"][number]): TimelineEntry {
  return { revision, at: new Date(at), mediaId, page };
}
