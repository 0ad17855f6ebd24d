import "fake-indexeddb/auto";

import { Uppy } from "@uppy/core";
import Retriever from "@uppy/golden-retriever";

import { eventually } from "../../testing/until";

// Why uploads do not keep their list by Golden Retriever; see docs/decisions. A newer version that passes none of these
// could replace journal.ts.

const PAUSE_MS = 600;

interface Stored {
  readonly files: Record<string, { meta: Record<string, unknown> }>;
}

const open: Uppy[] = [];
let list = 0;

beforeEach(() => {
  list += 1;
});

afterEach(() => {
  for (const uppy of open.splice(0)) uppy.destroy();
});

function tab(): Uppy {
  const logger = { debug: () => {}, warn: () => {}, error: () => {} };
  const uppy = new Uppy({ id: `uploads-${list}`, logger });
  uppy.use(Retriever);
  open.push(uppy);
  return uppy;
}

async function stored(): Promise<Stored | undefined> {
  const database = await new Promise<IDBDatabase>((resolve) => {
    const request = indexedDB.open("uppy-blobs");
    request.onsuccess = () => resolve(request.result);
  });
  const request = database.transaction("metadata").objectStore("metadata").get(`uploads-${list}`);
  await new Promise((resolve) => (request.onsuccess = resolve));
  database.close();
  const { metadata } = (request.result ?? {}) as { metadata?: string };
  return metadata === undefined ? undefined : (JSON.parse(metadata) as Stored);
}

function names(state: Stored | undefined): unknown[] {
  return Object.values(state?.files ?? {}).map(({ meta }) => meta["name"]);
}

function add(uppy: Uppy, name: string, meta: Record<string, unknown> = {}): string {
  return uppy.addFile({ name, data: new Blob([name]), meta });
}

describe("Golden Retriever", () => {
  it("stores changes later without a report, so a request id cannot be stored before it is used", async () => {
    const uppy = tab();
    const id = add(uppy, "a.mp4");
    await eventually(async () => names(await stored()).length === 1);
    uppy.setFileMeta(id, { requestId: "r1" });
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(JSON.stringify(await stored())).not.toContain("r1");
    await eventually(async () => JSON.stringify(await stored()).includes("r1"));
  });

  it("loses handles, because it stores JSON", async () => {
    const uppy = tab();
    // A handle has no properties of its own.
    add(uppy, "a.mp4", { handle: new (class FileSystemFileHandle {})() });
    await eventually(async () => names(await stored()).length === 1);
    expect(Object.values((await stored())?.files ?? {})[0]?.meta["handle"]).toEqual({});
  });

  it("keeps one list for all tabs: the last one that writes replaces the files of the others", async () => {
    const [first, second] = [tab(), tab()];
    // Both have restored nothing by then.
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    add(first, "a.mp4");
    await eventually(async () => names(await stored()).length === 1);
    add(second, "b.mp4");
    await eventually(async () => names(await stored()).includes("b.mp4"));
    expect(names(await stored())).toEqual(["b.mp4"]);
  });

  it("loses files added while it restores, and does not report that it found nothing", async () => {
    add(tab(), "a.mp4");
    await eventually(async () => names(await stored()).length === 1);
    const next = tab();
    add(next, "b.mp4");
    await eventually(() => next.getFiles().some(({ name }) => name === "a.mp4"));
    expect(next.getFiles().map(({ name }) => name)).toEqual(["a.mp4"]);

    list += 100;
    let isRestored = false;
    tab().on("restored", () => (isRestored = true));
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    expect(isRestored).toBe(false);
  });
});
