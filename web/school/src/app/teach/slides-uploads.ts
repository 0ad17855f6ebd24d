import { computed, inject, Injectable, signal } from "@angular/core";
import { GREENROOM } from "greenroom/angular";
import { LiveAdmission, SlidesPresenter } from "greenroom/core";

/** A document that is being sent, or could not be sent. Each change creates a new object. */
export interface SlidesUpload {
  readonly id: number;
  readonly sessionId: string;
  readonly title: string;

  /** The document, once it has been created. */
  readonly mediaId?: string;

  readonly sentBytes: number;
  readonly sizeBytes: number;

  /** Why it was not sent. */
  readonly error?: unknown;
}

/** The documents that this tab sends. Uploads continue while pages change, and end with the tab. */
@Injectable()
export class SlidesUploads {
  readonly #greenroom = inject(GREENROOM);
  readonly #files = new Map<number, File>();
  readonly #all = signal<readonly SlidesUpload[]>([]);
  #count = 0;

  readonly all = this.#all.asReadonly();
  readonly sending = computed(() => this.#all().filter(({ error }) => error === undefined));
  readonly failed = computed(() => this.#all().filter(({ error }) => error !== undefined));

  /** Create a document in a session, and send its file. */
  add(sessionId: string, file: File): void {
    const id = (this.#count += 1);
    const title = file.name.replace(/\.[^.]+$/, "").slice(0, 200);
    this.#files.set(id, file);
    this.#all.update((all) => [...all, { id, sessionId, title, sentBytes: 0, sizeBytes: file.size }]);
    void this.#send(id);
  }

  /** Send a failed document again, as the same document. */
  retry(id: number): void {
    if (this.#get(id)?.error === undefined) return;
    this.#change(id, { error: undefined, sentBytes: 0 });
    void this.#send(id);
  }

  /** Remove a failed document from the list. */
  dismiss(id: number): void {
    if (this.#get(id)?.error !== undefined) this.#remove(id);
  }

  async #send(id: number): Promise<void> {
    const [upload, file] = [this.#get(id), this.#files.get(id)];
    if (upload === undefined || file === undefined) return;
    // A page leaves the event when it is closed, so each upload has an admission of its own.
    const admission = new LiveAdmission(this.#greenroom, upload.sessionId);
    const presenter = new SlidesPresenter(this.#greenroom, upload.sessionId, admission.slides);
    try {
      await admission.join();
      if (admission.error.value !== undefined) throw admission.error.value;
      const mediaId = upload.mediaId ?? (await presenter.create({ title: upload.title }));
      this.#change(id, { mediaId });
      await presenter.upload(mediaId, file, { onProgress: ({ sentBytes }) => this.#change(id, { sentBytes }) });
      this.#remove(id);
    } catch (error) {
      this.#change(id, { error });
    } finally {
      presenter.close();
      admission.close();
    }
  }

  #get(id: number): SlidesUpload | undefined {
    return this.#all().find((one) => one.id === id);
  }

  #change(id: number, changes: Partial<SlidesUpload>): void {
    this.#all.update((all) => all.map((one) => (one.id === id ? { ...one, ...changes } : one)));
  }

  #remove(id: number): void {
    this.#files.delete(id);
    this.#all.update((all) => all.filter((one) => one.id !== id));
  }
}
