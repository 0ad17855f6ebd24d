/**
 * Play one video in Chromium, and print how many seconds passed from the click to the first frame.
 *
 * Called by emulator_tests/bench/watch.py: `node watch.mjs ASKED`, JSON with what the page is asked and where it is.
 */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { chromium } from "@playwright/test";

const FRAME_WITHIN_MS = 60_000;

const { siteUrl, resolverRules, executablePath, ...asked } = JSON.parse(process.argv[2]);

const args = [`--host-resolver-rules=${resolverRules}`, "--autoplay-policy=no-user-gesture-required"];
// A browser of its own: nothing is cached, and no connection is open but those of the page itself. Debian's Chromium makes
// no connection ahead of a request unless a profile says so; other builds do.
const profile = await mkdtemp(join(tmpdir(), "greenroom-watch-"));
await mkdir(join(profile, "Default"));
await writeFile(join(profile, "Default", "Preferences"), JSON.stringify({ net: { network_prediction_options: 0 } }));
const browser = await chromium.launchPersistentContext(profile, { executablePath, args });
try {
  const page = await browser.newPage();
  page.setDefaultTimeout(FRAME_WITHIN_MS);
  await page.goto(siteUrl);
  await page.waitForFunction(() => window.prepare !== undefined);
  await page.evaluate((asked) => window.prepare(asked), asked);
  await page.locator("button").click();
  const late = new Promise((_, reject) => setTimeout(reject, FRAME_WITHIN_MS, new Error("There is no frame.")).unref());
  const milliseconds = await Promise.race([page.evaluate(() => window.firstFrame), late]);
  console.log(milliseconds / 1000);
} finally {
  await browser.close();
  await rm(profile, { recursive: true });
}
