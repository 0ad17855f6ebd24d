import { expect, test, type Page } from "@playwright/test";

import { createSession, enrol, openAs, publish, signIn, videoRow } from "./support/app";
import { expectAccessible } from "./support/axe";
import { deck, video } from "./support/files";

/** Look at a page as it is, and in Arabic on a narrow screen. */
async function look(page: Page, what: string): Promise<void> {
  const size = page.viewportSize() ?? { width: 1280, height: 800 };
  await expectAccessible(page, what);
  await page.setViewportSize({ width: 360, height: 740 });
  await inLanguage(page, "ar");
  await expectAccessible(page, `${what}, in Arabic and narrow`);
  await inLanguage(page, "en");
  await page.setViewportSize(size);
}

/** Change the language where the page is, by the button of the header or of the account. */
async function inLanguage(page: Page, code: "en" | "ar"): Promise<void> {
  const change = page.getByRole("button", { name: code === "ar" ? "العربية" : "English" });
  if (!(await change.first().isVisible())) await page.locator(".avatar").click();
  await change.last().click();
  await expect(page.locator("html")).toHaveAttribute("dir", code === "ar" ? "rtl" : "ltr");
  if (await page.locator(".cdk-dialog-container").isVisible()) await page.keyboard.press("Escape");
  await expect(page.locator(".cdk-dialog-container")).toHaveCount(0);
}

test("sign-in is accessible", async ({ page }) => {
  await page.goto("/sign-in");
  await look(page, "sign-in");
  await page.getByRole("button", { name: "Sign in" }).click();
  await expectAccessible(page, "sign-in with problems");
});

test("teacher's lists, forms and videos are accessible", async ({ page }) => {
  test.slow();
  await signIn(page, "teacher");
  await expect(page.getByRole("status")).toHaveCount(0);
  await look(page, "sessions");
  await page.goto("/teach/new");
  await page.getByRole("button", { name: "Create session" }).click();
  await look(page, "new session with problems");

  await createSession(page, { title: "Optics" });
  await look(page, "videos, none yet");
  const wrong = { name: "notes.txt", mimeType: "text/plain", buffer: Buffer.from("no") };
  await page.locator(".drop-zone input").setInputFiles([wrong, await video("light.mp4"), await video("lenses.mp4")]);
  await expect(page.getByRole("alert")).toBeVisible();
  await expectAccessible(page, "uploads");
  await expect(videoRow(page, "light.mp4")).toHaveAttribute("data-state", "ready", { timeout: 45_000 });
  await expect(videoRow(page, "lenses.mp4")).toHaveAttribute("data-state", "ready", { timeout: 45_000 });
  await look(page, "videos");
  await page.getByRole("button", { name: "Actions for light.mp4" }).click();
  await expectAccessible(page, "menu of a video");
  await page.getByRole("menuitem", { name: "Delete" }).click();
  await expectAccessible(page, "question");
  await page.keyboard.press("Escape");
});

test("teacher's pages of people, times, encoder and slides are accessible", async ({ page }) => {
  test.slow();
  await signIn(page, "teacher");
  const id = await createSession(page, { title: "Optics", isLive: true });
  await publish(page);
  await expect(page.getByText("The live event is ready at the provider.")).toBeVisible({ timeout: 30_000 });
  await enrol(page, "student");
  await look(page, "people");
  await page.getByRole("link", { name: "Settings" }).click();
  await look(page, "settings");
  await page.goto(`/teach/${id}/live`);
  await page.getByRole("button", { name: "Show address and key" }).click();
  await expect(page.getByText("Stream key", { exact: true })).toBeVisible();
  await look(page, "encoder");

  await page.getByRole("link", { name: "Slides" }).click();
  await expect(page.getByRole("heading", { name: "No documents yet" })).toBeVisible();
  await page.locator("input[type=file]").setInputFiles(deck("Lenses.pdf", 6, "Lenses"));
  await expect(page.locator(".document")).toHaveAttribute("data-state", "ready", { timeout: 45_000 });
  await look(page, "slides");
  await page.getByRole("button", { name: "Present" }).click();
  await expect(page.locator(".present-page img")).toBeVisible();
  await expectAccessible(page, "present mode");
  await page.setViewportSize({ width: 360, height: 740 });
  await expectAccessible(page, "present mode, narrow");
});

test("student's pages are accessible", async ({ page, browser }) => {
  test.slow();
  await signIn(page, "teacher");
  const id = await createSession(page, { title: "Optics", isLive: true, isOpen: true });
  await publish(page);
  const names = ["light.mp4", "lenses.mp4"];
  await page.locator(".drop-zone input").setInputFiles(await Promise.all(names.map((name) => video(name))));
  await expect(page.getByText("The live event is ready at the provider.")).toBeVisible({ timeout: 30_000 });

  const student = await openAs(browser, "student");
  await expect(student.getByRole("heading", { level: 2 }).first()).toBeVisible();
  await look(student, "lessons");
  await student.getByRole("button", { name: /Account of/ }).click();
  await expectAccessible(student, "account");
  await student.keyboard.press("Escape");
  await student.goto(`/learn/${id}`);
  await expect(student.getByText("The broadcast has not started")).toBeVisible({ timeout: 20_000 });
  await expect(student.locator("gr-player")).toHaveAttribute("data-phase", "ready", { timeout: 45_000 });
  await look(student, "live room with videos");
  await student.goto("/learn/there-is-none");
  await expect(student.getByRole("heading", { name: "You cannot see this session" })).toBeVisible();
  await look(student, "refused");
  await student.goto("/no/such/page");
  await expect(student.getByRole("heading", { name: "This page does not exist." })).toBeVisible();
  await look(student, "no such page");
  await student.context().close();
});

test("everything can be used with the keyboard alone", async ({ page }) => {
  await signIn(page, "teacher");
  await page.goto("/teach");
  await expect(page.getByRole("link", { name: "New session" })).toBeVisible();
  await page.keyboard.press("Tab");
  await expect(page.getByRole("link", { name: "Skip to the content" })).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(page.locator("main")).toBeFocused();
  await page.keyboard.press("Tab");
  await expect(page.getByRole("link", { name: "New session" })).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { level: 1 }), "the heading of a new page has the focus").toBeFocused();
  await page.getByRole("button", { name: /Account of/ }).press("Enter");
  await expect(page.getByRole("dialog")).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(page.getByRole("button", { name: /Account of/ }), "the focus returns").toBeFocused();
});
