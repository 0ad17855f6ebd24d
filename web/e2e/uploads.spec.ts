import { expect, type Page, test } from "@playwright/test";

import type { UploadsSummary } from "greenroom/core";

import { Line } from "./support/line";
import { openPage, reload } from "./support/pages";
import { userOf } from "./support/stack";
import { writeVideo } from "./support/videos";

// The line to a provider is the same for all pages.
test.describe.configure({ mode: "serial" });

// The test's page does not come from a server on this machine, as far as the browser can tell, so it has to be allowed
// to call those that do.
test.use({ permissions: ["local-network-access"] });

const MB = 1_000_000;
const lines = { kaltura: new Line("kaltura"), cloudflare: new Line("cloudflare") };

test.afterEach(async () => {
  await lines.kaltura.heal();
  await lines.cloudflare.heal();
});

async function signIn(page: Page): Promise<void> {
  const { email, password } = userOf("teacher");
  await page.evaluate(([email, password]) => window.page.signIn(email, password), [email, password] as const);
}

function summaryOf(page: Page): Promise<UploadsSummary> {
  return page.evaluate(() => window.page.summary() as UploadsSummary);
}

async function states(page: Page): Promise<string[]> {
  return (await summaryOf(page)).items.map(({ state }) => state);
}

function videoStates(page: Page, sessionId: string): Promise<string[]> {
  return page.evaluate((id) => Object.values(window.page.states(id)), sessionId);
}

async function videoIds(page: Page, sessionId: string): Promise<string[]> {
  await expect.poll(async () => (await videoStates(page, sessionId)).length).toBeGreaterThan(0);
  return page.evaluate((id) => Object.keys(window.page.states(id)), sessionId);
}

/** Choose files in the page's input, and add them. */
async function choose(page: Page, sessionId: string, paths: string[]): Promise<{ added: string[]; refused: string[] }> {
  await page.locator("input").setInputFiles(paths);
  return page.evaluate(async (sessionId) => {
    const files = document.querySelector("input")?.files;
    const { added, refused } = await window.page.add(sessionId, files as FileList);
    return { added: [...added], refused };
  }, sessionId);
}

for (const provider of ["kaltura", "cloudflare"] as const) {
  test(`three videos reach ${provider} complete, despite two broken connections and a reload`, async ({
    page,
  }, info) => {
    test.setTimeout(180_000);
    const sessionId = `uploads-${provider}-${Date.now()}`;
    const sizes = [9 * MB, 23 * MB, 31 * MB];
    const videos = await Promise.all(sizes.map((size, index) => writeVideo(info.outputPath(`${index}.mp4`), size)));
    await openPage(page, "uploads");
    await signIn(page);
    await page.evaluate(([id, provider]) => window.page.createSession(id, provider), [sessionId, provider] as const);

    await lines[provider].slowDown({ bytesPerS: 12 * MB });
    await lines[provider].breakLater(4 * MB, { resets: true });
    await lines[provider].breakLater(9 * MB, { resets: true });
    const { added, refused } = await choose(
      page,
      sessionId,
      videos.map(({ path }) => path),
    );
    expect({ count: added.length, refused }).toEqual({ count: 3, refused: [] });
    // A broken line is waited for longer each time.
    const sentBytes = async () => (await summaryOf(page)).sentBytes;
    await expect.poll(sentBytes, { timeout: 60_000 }).toBeGreaterThan(13 * MB);
    expect((await summaryOf(page)).items.every(({ isTooSlow }) => !isTooSlow)).toBe(true);

    await reload(page);
    await page.evaluate(() => window.page.restored());
    // The small file was copied. The others have to be chosen again, as in a browser without handles.
    await expect.poll(() => states(page)).toContain("needsFile");
    const again = await choose(
      page,
      sessionId,
      videos.slice(1).map(({ path }) => path),
    );
    expect(again.refused).toEqual([]);
    await lines[provider].heal();
    await expect.poll(async () => new Set(await states(page)), { timeout: 60_000 }).toEqual(new Set(["sent"]));

    await expect.poll(() => videoStates(page, sessionId), { timeout: 60_000 }).toEqual(["ready", "ready", "ready"]);
    if (provider === "kaltura") {
      const ids = await videoIds(page, sessionId);
      const digests = await page.evaluate((ids) => Promise.all(ids.map((id) => window.page.digest(id))), ids);
      expect(new Set(digests)).toEqual(new Set(videos.map(({ digest }) => digest)));
    }
  });
}

test("upload of a file with a handle resumes automatically after a reload", async ({ page }, info) => {
  const sessionId = `uploads-handle-${Date.now()}`;
  const { path, digest } = await writeVideo(info.outputPath("handle.mp4"), 22 * MB);
  await openPage(page, "uploads");
  await signIn(page);
  await page.evaluate((id) => window.page.createSession(id, "kaltura"), sessionId);
  await lines.kaltura.slowDown({ bytesPerS: 8 * MB });
  // A handle of the page's own file system is a real one: it is stored, and can be read after a reload.
  await page.locator("input").setInputFiles([path]);
  await page.evaluate(async (sessionId) => {
    const file = document.querySelector("input")?.files?.[0] as File;
    const root = await navigator.storage.getDirectory();
    const handle = await root.getFileHandle("handle.mp4", { create: true });
    const writable = await handle.createWritable();
    await file.stream().pipeTo(writable);
    await window.page.add(sessionId, [handle]);
  }, sessionId);
  await expect.poll(async () => (await summaryOf(page)).sentBytes).toBeGreaterThan(6 * MB);
  await reload(page);
  await lines.kaltura.heal();
  await expect.poll(() => states(page), { timeout: 30_000 }).toEqual(["sent"]);
  const [videoId = ""] = await videoIds(page, sessionId);
  await expect.poll(() => videoStates(page, sessionId), { timeout: 30_000 }).toEqual(["ready"]);
  expect(await page.evaluate((id) => window.page.digest(id), videoId)).toBe(digest);
});

test("two tabs upload one file once, and the second takes over when the first is closed", async ({
  page,
  context,
}, info) => {
  const sessionId = `uploads-tabs-${Date.now()}`;
  const { path } = await writeVideo(info.outputPath("tabs.mp4"), 14 * MB);
  await openPage(page, "uploads");
  await signIn(page);
  await page.evaluate((id) => window.page.createSession(id, "kaltura"), sessionId);
  await lines.kaltura.slowDown({ bytesPerS: 2 * MB });
  await choose(page, sessionId, [path]);
  await expect.poll(async () => (await summaryOf(page)).sentBytes).toBeGreaterThan(2 * MB);

  const second = await context.newPage();
  await openPage(second, "uploads");
  await expect.poll(() => states(second)).toEqual(["elsewhere"]);
  expect((await choose(second, sessionId, [path])).refused).toEqual(["SENT_BY_ANOTHER_TAB"]);
  await expect.poll(async () => (await summaryOf(second)).sentBytes).toBeGreaterThan(2 * MB);
  await page.close();
  await lines.kaltura.heal();
  await expect.poll(() => states(second), { timeout: 30_000 }).toEqual(["sent"]);
  expect(await videoIds(second, sessionId)).toHaveLength(1);
});

test("dropped folders, shortcuts and empty files are refused, and a dropped video has a handle", async ({
  page,
}, info) => {
  const sessionId = `uploads-drop-${Date.now()}`;
  const { path } = await writeVideo(info.outputPath("dropped.mp4"), 1 * MB);
  await openPage(page, "uploads");
  await signIn(page);
  await page.evaluate((id) => window.page.createSession(id, "kaltura"), sessionId);
  await page.evaluate((sessionId) => {
    document.documentElement.style.height = "100%";
    document.addEventListener("dragover", (event) => event.preventDefault());
    document.addEventListener("drop", (event) => {
      event.preventDefault();
      const dropped = window.page.addDropped(sessionId, event.dataTransfer as DataTransfer);
      void dropped.then((outcome) => (document.title = JSON.stringify(outcome.refused)));
    });
  }, sessionId);
  const { writeFile, mkdir } = await import("node:fs/promises");
  const bad = ["folder", "Halves.lnk", "empty.mp4", "notes.pdf"].map((name) => info.outputPath(name));
  await mkdir(bad[0] as string);
  await Promise.all(bad.slice(1).map((file, index) => writeFile(file, index === 1 ? "" : "bytes")));
  const client = await page.context().newCDPSession(page);
  for (const type of ["dragEnter", "dragOver", "drop"] as const) {
    const data = { items: [], files: [...bad, path], dragOperationsMask: 1 };
    await client.send("Input.dispatchDragEvent", { type, x: 100, y: 100, data });
  }
  await expect(page).toHaveTitle(
    JSON.stringify(["FOLDER", "FILE_IS_SHORTCUT", "FILE_EMPTY", "FILE_TYPE_NOT_SUPPORTED"]),
  );
  await expect.poll(() => states(page)).toEqual(["sent"]);
});

test("upload waits while the browser is offline, and then resumes", async ({ page, context }, info) => {
  const sessionId = `uploads-offline-${Date.now()}`;
  const { path } = await writeVideo(info.outputPath("offline.mp4"), 12 * MB);
  await openPage(page, "uploads");
  await signIn(page);
  await page.evaluate((id) => window.page.createSession(id, "kaltura"), sessionId);
  await lines.kaltura.slowDown({ bytesPerS: 6 * MB });
  await choose(page, sessionId, [path]);
  await expect.poll(async () => (await summaryOf(page)).sentBytes).toBeGreaterThan(1 * MB);
  await context.setOffline(true);
  await lines.kaltura.breakAll();
  await expect.poll(() => states(page), { timeout: 30_000 }).toEqual(["waiting"]);
  expect((await summaryOf(page)).isOffline).toBe(true);
  await lines.kaltura.heal();
  await context.setOffline(false);
  await expect.poll(() => states(page), { timeout: 30_000 }).toEqual(["sent"]);
});

test("browser stores no token and no upload URL", async ({ page }, info) => {
  const sessionId = `uploads-secrets-${Date.now()}`;
  const { path } = await writeVideo(info.outputPath("secrets.mp4"), 25 * MB);
  await openPage(page, "uploads");
  await signIn(page);
  await page.evaluate((id) => window.page.createSession(id, "cloudflare"), sessionId);
  await lines.cloudflare.slowDown({ bytesPerS: 6 * MB });
  const [answer] = await Promise.all([
    page.waitForResponse((response) => response.url().includes("issueUploadToken") && response.status() === 200),
    choose(page, sessionId, [path]),
  ]);
  const { url } = (await answer.json()).result.upload as { url: string };
  await expect.poll(async () => (await summaryOf(page)).sentBytes).toBeGreaterThan(1 * MB);
  const stored = await page.evaluate(async () => {
    const texts = [JSON.stringify(localStorage), JSON.stringify(sessionStorage)];
    for (const { name = "" } of await indexedDB.databases()) {
      if (!name.startsWith("greenroom") && !name.startsWith("uppy")) continue;
      const database = await new Promise<IDBDatabase>((resolve) => {
        const request = indexedDB.open(name);
        request.onsuccess = () => resolve(request.result);
      });
      for (const store of database.objectStoreNames) {
        const request = database.transaction(store).objectStore(store).getAll();
        await new Promise((resolve) => (request.onsuccess = resolve));
        texts.push(JSON.stringify(request.result));
      }
      database.close();
    }
    return texts.join();
  });
  expect(stored).toContain("secrets.mp4");
  expect(stored).not.toContain(new URL(url).pathname);
  expect(stored).not.toContain("http");
  await page.evaluate(() => window.page.cancel(window.page.summary()?.items[0]?.id as string));
  await expect.poll(() => states(page)).toEqual([]);
});
