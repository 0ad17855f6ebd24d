import type { SharingMessage } from "./sharing-message";

/** What a session shows, from one of the two sources. */
export interface Sharing {
  readonly mediaId: string | null;
  readonly page: number | null;
  /** Grows with each change. */
  readonly revision: number;
}

export const NOTHING_SHARED: Sharing = { mediaId: null, page: null, revision: 0 };

/**
 * Merges what Firestore and the chat room tell of a session. Firestore is the truth, and its latest word counts. A
 * message of the room is faster, and counts until Firestore has caught up; one that is late or comes twice does not.
 */
export class SharingState {
  #truth: Sharing = NOTHING_SHARED;
  #ahead: Sharing | undefined;

  get value(): Sharing {
    return this.#ahead ?? this.#truth;
  }

  /** Take what the session's document says. */
  confirm(truth: Sharing): void {
    this.#truth = truth;
    if (this.#ahead !== undefined && this.#ahead.revision <= truth.revision) this.#ahead = undefined;
  }

  /** Take a message of the chat room. */
  receive({ media, page, revision }: SharingMessage): void {
    if (revision > this.value.revision) this.#ahead = { mediaId: media?.id ?? null, page, revision };
  }

  /** Forget everything: another session has the id now. */
  reset(): void {
    this.#truth = NOTHING_SHARED;
    this.#ahead = undefined;
  }
}
