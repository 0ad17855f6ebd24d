/**
 * Send one file in Chromium, and print how long it took and how much memory the tab needed.
 *
 * Called by emulator_tests/bench/upload.py: `node upload.mjs WAY FILE PAGE_URL LINE_URL CHROMIUM`.
 */
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";

import { chromium } from "@playwright/test";
import { build } from "esbuild";

const [way, file, pageUrl, lineUrl, executablePath] = process.argv.slice(2);
const root = resolve(import.meta.dirname, "..");

const { outputFiles } = await build({
  entryPoints: [resolve(import.meta.dirname, "upload-page.ts")],
  bundle: true,
  minify: true,
  format: "iife",
  alias: { "greenroom/core": resolve(root, "greenroom/core/src/public-api.ts") },
  write: false,
});
const browser = await chromium.launch({ executablePath });
try {
  const page = await browser.newPage();
  await page.goto(pageUrl);
  await page.setContent('<input type="file">');
  await page.addScriptTag({ content: outputFiles[0].text });
  await page.locator("input").setInputFiles(file);
  const pid = await rendererOf(browser);
  const before = await residentBytes(pid);
  let most = before;
  const timer = setInterval(async () => (most = Math.max(most, await residentBytes(pid))), 250);
  const seconds = await page.evaluate(([way, url]) => window.send(way, url), [way, lineUrl]);
  clearInterval(timer);
  console.log(JSON.stringify({ seconds, memory_bytes: most - before }));
} finally {
  await browser.close();
}

/** The process of the only tab: that which used most of the processor, of those that draw pages. */
async function rendererOf(browser) {
  const session = await browser.newBrowserCDPSession();
  const { processInfo } = await session.send("SystemInfo.getProcessInfo");
  const renderers = processInfo.filter(({ type }) => type === "renderer");
  return renderers.sort((one, other) => other.cpuTime - one.cpuTime)[0].id;
}

async function residentBytes(pid) {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)[1]) * 1024;
}
