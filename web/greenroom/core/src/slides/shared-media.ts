import type { SlidesProblem, SlidesUploadState } from "./slides-documents";

/** One page of a document. */
export interface SlidesPage {
  /** Counted from 1. */
  readonly number: number;
  /** Whether it is rendered. */
  readonly isReady: boolean;
  /** The size in pixels; 0 before the page is rendered. */
  readonly width: number;
  readonly height: number;
  /** Whether the page could not be rendered, and is an empty page with a mark. */
  readonly isBlank: boolean;
  readonly imageUrl?: string;
  readonly thumbnailUrl?: string;
}

/** A document that can be shown page by page. */
export interface SharedMedia {
  readonly id: string;
  readonly title: string | null;
  readonly fileName: string | null;
  /** The state of the last upload. An earlier file is shown until the new one is ready. */
  readonly uploadState: SlidesUploadState;
  /** Whether `start` can show it. */
  readonly isReadyToShow: boolean;
  /** `null` until it is known. */
  readonly pageCount: number | null;
  /** All pages, including those that are not rendered yet. */
  readonly pages: readonly SlidesPage[];
  /** Whether viewers may download the file. */
  readonly showDownload: boolean;
  /** A signed URL of the file; absent until it is known. */
  readonly downloadUrl?: string;
  /** Why the last uploaded file cannot be shown. `message` is a sentence in English. */
  readonly error?: { readonly reason: SlidesProblem | (string & {}); readonly message: string };
  /** Warnings of the conversion, in English. `Texts.slides.warning` translates them. */
  readonly warnings: readonly string[];
}
