import { expect, test } from "@playwright/test";

import { createSession, openAs, publish, signIn } from "./support/app";
import { deck } from "./support/files";

const PAGES = 50;

test("presenter turns fifty pages, and the student's view follows", async ({ page, browser }) => {
  test.slow();
  await signIn(page, "teacher");
  const id = await createSession(page, { title: "Lenses", isLive: true, isOpen: true });
  await publish(page);
  await expect(page.getByText("The live event is ready at the provider.")).toBeVisible({ timeout: 30_000 });
  await page.getByRole("link", { name: "Slides" }).click();
  await expect(page.getByRole("heading", { name: "No documents yet" })).toBeVisible();
  await page.locator("input[type=file]").setInputFiles(deck("Lenses.pdf", PAGES, "Lenses"));
  await expect(page.locator(".document")).toHaveAttribute("data-state", "ready", { timeout: 45_000 });
  await expect(page.locator(".page-thumb img")).toHaveCount(PAGES);

  const student = await openAs(browser, "student");
  await student.goto(`/learn/${id}`);
  await expect(student.getByText("No slides are being shown.")).toBeVisible({ timeout: 20_000 });
  await page.getByRole("button", { name: "Present" }).click();
  const shown = student.locator(".gr-slide-image");
  await expect(shown).toHaveAttribute("alt", new RegExp(`^Page 1 of ${PAGES}`));

  await expect(page.getByText(`Page 1 of ${PAGES}`).first()).toBeVisible();
  for (let at = 2; at <= PAGES; at++) {
    await page.keyboard.press("ArrowRight");
    await expect(page.locator(".present-position")).toHaveText(`Page ${at} of ${PAGES}`);
    if (at % 10 === 0) await expect(shown).toHaveAttribute("alt", new RegExp(`^Page ${at} of ${PAGES}`));
  }
  await expect.poll(() => shown.evaluate((image: HTMLImageElement) => image.complete && image.naturalWidth)).toBe(1920);

  await page.keyboard.press("Home");
  await expect(shown).toHaveAttribute("alt", new RegExp(`^Page 1 of ${PAGES}`));
  await page.getByRole("button", { name: "Go to page 7" }).click();
  await expect(shown).toHaveAttribute("alt", new RegExp(`^Page 7 of ${PAGES}`));

  const late = await openAs(browser, "stranger");
  await late.goto(`/learn/${id}`);
  await expect(late.locator(".gr-slide-image"), "who comes late sees the present page").toHaveAttribute(
    "alt",
    /^Page 7 /,
  );
  await late.context().close();

  await page.getByRole("button", { name: "End" }).click();
  await expect(student.getByText("No slides are being shown.")).toBeVisible();
  await student.context().close();
});
