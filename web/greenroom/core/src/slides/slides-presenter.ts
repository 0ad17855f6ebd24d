import type { GreenroomError } from "../errors";
import type { Greenroom } from "../greenroom";
import { type Readable, Store } from "../store";
import type { SharedMedia } from "./shared-media";
import type { SlidesGrant } from "./slides-follower";

/** How far the upload of a document is. */
export interface SlidesProgress {
  readonly sentBytes: number;
  readonly sizeBytes: number;
}

export interface SlidesUploadOptions {
  readonly onProgress?: (progress: SlidesProgress) => void;
  readonly signal?: AbortSignal;
}

/** What is shown now, as the session's document says. */
export interface SharedNow {
  readonly mediaId: string | null;
  readonly page: number | null;
  readonly revision: number;
}

/** Lets an instructor upload documents and show them page by page. Each call is rejected with a `GreenroomError`. */
export class SlidesPresenter {
  readonly #medias = new Store<readonly SharedMedia[]>([]);
  readonly #shown = new Store<SharedNow>({ mediaId: null, page: null, revision: 0 });
  readonly #error = new Store<GreenroomError | undefined>(undefined);

  /** @param grant `LiveAdmission.slides`: the token that is valid now. */
  constructor(
    _greenroom: Greenroom,
    readonly sessionId: string,
    _grant: Readable<SlidesGrant | undefined>,
  ) {}

  /** The session's documents, the oldest first. Their pages appear one by one. */
  get medias(): Readable<readonly SharedMedia[]> {
    return this.#medias;
  }

  get shown(): Readable<SharedNow> {
    return this.#shown;
  }

  get error(): Readable<GreenroomError | undefined> {
    return this.#error;
  }

  /** Create an empty document. @returns its id. */
  create(_fields: { title?: string; showDownload?: boolean } = {}): Promise<string> {
    throw new Error("not written yet");
  }

  /** Upload a document. If it replaces one, that stays until the new one is ready. */
  upload(_mediaId: string, _file: File, _options: SlidesUploadOptions = {}): Promise<void> {
    throw new Error("not written yet");
  }

  change(_mediaId: string, _fields: { title?: string | null; showDownload?: boolean }): Promise<void> {
    throw new Error("not written yet");
  }

  remove(_mediaId: string): Promise<void> {
    throw new Error("not written yet");
  }

  /** Show a document from its first page. */
  start(_mediaId: string): Promise<void> {
    throw new Error("not written yet");
  }

  /** Turn to a page of the document that is shown. */
  navigate(_page: number): Promise<void> {
    throw new Error("not written yet");
  }

  /** Stop showing. */
  end(): Promise<void> {
    throw new Error("not written yet");
  }

  close(): void {}
}
