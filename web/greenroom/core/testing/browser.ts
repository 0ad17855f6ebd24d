import "fake-indexeddb/auto";

import { IDBFactory } from "fake-indexeddb";
import { deleteApp, type FirebaseApp, initializeApp } from "firebase/app";

import { Greenroom } from "../src/greenroom";
import { Uploads, type UploadsOptions } from "../src/uploads";
import { UploadServer } from "./upload-server";
import { WebLocks } from "./web-locks";

/** A browser with storage and locks of its own, and a server that its tabs upload to. */
export class Browser {
  readonly #tabs: Uploads[] = [];
  readonly #apps: FirebaseApp[] = [];

  private constructor(readonly server: UploadServer) {}

  static async open(): Promise<Browser> {
    setGlobal("indexedDB", new IDBFactory());
    Object.defineProperty(navigator, "locks", { value: new WebLocks(), configurable: true });
    return new Browser(await UploadServer.open());
  }

  /** Return a `Greenroom` that calls this server. */
  greenroom(): Greenroom {
    const app = initializeApp({ projectId: "school", apiKey: "none" }, `tab-${Math.random()}`);
    this.#apps.push(app);
    return new Greenroom(app, { callablesUrl: `${this.server.url}/call/` });
  }

  /** Open a tab with a signed-in user. */
  tab(uid = "teacher", options: UploadsOptions = {}): Uploads {
    const uploads = new Uploads(this.greenroom(), uid, options);
    this.#tabs.push(uploads);
    return uploads;
  }

  /** Return everything that this browser has stored, as text. */
  async stored(): Promise<string> {
    const texts = [JSON.stringify(localStorage)];
    for (const { name = "" } of await indexedDB.databases()) {
      const database = await settled(indexedDB.open(name));
      for (const store of database.objectStoreNames) {
        texts.push(JSON.stringify(await settled(database.transaction(store).objectStore(store).getAll())));
      }
      database.close();
    }
    return texts.join("\n");
  }

  async close(): Promise<void> {
    for (const tab of this.#tabs) tab.close();
    await this.server.close();
    await Promise.all(this.#apps.map((app) => deleteApp(app)));
  }
}

function setGlobal(name: string, value: unknown): void {
  Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
}

/** Return a file with random bytes, which depend on the seed. */
export function fileOf(name: string, size: number, seed = 1): File {
  return new File([bytesOf(size, seed)], name, { type: "video/mp4" });
}

export function bytesOf(size: number, seed = 1): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size);
  let state = seed * 2654435761;
  for (let at = 0; at < size; at++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    bytes[at] = state >>> 24;
  }
  return bytes;
}

function settled<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error as Error);
  });
}
