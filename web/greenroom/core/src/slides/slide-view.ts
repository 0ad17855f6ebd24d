import type { SlidesUploadState } from "../texts/texts";

/** The page that a viewer sees. */
export interface SlideView {
  /** The document; `null` if none is shown. */
  readonly media: {
    readonly id: string;
    readonly title: string | null;
    readonly pageCount: number | null;
    readonly uploadState: SlidesUploadState;
    readonly showDownload: boolean;
    readonly downloadUrl?: string;
  } | null;
  readonly page: number | null;
  /** Absent while its address is being asked for. */
  readonly imageUrl?: string;
  readonly thumbnailUrl?: string;
  /** The shown page's size in pixels, so that nothing moves when it is loaded. */
  readonly width?: number;
  readonly height?: number;
  /** The revision of the session that this is; 0 before anything was shown. */
  readonly revision: number;
  /** Whether the document was deleted since, so that its page cannot be shown any more. */
  readonly isGap: boolean;
  /** The pages to preload: those that may come next. */
  readonly nextImageUrls: readonly string[];
}

export const NO_SLIDE: SlideView = { media: null, page: null, revision: 0, isGap: false, nextImageUrls: [] };
