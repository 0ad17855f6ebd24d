import { expect, test, type Browser, type Page } from "@playwright/test";
import { execFileSync } from "node:child_process";

import { createSession, openAs, publish, signIn, videoRow } from "../e2e/support/app";
import { deck, video } from "../e2e/support/files";
import { Line } from "../e2e/support/line";

const FOLDER = "../docs/screenshots";
const WIDE = { width: 1280, height: 800 };
const NARROW = { width: 360, height: 740 };

/** Write a screenshot of the viewport. */
async function shoot(page: Page, name: string): Promise<void> {
  await page.evaluate(() => document.fonts.ready);
  await expect(page.locator(".skeleton")).toHaveCount(0);
  await page.screenshot({ path: `${FOLDER}/${name}.png`, animations: "disabled", caret: "hide" });
}

/** Open the app as a student on a phone. */
function asPhone(browser: Browser, locale: string, colorScheme: "light" | "dark"): Promise<Page> {
  return openAs(browser, "student", { viewport: NARROW, deviceScaleFactor: 2, locale, colorScheme });
}

test("screenshots", async ({ page, browser }) => {
  await page.setViewportSize(WIDE);
  await page.goto("/sign-in");
  await expect(page.locator(".demo-user").first()).toBeVisible();
  await shoot(page, "sign-in");
  await signIn(page, "teacher");

  await createSession(page, { title: "Botany excursion" });
  const fractions = await createSession(page, { title: "Fractions", isOpen: true });
  await publish(page);
  const titles = ["What a half is.mp4", "Thirds and quarters.mp4", "Adding fractions.mp4"];
  const line = new Line("kaltura");
  await line.slowDown({ bytesPerS: 3_000_000 });
  await page
    .locator(".drop-zone input")
    .setInputFiles(await Promise.all(titles.map((name) => video(name, 15_000_000))));
  await expect(page.locator('.gr-upload-item[data-state="sending"]')).toHaveCount(2);
  await expect(page.locator(".gr-upload-total .gr-upload-time")).toBeVisible();
  await page.locator(".gr-upload-total").scrollIntoViewIfNeeded();
  await page.evaluate(() => scrollTo(0, 330));
  await shoot(page, "uploads");
  await line.heal();
  for (const title of titles) {
    await expect(videoRow(page, title)).toHaveAttribute("data-state", "ready", { timeout: 90_000 });
  }
  await shoot(page, "videos");

  const optics = await createSession(page, { title: "Optics: how lenses work", isLive: true, isOpen: true });
  await publish(page);
  await expect(page.getByText("The live event is ready at the provider.")).toBeVisible({ timeout: 60_000 });
  await page.getByRole("link", { name: "Slides" }).click();
  await expect(page.getByRole("heading", { name: "No documents yet" })).toBeVisible();
  await page.locator("input[type=file]").setInputFiles(deck("How lenses work.pdf", 12, "How lenses work"));
  await expect(page.locator(".document")).toHaveAttribute("data-state", "ready", { timeout: 60_000 });
  await expect(page.locator(".page-thumb img")).toHaveCount(12);
  await shoot(page, "slides");
  await page.goto("/teach");
  await expect(page.locator(".session-card").first()).toBeVisible();
  await shoot(page, "sessions");

  await page.goto(`/teach/${optics}/slides`);
  await page.getByRole("button", { name: "Present" }).click();
  await expect(page.locator(".present-page img")).toBeVisible();
  for (let turn = 0; turn < 3; turn++) await page.keyboard.press("ArrowRight");
  await expect(page.locator(".present-position")).toHaveText("Page 4 of 12");
  await expect(page.locator(".page-button[aria-current] img")).toBeVisible();
  await shoot(page, "present");

  const student = await openAs(browser, "student", { viewport: WIDE });
  await student.goto(`/learn/${optics}`);
  await expect(student.locator(".gr-slide-image")).toBeVisible({ timeout: 30_000 });
  await shoot(student, "live-room");
  await student.goto(`/learn/${fractions}`);
  await expect(student.locator("gr-player")).toHaveAttribute("data-phase", "ready", { timeout: 60_000 });
  await student.locator("video").evaluate((element: HTMLVideoElement) => element.play());
  await expect.poll(() => student.locator("video").evaluate((v: HTMLVideoElement) => v.currentTime)).toBeGreaterThan(2);
  await student.locator("video").evaluate((element: HTMLVideoElement) => element.pause());
  await shoot(student, "watching");
  await student.context().close();

  const dark = await asPhone(browser, "en", "dark");
  await dark.goto(`/learn/${optics}`);
  await expect(dark.locator(".gr-slide-image")).toBeVisible({ timeout: 30_000 });
  await shoot(dark, "phone-dark");
  await dark.context().close();
  const arabic = await asPhone(browser, "ar", "light");
  await expect(arabic.locator(".session-card").first()).toBeVisible();
  await shoot(arabic, "phone-arabic");
  await arabic.context().close();

  await recordPresenting(browser, page, optics);
});

/** Record a short video of a student whose page follows the presenter. */
async function recordPresenting(browser: Browser, presenter: Page, sessionId: string): Promise<void> {
  const size = { width: 960, height: 600 };
  const context = await browser.newContext({ viewport: size, recordVideo: { dir: "test-results", size } });
  const page = await context.newPage();
  await signIn(page, "student");
  await page.goto(`/learn/${sessionId}`);
  await expect(page.locator(".gr-slide-image")).toBeVisible();
  for (let turn = 0; turn < 5; turn++) {
    await presenter.keyboard.press("ArrowRight");
    await expect(page.locator(".gr-slide-image")).toHaveAttribute("alt", new RegExp(`^Page ${5 + turn} `));
    await page.waitForTimeout(900);
  }
  const recording = page.video();
  await context.close();
  if (recording === null) throw new Error("Playwright recorded nothing.");
  // The beginning, with the sign-in, is cut off.
  const from = ["-sseof", "-6", "-i", await recording.path()];
  execFileSync("ffmpeg", ["-y", "-loglevel", "error", ...from, `${FOLDER}/following.webm`]);
}
