import { hasDigests } from "./fingerprint";

/** An upload, as the browser stores it. It has no secrets: no token, and no upload URL. */
export interface Entry {
  readonly id: string;

  /** The position among all uploads of this user. */
  readonly order: number;

  readonly sessionId: string;
  readonly title?: string;

  /** The video that this file replaces. */
  readonly replaces?: string;

  /** The video of an earlier upload of this file that is over: a retry uploads into the same video. */
  readonly resumes?: string | undefined;

  /** Stored before the request is sent, so that a lost answer or a reload does not create a second video. */
  readonly requestId: string;

  /** Whether the request may have reached the server. */
  readonly isAsked: boolean;

  /** Known once the server has answered. */
  readonly videoId?: string;

  readonly fileName: string;
  readonly sizeBytes: number;
  readonly fingerprint: string;
  readonly lastModified: number;
  readonly isPaused: boolean;

  /** The bytes that had arrived when this was written, so that the next page shows them before it asks the server. */
  readonly arrivedBytes?: number | undefined;

  /** If the browser has handles: reads the file again after a reload, if the user allows it. */
  readonly handle?: FileSystemFileHandle;

  /** Whether the journal has a copy of the file. Without handle and copy the user has to choose it again. */
  readonly isCopied?: boolean;
}

/** The largest file that is copied, and the limit for all copies together. */
export const COPIED_BYTES_MAX = 16 * 1024 ** 2;
export const COPIED_BYTES_IN_ALL_MAX = 128 * 1024 ** 2;

const ENTRIES = "uploads";
const COPIES = "copies";
const VERSION = 1;

/** How long a browser may take to open a database. One that blocks storage may never answer. */
const OPENED_WITHIN_MS = 2000;

/** The entries of one user in IndexedDB; only in memory if the browser stores nothing. */
export class Journal {
  readonly #memory = new Map<string, Entry>();

  private constructor(
    private readonly database: IDBDatabase | undefined,
    private readonly onLost: () => void,
  ) {
    if (database === undefined) return;
    // A newer version of this library, in another tab, wants to upgrade the database.
    database.onversionchange = () => database.close();
    database.onclose = () => onLost();
  }

  /**
   * Open the journal of one user.
   *
   * @param onLost Called as soon as entries will not survive a reload.
   */
  static async open(name: string, onLost: () => void): Promise<Journal> {
    // Without `crypto.subtle`, a file that is chosen again could not be verified.
    const database = hasDigests() ? await opened(name).catch(() => undefined) : undefined;
    if (database === undefined) onLost();
    return new Journal(database, onLost);
  }

  /** Return all entries in their order. */
  async all(): Promise<Entry[]> {
    const entries = await this.#read<Entry[]>(ENTRIES, (store) => store.getAll(), [...this.#memory.values()]);
    return entries.sort((one, other) => one.order - other.order);
  }

  get(id: string): Promise<Entry | undefined> {
    return this.#read<Entry | undefined>(ENTRIES, (store) => store.get(id), this.#memory.get(id));
  }

  /** Store an entry. Resolves once it would survive a crash. */
  async put(entry: Entry): Promise<void> {
    this.#memory.set(entry.id, entry);
    const { handle: _, ...facts } = entry;
    for (const form of [entry, facts]) {
      try {
        await this.#write([ENTRIES], (store) => store(ENTRIES).put(form));
        return;
      } catch {
        // The browser cannot store handles, or its quota is used up: try without the handle.
      }
    }
    this.onLost();
  }

  /** Store a copy of a small file. @returns whether the browser had space for it. */
  async copy(id: string, bytes: ArrayBuffer): Promise<boolean> {
    if (this.database === undefined) return false;
    return this.#write([COPIES], (store) => store(COPIES).put(bytes, id)).then(
      () => true,
      () => false,
    );
  }

  copyOf(id: string): Promise<ArrayBuffer | undefined> {
    return this.#read<ArrayBuffer | undefined>(COPIES, (store) => store.get(id), undefined);
  }

  async delete(id: string): Promise<void> {
    this.#memory.delete(id);
    const both = (store: (name: string) => IDBObjectStore) => {
      store(ENTRIES).delete(id);
      store(COPIES).delete(id);
    };
    // An entry that stays leads to one request, and the server answers that the upload is over.
    await this.#write([ENTRIES, COPIES], both).catch(() => this.onLost());
  }

  close(): void {
    if (this.database === undefined) return;
    this.database.onclose = null;
    this.database.close();
  }

  async #read<T>(name: string, read: (store: IDBObjectStore) => IDBRequest, otherwise: T): Promise<T> {
    if (this.database === undefined) return otherwise;
    try {
      return await settled<T>(read(this.database.transaction(name).objectStore(name)) as IDBRequest<T>);
    } catch {
      this.onLost();
      return otherwise;
    }
  }

  async #write(names: string[], write: (store: (name: string) => IDBObjectStore) => void): Promise<void> {
    if (this.database === undefined) return;
    const transaction = this.database.transaction(names, "readwrite", { durability: "strict" });
    write((name) => transaction.objectStore(name));
    await new Promise<void>((resolve, reject) => {
      transaction.oncomplete = () => resolve();
      transaction.onabort = transaction.onerror = () => reject(transaction.error as Error);
    });
  }
}

function opened(name: string): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(name, VERSION);
    request.onupgradeneeded = () => {
      request.result.createObjectStore(ENTRIES, { keyPath: "id" });
      request.result.createObjectStore(COPIES);
    };
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      reject(new Error("The database did not open in time."));
    }, OPENED_WITHIN_MS);
    request.onsuccess = () => {
      clearTimeout(timer);
      // Nothing waits any more, and an open database would block upgrades.
      if (isLate) request.result.close();
      else resolve(request.result);
    };
    request.onerror = () => {
      clearTimeout(timer);
      reject(request.error as Error);
    };
  });
}

function settled<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error as Error);
  });
}
