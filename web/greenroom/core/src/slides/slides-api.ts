import type { Functions } from "firebase/functions";

import { type ErrorCode, GreenroomError } from "../errors";
import type { Greenroom } from "../greenroom";
import type { Readable } from "../store";

/** A bearer token for the REST API of slides, from `joinSession` or `issuePlayback`. */
export interface SlidesGrant {
  readonly token: string;
}

/** The signed URLs of a document's pages, by page number from 1. */
export interface MediaUrls {
  readonly pages: Readonly<Record<string, string>>;
  readonly thumbnails?: Readonly<Record<string, string>>;
  /** The file itself, if the user may download it. */
  readonly media?: string;
}

/** The fields of a media in the API's answers that this client reads. */
export interface MediaAnswer {
  readonly id: string;
  /** The upload that is shown. */
  readonly active_stamp: string | null;
  readonly urls: MediaUrls | null;
}

/** A signed request that begins the upload of a document. */
export interface UploadRequest {
  readonly url: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** One page of the timeline. */
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

/** How often a request without an answer is sent. Those that must not be repeated, such as `create`, are sent once. */
const TRIES_MAX = 3;
const TIMEOUT_MS = 30_000;

/** Calls the REST API of slides with the latest token. Each call rejects with a `GreenroomError`. */
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

  beginUpload(mediaId: string, fields: { filename: string; mimetype: string; size: number }): Promise<UploadRequest> {
    return this.#send("POST", `sharedlivemedias/${mediaId}/initiate-upload/`, fields);
  }

  async start(mediaId: string): Promise<void> {
    await this.#send("POST", `sharedlivemedias/${mediaId}/start/`, {}, 1);
  }

  /** Show a page. @returns the revision of the session's slides that shows it. */
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

  /** Send a request; retry it if there is no answer. */
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
      throw new GreenroomError("NOT_ADMITTED", "Join the session before you use its slides.", false);
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
    const { app, functions } = this.greenroom;
    const { projectId } = app.options;
    // connectFunctionsEmulator notes the address here; the SDK's types do not name the field.
    const { emulatorOrigin = null } = functions as Functions & { readonly emulatorOrigin?: string | null };
    const origin =
      emulatorOrigin === null
        ? `https://${region}-${projectId}.cloudfunctions.net`
        : `${emulatorOrigin}/${projectId}/${region}`;
    return `${origin}/${functionsPrefix}api/api/`;
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/**
 * Return the error in an answer. An answer without a code is not from the API, but for example from a captive portal.
 */
function errorOf(status: number, answer: unknown): GreenroomError {
  if (typeof answer !== "object" || answer === null || typeof (answer as ErrorAnswer).code !== "string") {
    return unreachable(new Error(`The answer has status ${status}, and no code.`));
  }
  const { code, detail, retryable = false, retryAfterS, ...rest } = answer as ErrorAnswer & { code: ErrorCode };
  // For an invalid field, the answer has the field's name with a list of sentences.
  const [ofField] = Object.values(rest).flat();
  const message = detail ?? (typeof ofField === "string" ? ofField : "The request was refused.");
  return new GreenroomError(code, message, retryable, retryAfterS);
}

export function unreachable(cause: unknown): GreenroomError {
  const message = "The server does not answer. Check the connection.";
  return new GreenroomError("UNREACHABLE", message, true, undefined, { cause });
}
