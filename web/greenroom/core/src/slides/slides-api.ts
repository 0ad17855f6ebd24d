import { type ErrorCode, GreenroomError } from "../errors";
import type { Greenroom } from "../greenroom";
import type { Readable } from "../store";

/** The token of the API of slides: `joinSession` and `issuePlayback` give it. */
export interface SlidesGrant {
  readonly token: string;
}

/** The signed addresses of a document's pages, by their numbers. */
export interface MediaUrls {
  readonly pages: Readonly<Record<string, string>>;
  readonly thumbnails?: Readonly<Record<string, string>>;
  /** The document itself, for those who may have it. */
  readonly media?: string;
}

/** A media in answers of the API, as far as this client reads it. */
export interface MediaAnswer {
  readonly id: string;
  /** The upload that is shown. */
  readonly active_stamp: string | null;
  readonly urls: MediaUrls | null;
}

/** How to begin the upload of a document. */
export interface UploadAddress {
  readonly url: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** One page of answers of the timeline. */
export interface TimelineAnswer {
  readonly count: number;
  readonly next: string | null;
  readonly results: readonly {
    readonly revision: number;
    readonly at: string;
    readonly shared_live_media: string | null;
    readonly page: number | null;
  }[];
  readonly shared_live_medias: readonly {
    readonly id: string;
    readonly is_deleted: boolean;
    readonly title: string | null;
    readonly nb_pages: number | null;
    readonly urls: MediaUrls | null;
  }[];
}

interface ErrorAnswer {
  readonly code?: ErrorCode;
  readonly detail?: string;
  readonly retryable?: boolean;
  readonly retryAfterS?: number;
  readonly [field: string]: unknown;
}

/** The tries of a request that nobody answered. A repeated one does no harm, except that `create` may create two. */
const TRIES_MAX = 3;
const TIMEOUT_MS = 30_000;

/** Calls the REST API of slides, with the token that is valid at that moment. */
export class SlidesApi {
  constructor(
    private readonly greenroom: Greenroom,
    private readonly sessionId: string,
    private readonly grant: Readable<SlidesGrant | undefined>,
  ) {}

  create(fields: { title?: string; show_download?: boolean }): Promise<MediaAnswer> {
    return this.#send("POST", "sharedlivemedias/", fields, 1);
  }

  read(mediaId: string): Promise<MediaAnswer> {
    return this.#send("GET", `sharedlivemedias/${mediaId}/`);
  }

  change(mediaId: string, fields: { title?: string | null; show_download?: boolean }): Promise<MediaAnswer> {
    return this.#send("PATCH", `sharedlivemedias/${mediaId}/`, fields);
  }

  async remove(mediaId: string): Promise<void> {
    await this.#send("DELETE", `sharedlivemedias/${mediaId}/`);
  }

  beginUpload(mediaId: string, fields: { filename: string; mimetype: string; size: number }): Promise<UploadAddress> {
    return this.#send("POST", `sharedlivemedias/${mediaId}/initiate-upload/`, fields);
  }

  async start(mediaId: string): Promise<void> {
    await this.#send("POST", `sharedlivemedias/${mediaId}/start/`, {}, 1);
  }

  /** @returns the revision of the session that this made. */
  async navigate(mediaId: string, page: number): Promise<number> {
    const path = `sharedlivemedias/${mediaId}/navigate/`;
    return (await this.#send<{ revision: number }>("POST", path, { target_page: page }, 1)).revision;
  }

  async end(mediaId: string): Promise<void> {
    await this.#send("POST", `sharedlivemedias/${mediaId}/end/`, {}, 1);
  }

  timeline(offset: number): Promise<TimelineAnswer> {
    return this.#send("GET", `videos/${this.sessionId}/timeline/?offset=${offset}`);
  }

  /** Send a request, and again if nobody answers. */
  async #send<T>(method: string, path: string, fields?: object, tries = TRIES_MAX): Promise<T> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#request<T>(method, path, fields);
      } catch (error) {
        if (!(error instanceof GreenroomError) || error.code !== "UNREACHABLE" || attempt >= tries) throw error;
        await new Promise((resolve) => setTimeout(resolve, 500 * attempt));
      }
    }
  }

  async #request<T>(method: string, path: string, fields?: object): Promise<T> {
    const token = this.grant.value?.token;
    if (token === undefined) {
      throw new GreenroomError("SIGN_IN_REQUIRED", "Join the session before you use its slides.", false);
    }
    let response: Response;
    let text: string;
    try {
      response = await fetch(new URL(path, this.#root()), {
        method,
        headers: {
          Authorization: `Bearer ${token}`,
          ...(fields === undefined ? {} : { "Content-Type": "application/json" }),
        },
        ...(fields === undefined ? {} : { body: JSON.stringify(fields) }),
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      text = await response.text();
    } catch (cause) {
      throw unreachable(cause);
    }
    const answer = parsed(text);
    if (response.ok && (answer !== undefined || text === "")) return answer as T;
    throw errorOf(response.status, answer);
  }

  #root(): string {
    const { apiUrl, functionsPrefix = "", region = "us-central1" } = this.greenroom.options;
    if (apiUrl !== undefined) return new URL(apiUrl, document.baseURI).href;
    return `https://${region}-${this.greenroom.app.options.projectId}.cloudfunctions.net/${functionsPrefix}api/api/`;
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** Return the error in an answer. Without one, something else than the API has answered, such as a portal. */
function errorOf(status: number, answer: unknown): GreenroomError {
  if (typeof answer !== "object" || answer === null || typeof (answer as ErrorAnswer).code !== "string") {
    return unreachable(new Error(`The answer has status ${status}, and no code.`));
  }
  const { code, detail, retryable = false, retryAfterS, ...rest } = answer as ErrorAnswer & { code: ErrorCode };
  // An invalid field is answered with its name and sentences.
  const [ofField] = Object.values(rest).flat();
  const message = detail ?? (typeof ofField === "string" ? ofField : "The request was refused.");
  return new GreenroomError(code, message, retryable, retryAfterS);
}

export function unreachable(cause: unknown): GreenroomError {
  const message = "The server does not answer. Check the connection.";
  return new GreenroomError("UNREACHABLE", message, true, undefined, { cause });
}
