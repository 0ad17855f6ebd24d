import { computed, DestroyRef, effect, inject, Injectable, type Signal, signal } from "@angular/core";
import { Uploads, type UploadsSummary } from "greenroom/core";

import { fromReadable } from "./from-readable";
import { GREENROOM, GREENROOM_OPTIONS } from "./tokens";

/** The uploads of the signed-in user. One object serves the whole app, so uploads continue while pages change. */
@Injectable()
export class UploadsOfUser {
  readonly #current = signal<Uploads | undefined>(undefined);
  readonly current = this.#current.asReadonly();

  constructor() {
    const greenroom = inject(GREENROOM);
    const { uid = signal(undefined), uploads: options } = inject(GREENROOM_OPTIONS);
    effect((onCleanup) => {
      const present = uid();
      if (present === undefined) {
        this.#current.set(undefined);
        return;
      }
      const uploads = new Uploads(greenroom, present, options);
      this.#current.set(uploads);
      onCleanup(() => uploads.close());
    });
    inject(DestroyRef).onDestroy(() => this.#current.set(undefined));
  }
}

/** Return the uploads of the signed-in user; `undefined` without one, or before `uid` is known. */
export function injectUploads(): Signal<Uploads | undefined> {
  return inject(UploadsOfUser).current;
}

const NOTHING: UploadsSummary = {
  items: [],
  sentBytes: 0,
  sizeBytes: 0,
  isActive: false,
  isOffline: false,
  isKept: true,
};

/** Return the state of all uploads of the signed-in user; an empty summary without one. */
export function injectUploadsSummary(): Signal<UploadsSummary> {
  const uploads = injectUploads();
  const summary = fromReadable(() => uploads()?.summary);
  return computed(() => summary() ?? NOTHING);
}
