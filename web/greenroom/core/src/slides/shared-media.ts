import type { SlidesProblem, SlidesUploadState } from "./slides-documents";

/** One page of a document. */
export interface SlidesPage {
  /** Counted from 1. */
  readonly number: number;
  /** Whether it is drawn already. */
  readonly isReady: boolean;
  /** In pixels; 0 before it is drawn. */
  readonly width: number;
  readonly height: number;
  /** Whether the page could not be drawn, and a marked blank stands for it. */
  readonly isBlank: boolean;
  readonly imageUrl?: string;
  readonly thumbnailUrl?: string;
}

/** A document that can be shown page by page. */
export interface SharedMedia {
  readonly id: string;
  readonly title: string | null;
  readonly fileName: string | null;
  /** The state of the last upload. An earlier document stays until the new one is ready. */
  readonly uploadState: SlidesUploadState;
  /** Whether `start` can show it. */
  readonly isReadyToShow: boolean;
  /** `null` before it is known. */
  readonly pageCount: number | null;
  /** All pages, also those that are still to be drawn. */
  readonly pages: readonly SlidesPage[];
  readonly showDownload: boolean;
  /** The document itself, for those who may have it. */
  readonly downloadUrl?: string;
  /** Why the last document cannot be shown. `message` is a sentence in English. */
  readonly error?: { readonly reason: SlidesProblem | (string & {}); readonly message: string };
  /** What the instructor should know about the conversion, in English. */
  readonly warnings: readonly string[];
}
