import { expect, test } from "@playwright/test";

import { createSession, publish, signIn } from "./support/app";
import { deck } from "./support/files";

test("slides upload continues when its page is left, and a change made offline is kept", async ({ page, context }) => {
  test.slow();
  await signIn(page, "teacher");
  await createSession(page, { title: "Waves", isLive: true, isOpen: true });
  await publish(page);
  await expect(page.getByText("The live event is ready at the provider.")).toBeVisible({ timeout: 30_000 });
  await page.getByRole("link", { name: "Slides" }).click();
  await expect(page.getByRole("heading", { name: "No documents yet" })).toBeVisible();
  let release = () => {};
  const held = new Promise<void>((resolve) => (release = resolve));
  await page.route(
    (url) => url.href.includes("upload"),
    async (route) => {
      if (route.request().method() === "PUT") await held;
      await route.continue();
    },
  );
  await page.locator("input[type=file]").setInputFiles(deck("Waves.pdf", 3, "Waves"));
  await expect(page.locator(".dock")).toHaveText(/1 upload/);
  await page.getByRole("link", { name: "Settings" }).click();
  await expect(page.locator(".dock")).toHaveText(/1 upload/);
  await page.locator(".dock").click();
  await expect(page.getByRole("progressbar")).toBeVisible();
  release();
  await expect(page.locator(".document")).toHaveAttribute("data-state", "ready", { timeout: 45_000 });
  await expect(page.locator(".dock")).toHaveCount(0);
  await expect(page.locator(".page-thumb img")).toHaveCount(3);
  await page.getByRole("link", { name: "Settings" }).click();
  await context.setOffline(true);
  await page.getByLabel("Title").fill("Waves and tides");
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.locator("app-pending-writes-notice").getByText("1 change is not sent yet.")).toBeVisible();
  await expect(page.getByRole("button", { name: "Save" })).not.toHaveAttribute("aria-disabled", "true");
  await context.setOffline(false);
  await expect(page.locator("app-pending-writes-notice").getByText("1 change is not sent yet.")).toBeHidden({
    timeout: 60_000,
  });
  await page.reload();
  await expect(page.getByRole("heading", { name: "Waves and tides" })).toBeVisible();
});
