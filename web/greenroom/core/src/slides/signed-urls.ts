import type { Clock } from "../clock";
import type { GreenroomError } from "../errors";
import { exponentialBackoffMs } from "../backoff";
import type { Readable } from "../store";
import { toGreenroomError } from "../to-greenroom-error";
import type { MediaAnswer, MediaUrls, SlidesGrant } from "./slides-api";

/** Signed URLs are valid for one hour at least. */
const RENEWED_MS = 50 * 60_000;

/** The longest delay between two requests for one media that lacks something. */
const PAUSE_MAX_MS = 30_000;

/** The upload and the pages that the URLs of a media have to cover. */
export interface NeededUrls {
  /** The upload that is shown, if that is known. */
  readonly stamp?: string;
  /** The number of rendered pages, if that is known. */
  readonly drawn?: number;
}

interface Known {
  urls: MediaUrls | undefined;
  stamp: string | null | undefined;
  /** When the URLs were received, by the clock. */
  at: number;
  isAsking: boolean;
  failures: number;
  /** Answers in a row without anything new. */
  uselessAnswers: number;
  cancel: () => void;
}

export interface SignedUrlsOptions {
  readonly clock: Clock;
  readonly grant: Readable<SlidesGrant | undefined>;
  /** Ask the server for a media with its URLs. */
  read(mediaId: string): Promise<MediaAnswer>;
  /** Called when some URLs have changed. */
  changed(): void;
  failed(error: GreenroomError): void;
}

/** Keeps the signed URLs of the media that are needed, and asks for new ones before they expire. */
export class SignedUrls {
  readonly #known = new Map<string, Known>();
  #needed: ReadonlyMap<string, NeededUrls> = new Map();
  readonly #stopListening: () => void;

  constructor(private readonly options: SignedUrlsOptions) {
    let token: string | undefined;
    this.#stopListening = options.grant.subscribe((grant) => {
      const isNew = grant !== undefined && grant.token !== token;
      token = grant?.token;
      if (isNew) for (const [id, known] of this.#known) if (known.failures > 0) this.#ask(id, known);
    });
  }

  /** Set which media are needed now. The URLs of all others are forgotten. */
  need(needed: ReadonlyMap<string, NeededUrls>): void {
    const before = this.#needed;
    this.#needed = needed;
    for (const [id, known] of this.#known) if (!needed.has(id)) this.#forget(id, known);
    for (const [id, { stamp, drawn }] of needed) {
      const known = this.#known.get(id);
      const was = before.get(id);
      if (known !== undefined && (was?.stamp !== stamp || was?.drawn !== drawn)) known.uselessAnswers = 0;
      this.#check(id);
    }
  }

  of(mediaId: string): MediaUrls | undefined {
    return this.#known.get(mediaId)?.urls;
  }

  /** Ask again, because an image could not be loaded. */
  refresh(mediaId: string): void {
    const known = this.#known.get(mediaId);
    if (known !== undefined && this.options.clock.now() - known.at >= PAUSE_MAX_MS) this.#ask(mediaId, known);
  }

  close(): void {
    this.#stopListening();
    this.need(new Map());
  }

  #check(id: string): void {
    const known = this.#known.get(id) ?? this.#unknown();
    this.#known.set(id, known);
    const age = this.options.clock.now() - known.at;
    const { stamp, drawn = 0 } = this.#needed.get(id) ?? {};
    const isOther = stamp !== undefined && known.stamp !== undefined && known.stamp !== stamp;
    const lacksPages = drawn > pageCountOf(known.urls);
    if (known.urls === undefined || isOther || lacksPages) {
      // The server may never have what is missing, so each answer without it makes the next delay longer.
      const pauseMs = exponentialBackoffMs(known.uselessAnswers + 1, PAUSE_MAX_MS);
      if (known.failures === 0) this.#askAfter(id, known, Math.max(0, pauseMs - age));
    } else {
      this.#askAfter(id, known, Math.max(0, RENEWED_MS - age));
    }
  }

  #askAfter(id: string, known: Known, ms: number): void {
    known.cancel();
    if (ms <= 0) this.#ask(id, known);
    else known.cancel = this.options.clock.after(ms, () => this.#ask(id, known));
  }

  #ask(id: string, known: Known): void {
    if (known.isAsking || this.#known.get(id) !== known) return;
    known.cancel();
    known.isAsking = true;
    this.options
      .read(id)
      .then(
        (answer) => this.#received(id, known, answer),
        (error: unknown) => this.#failed(id, known, toGreenroomError(error)),
      )
      .catch(() => {});
  }

  #received(id: string, known: Known, answer: MediaAnswer): void {
    known.isAsking = false;
    if (this.#known.get(id) !== known) return;
    known.failures = 0;
    known.at = this.options.clock.now();
    const urls = answer.urls ?? { pages: {} };
    const isNew = known.stamp !== answer.active_stamp || pageCountOf(urls) !== pageCountOf(known.urls);
    known.uselessAnswers = isNew ? 0 : known.uselessAnswers + 1;
    known.urls = urls;
    known.stamp = answer.active_stamp;
    this.#check(id);
    this.options.changed();
  }

  #failed(id: string, known: Known, error: GreenroomError): void {
    known.isAsking = false;
    if (this.#known.get(id) !== known) return;
    known.failures += 1;
    // A new token asks again at once. Any other refusal is final, until something else is needed.
    if (error.retryable) {
      const pauseMs = exponentialBackoffMs(known.failures, PAUSE_MAX_MS);
      this.#askAfter(id, known, Math.max(pauseMs, (error.retryAfterS ?? 0) * 1000));
    }
    this.options.failed(error);
  }

  #forget(id: string, known: Known): void {
    known.cancel();
    this.#known.delete(id);
  }

  #unknown(): Known {
    return {
      urls: undefined,
      stamp: undefined,
      at: -Infinity,
      isAsking: false,
      failures: 0,
      uselessAnswers: 0,
      cancel: () => {},
    };
  }
}

function pageCountOf(urls: MediaUrls | undefined): number {
  return Object.keys(urls?.pages ?? {}).length;
}
