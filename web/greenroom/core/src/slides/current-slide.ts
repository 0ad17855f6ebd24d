import type { MediaUrls } from "./slides-api";
import type { MediaDocument, SlidesUploadState } from "./slides-documents";

/** The slide that a viewer sees: one page of a document. */
export interface CurrentSlide {
  /** The document; `null` if none is shown. */
  readonly media: SlideMedia | null;
  /** Counted from 1. */
  readonly page: number | null;
  /** A signed URL; absent until it is known. */
  readonly imageUrl?: string;
  readonly thumbnailUrl?: string;
  /** The size of the page in pixels, so that the layout does not move when the image is loaded. */
  readonly width?: number;
  readonly height?: number;
  /** The revision of the session's slides; 0 before anything was shown. */
  readonly revision: number;
  /** Whether the document, or this page of it, was deleted since, and cannot be shown any more. */
  readonly isGap: boolean;
  /** The pages to preload: those that may come next. */
  readonly nextImageUrls: readonly string[];
}

/** The document that a slide belongs to. */
export interface SlideMedia {
  readonly id: string;
  readonly title: string | null;
  readonly pageCount: number | null;
  readonly uploadState: SlidesUploadState;
  /** A signed URL of the file, if the viewer may download it. */
  readonly downloadUrl?: string;
}

export const NO_SLIDE: CurrentSlide = { media: null, page: null, revision: 0, isGap: false, nextImageUrls: [] };

/** The parts that a slide is made from. */
export interface SlideParts {
  readonly mediaId: string;
  readonly page: number;
  readonly revision: number;
  /** `null` if it was deleted; `undefined` until it is known. */
  readonly media: Pick<MediaDocument, "title" | "nbPages" | "uploadState" | "deck"> | null | undefined;
  readonly urls: MediaUrls | undefined;
  /** The pages to preload; the neighbours unless set. */
  readonly nextPages?: readonly number[];
}

/** Return a slide as viewers see it. */
export function currentSlideOf({ mediaId, page, revision, media, urls, nextPages }: SlideParts): CurrentSlide {
  const drawn = media?.deck?.pages[page - 1];
  const imageUrl = urls?.pages[page];
  const thumbnailUrl = urls?.thumbnails?.[page];
  const next = (nextPages ?? [page + 1, page - 1, page + 2]).map((number) => urls?.pages[number]);
  const isGap = media === null || (typeof media?.nbPages === "number" && page > media.nbPages);
  return {
    media: {
      id: mediaId,
      title: media?.title ?? null,
      pageCount: media?.nbPages ?? null,
      uploadState: media?.uploadState ?? "ready",
      ...(urls?.media === undefined ? {} : { downloadUrl: urls.media }),
    },
    page,
    ...(isGap || imageUrl === undefined ? {} : { imageUrl }),
    ...(isGap || thumbnailUrl === undefined ? {} : { thumbnailUrl }),
    ...(drawn === undefined || drawn === null ? {} : { width: drawn.width, height: drawn.height }),
    revision,
    isGap,
    nextImageUrls: next.filter((url) => url !== undefined && url !== imageUrl) as string[],
  };
}

/** Return whether two slides look the same. */
export function isSameSlide(one: CurrentSlide, other: CurrentSlide): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
