import { hasDigests } from "./fingerprint";

/** What this browser remembers of an upload. Nothing in it is a secret: no token, no address. */
export interface Entry {
  readonly id: string;

  /** The place among all uploads of this person. */
  readonly order: number;

  readonly sessionId: string;
  readonly title?: string;

  /** The video that this file replaces. */
  readonly replaces?: string;

  /** The video of an earlier upload of this file, which is over: a retry goes into the same video. */
  readonly resumes?: string | undefined;

  /** Written before the server is asked, so that a lost answer or a reload does not make a second video. */
  readonly requestId: string;

  /** Whether the server may know of this request, or of the video that it is for. */
  readonly isAsked: boolean;

  /** Known once the server has answered. */
  readonly videoId?: string;

  readonly fileName: string;
  readonly sizeBytes: number;
  readonly fingerprint: string;
  readonly lastModified: number;
  readonly isPaused: boolean;

  /** Where the browser has handles: it may read the file again, if the person agrees. */
  readonly handle?: FileSystemFileHandle;

  /** Whether the journal has a copy of a small file. Without handle and copy it has to be chosen again. */
  readonly isCopied?: boolean;
}

/** The largest file whose bytes are copied, and how much all of them may take. */
export const COPIED_BYTES_MAX = 16 * 1024 ** 2;
export const COPIED_BYTES_IN_ALL_MAX = 128 * 1024 ** 2;

const ENTRIES = "uploads";
const COPIES = "copies";
const VERSION = 1;

/** How long a browser may take to open a database: one that blocks storage may never answer. */
const OPENED_WITHIN_MS = 2000;

/** The entries of one person, in IndexedDB; in memory alone where the browser stores nothing. */
export class Journal {
  readonly #memory = new Map<string, Entry>();

  private constructor(
    private readonly database: IDBDatabase | undefined,
    private readonly onLost: () => void,
  ) {
    if (database === undefined) return;
    // A later version of this library, in another tab, wants to change the database.
    database.onversionchange = () => database.close();
    database.onclose = () => onLost();
  }

  /**
   * Open the journal of one person.
   *
   * @param onLost Called if entries will not survive a reload, now or from some instant on.
   */
  static async open(name: string, onLost: () => void): Promise<Journal> {
    // Without HTTPS there are no digests, so a file that is chosen again could not be verified.
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

  /** Store an entry, and return once it would survive a crash. */
  async put(entry: Entry): Promise<void> {
    this.#memory.set(entry.id, entry);
    const { handle: _, ...facts } = entry;
    for (const form of [entry, facts]) {
      try {
        await this.#write([ENTRIES], (store) => store(ENTRIES).put(form));
        return;
      } catch {
        // This browser cannot store handles, or its quota is used up: the facts alone are small and plain.
      }
    }
    this.onLost();
  }

  /** Keep a copy of a small file. @returns whether the browser has room for it */
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
    // An entry that stays leads to one question to the server, which says that the upload is over.
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
      reject(new Error("The database does not open."));
    }, OPENED_WITHIN_MS);
    request.onsuccess = () => {
      clearTimeout(timer);
      // Nobody waits any more, and an open database would keep later versions from being opened.
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
