import type { SharingMessage } from "./sharing-message";

/** The document and the page that a session shows. */
export interface Sharing {
  readonly mediaId: string | null;
  readonly page: number | null;
  /** Increases with each change. */
  readonly revision: number;
}

export const NOTHING_SHARED: Sharing = { mediaId: null, page: null, revision: 0 };

/**
 * Merges the session's document in Firestore, which is authoritative, with messages of the chat room, which are faster.
 * A message counts until Firestore has caught up; late and repeated messages do not count.
 */
export class SharingState {
  #truth: Sharing = NOTHING_SHARED;
  #ahead: Sharing | undefined;

  get value(): Sharing {
    return this.#ahead ?? this.#truth;
  }

  /** Set what the session's document says. */
  confirm(truth: Sharing): void {
    this.#truth = truth;
    if (this.#ahead !== undefined && this.#ahead.revision <= truth.revision) this.#ahead = undefined;
  }

  /** Apply a message of the chat room. */
  receive({ media, page, revision }: SharingMessage): void {
    if (revision > this.value.revision) this.#ahead = { mediaId: media?.id ?? null, page, revision };
  }

  /** Forget everything: another session has the id now. */
  reset(): void {
    this.#truth = NOTHING_SHARED;
    this.#ahead = undefined;
  }
}
