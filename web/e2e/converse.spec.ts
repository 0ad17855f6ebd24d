import { resolve } from "node:path";

import type { SlidesPresenter } from "greenroom/core";
import { expect, test, type Browser, type Page } from "@playwright/test";

import type { ConversePage } from "./pages/converse";
import { deck } from "./support/files";
import { bundled } from "./support/pages";
import { stack, userOf, type StackUser } from "./support/stack";

declare const connect: (deployment: object) => Promise<ConversePage>;
declare const slides: ConversePage;
declare const presenter: SlidesPresenter;

/** The headless build, which is not in the package's `exports`. */
const CONVERSE = resolve(import.meta.dirname, "../node_modules/converse.js/src/headless/dist/converse-headless.min.js");
const PAGES = 4;

test("converse.js turns a student's slides while Firestore is away, and no old or forged message does", async ({
  browser,
}) => {
  test.setTimeout(120_000);
  const sessionId = `converse-${Date.now()}`;
  const teacher = await openPage(browser, "teacher", sessionId);
  await teacher.evaluate(() => slides.createSession());
  await expect.poll(() => teacher.evaluate(() => slides.join()), { timeout: 45_000 }).toBe(true);
  await teacher.evaluate(() => void Object.assign(window, { presenter: slides.present() }));
  const { name, mimeType, buffer } = deck("Lenses.pdf", PAGES);
  const mediaId = await teacher.evaluate(
    async ({ name, mimeType, base64 }) => {
      const { buffer } = Uint8Array.from(atob(base64), (byte) => byte.charCodeAt(0));
      const id = await presenter.create({ title: name });
      await presenter.upload(id, new File([buffer], name, { type: mimeType }));
      return id;
    },
    { name, mimeType, base64: buffer.toString("base64") },
  );
  const isReady = () => teacher.evaluate(() => presenter.medias.value.some((media) => media.isReadyToShow));
  await expect.poll(isReady, { timeout: 60_000 }).toBe(true);
  await teacher.evaluate((id) => presenter.start(id), mediaId);

  const student = await openPage(browser, "student", sessionId);
  const line = await replayingLine(student);
  await student.route("**/converse-headless.min.js", (route) => route.fulfill({ path: CONVERSE }));
  expect(await student.evaluate(() => slides.join())).toBe(true);
  await student.evaluate(() => slides.follow("/converse-headless.min.js"));
  await expect.poll(() => student.evaluate(() => slides.isInRoom()), { timeout: 30_000 }).toBe(true);
  const view = () => student.evaluate(() => slides.view());
  await expect.poll(async () => (await view()).page).toBe(1);
  await expect.poll(() => student.evaluate(() => slides.hasImage())).toBe(true);
  await student.evaluate(() => slides.loseFirestore());

  const turnTo = async (page: number) => {
    await teacher.evaluate((page) => presenter.navigate(page), page);
    await expect.poll(async () => (await view()).page).toBe(page);
  };
  for (let page = 2; page <= PAGES; page++) await turnTo(page);
  const last = await view();
  const heard = await student.evaluate(() => slides.heard);
  expect(heard.at(-1)).toBe(last.revision);
  expect(heard.length, "each turn has come by the room").toBe(PAGES - 1);

  line.repeat("event='navigate_sharing'");
  await expect.poll(async () => (await student.evaluate(() => slides.heard)).length).toBe(PAGES);
  expect((await student.evaluate(() => slides.heard)).at(-1), "it came, and is older").toBeLessThan(last.revision);
  expect(await view()).toEqual(last);

  const forged = JSON.stringify({
    revision: last.revision + 5,
    active_shared_live_media: { id: mediaId, title: null, nb_pages: PAGES },
    active_shared_live_media_page: 2,
  });
  expect(await student.evaluate((body) => slides.send(body, "navigate_sharing"), forged)).toBe("forbidden");
  expect(await student.evaluate(() => slides.send("Which page?"))).toBe("sent");
  await expect.poll(() => student.evaluate(() => slides.conversation())).toEqual(["Which page?"]);
  expect(await view()).toEqual(last);
  await turnTo(1);
  await teacher.context().close();
  await student.context().close();
});

interface ReplayingLine {
  /** Let the server's first message with this text come once more. */
  repeat(part: string): void;
}

async function openPage(browser: Browser, name: StackUser["name"], sessionId: string): Promise<Page> {
  // The page does not come from a server on this machine, as far as the browser can tell.
  const context = await browser.newContext({ permissions: ["local-network-access"] });
  const page = await context.newPage();
  const script = await bundled("converse");
  await page.route("**/converse.test.html", (route) =>
    route.fulfill({
      contentType: "text/html",
      body: `<!doctype html><meta charset="utf-8"><title>converse.js</title><script>${script}</script>`,
    }),
  );
  await page.goto("/converse.test.html");
  const { projectId, authUrl, firestoreUrl } = stack;
  const { email, password } = userOf(name);
  const deployment = { projectId, authUrl, firestoreUrl, email, password, sessionId };
  await page.evaluate(
    async (deployment) => void Object.assign(window, { slides: await connect(deployment) }),
    deployment,
  );
  return page;
}

/** Keep what the chat server sends, so that it can come once more, as a late message does. */
async function replayingLine(page: Page): Promise<ReplayingLine> {
  const frames: string[] = [];
  let send = (_frame: string) => {};
  await page.routeWebSocket(stack.chatUrl, (socket) => {
    const server = socket.connectToServer();
    send = (frame) => socket.send(frame);
    server.onMessage((frame) => {
      frames.push(String(frame));
      socket.send(frame);
    });
  });
  return {
    repeat(part) {
      const frame = frames.find((one) => one.includes(part));
      if (frame === undefined) throw new Error(`No message had ${part}.`);
      send(frame);
    },
  };
}
