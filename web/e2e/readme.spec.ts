import { expect, test } from "@playwright/test";

import type { ReadmePage } from "./pages/readme-page";
import { bundled } from "./support/pages";
import { stack, userOf } from "./support/stack";

declare const connect: (...hosts: string[]) => ReadmePage;
declare const readme: ReadmePage;

// The test's page does not come from a server on this machine, as far as the browser can tell.
test.use({ permissions: ["local-network-access"] });

test("the code of the README uploads a video, shows its state and plays it", async ({ page }) => {
  test.setTimeout(120_000);
  const script = await bundled("readme-page");
  await page.route("**/readme.test.html", (route) =>
    route.fulfill({
      contentType: "text/html",
      body: `<!doctype html><title>README</title><input type="file"><video muted></video><script>${script}</script>`,
    }),
  );
  await page.goto("/readme.test.html");
  const hosts = [stack.authUrl, stack.firestoreUrl, stack.functionsHost];
  await page.evaluate((hosts) => void Object.assign(window, { readme: connect(...hosts) }), hosts);
  const { email, password } = userOf("teacher");
  const lesson = [email, password, `readme-${Date.now()}`] as const;
  await page.evaluate((lesson) => readme.teach(...lesson), lesson);

  await page.locator("input").setInputFiles(stack.testPicture);
  const sent = () => page.evaluate(() => readme.uploads?.items.map(({ state }) => state));
  await expect.poll(sent, { timeout: 45_000 }).toEqual(["sent"]);
  const shown = () => page.evaluate(() => readme.videos.map(({ state }) => state));
  await expect.poll(shown, { timeout: 60_000 }).toEqual(["ready"]);

  await page.evaluate(() => readme.play(readme.videos[0]!.id));
  await page.locator("video").evaluate((video: HTMLVideoElement) => video.play());
  const position = () => page.locator("video").evaluate((video: HTMLVideoElement) => video.currentTime);
  await expect.poll(position, { timeout: 30_000 }).toBeGreaterThan(0.5);
});
