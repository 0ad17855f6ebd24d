import { expect, test } from "@playwright/test";

import { createSession, openAs, publish, signIn, videoRow } from "./support/app";
import { video } from "./support/files";

test("teacher uploads three videos at once, sees them ready, and orders, renames and deletes them", async ({
  page,
}) => {
  await signIn(page, "teacher");
  await createSession(page, { title: "Fractions" });
  await publish(page);

  const titles = ["halves.mp4", "thirds.mp4", "quarters.mp4"];
  const files = await Promise.all(titles.map((name) => video(name, 300_000)));
  await page.locator(".drop-zone input").setInputFiles(files);
  await expect(page.locator(".gr-upload-item")).toHaveCount(3);
  for (const title of titles) {
    await expect(videoRow(page, title)).toHaveAttribute("data-state", "ready", { timeout: 45_000 });
  }
  await expect(page.locator(".gr-upload-item"), "sent uploads leave the list").toHaveCount(0);

  const names = page.locator(".video-row .video-title");
  await expect(names).toHaveText(titles);
  await page.getByRole("button", { name: "Move quarters.mp4 up" }).press("Enter");
  await expect(names).toHaveText(["halves.mp4", "quarters.mp4", "thirds.mp4"]);
  await expect(page.getByRole("button", { name: "Move quarters.mp4 up" })).toBeFocused();
  await expect(page.getByText("quarters.mp4 is now at position 2 of 3.")).toBeAttached();

  await page.getByRole("button", { name: "Actions for halves.mp4" }).click();
  await page.getByRole("menuitem", { name: "Rename" }).click();
  await page.getByRole("dialog").getByLabel("Title").fill("What a half is");
  await page.getByRole("dialog").getByRole("button", { name: "Save" }).click();
  await expect(videoRow(page, "What a half is")).toBeVisible();

  await page.getByRole("button", { name: "Actions for thirds.mp4" }).click();
  await page.getByRole("menuitem", { name: "Delete" }).click();
  await page.getByRole("alertdialog").getByRole("button", { name: "Delete" }).click();
  await expect(videoRow(page, "thirds.mp4")).toHaveCount(0);

  await page.reload();
  await expect(names).toHaveText(["What a half is", "quarters.mp4"]);
});

test("unsupported files are refused with a reason, and the others are uploaded", async ({ page }) => {
  await signIn(page, "teacher");
  await createSession(page, { title: "Files of all kinds" });
  await page
    .locator(".drop-zone input")
    .setInputFiles([
      { name: "notes.txt", mimeType: "text/plain", buffer: Buffer.from("not a video") },
      { name: "nothing.mp4", mimeType: "video/mp4", buffer: Buffer.alloc(0) },
      await video("lesson.mp4"),
    ]);
  const refusals = page.getByRole("alert");
  await expect(refusals).toContainText("2 files were not added");
  await expect(refusals).toContainText("notes.txt: Files of this type cannot be uploaded.");
  await expect(refusals).toContainText("nothing.mp4: This file is empty.");
  await expect(videoRow(page, "lesson.mp4")).toHaveAttribute("data-state", "ready", { timeout: 45_000 });
});

test("form keeps what was typed when it is incomplete, and asks before it is left", async ({ page }) => {
  await signIn(page, "teacher");
  await page.goto("/teach/new");
  await page.getByRole("button", { name: "Create session" }).click();
  await expect(page.getByLabel("Title")).toBeFocused();
  await expect(page.getByText("Enter a title.")).toBeVisible();

  await page.getByLabel("Title").fill("Optics");
  await page.getByRole("link", { name: "Learn" }).click();
  await page.getByRole("alertdialog").getByRole("button", { name: "Stay here" }).click();
  await expect(page.getByLabel("Title")).toHaveValue("Optics");
});

test("failed action says why, and nothing that was typed is lost", async ({ page }) => {
  await signIn(page, "teacher");
  const id = await createSession(page, { title: "Botany" });
  await page.goto(`/teach/${id}/people`);
  const uid = "nobody-who-could-own-a-session";
  await page.getByLabel("ID of the new owner").fill(uid);
  await page.getByRole("button", { name: "Hand over" }).click();
  const dialog = page.getByRole("alertdialog");
  await dialog.getByRole("button", { name: "Hand over" }).click();
  await expect(dialog.getByRole("alert")).toContainText("teacher");
  await dialog.getByRole("button", { name: "Cancel" }).click();
  await expect(page.getByLabel("ID of the new owner")).toHaveValue(uid);
});

test("live session shows what happens at the provider, and its key on demand", async ({ page }) => {
  await signIn(page, "teacher");
  await createSession(page, { title: "Optics live", isLive: true });
  await publish(page);
  await expect(page.getByText("The live event is ready at the provider.")).toBeVisible({ timeout: 30_000 });
  await page.getByRole("navigation", { name: "Parts of this session" }).getByRole("link", { name: "Live" }).click();
  await page.getByRole("button", { name: "Show address and key" }).click();
  const key = page.locator(".values > div", { hasText: "Stream key" }).locator("code");
  const before = await key.innerText();
  await page.getByRole("button", { name: "New key" }).click();
  await page.getByRole("alertdialog").getByRole("button", { name: "New key" }).click();
  await expect(page.getByText("This is the new key.")).toBeVisible();
  expect(await key.innerText()).not.toBe(before);
  await page.getByRole("button", { name: "Hide" }).click();
  await expect(key).toHaveCount(0);
});

test("student is redirected from a teacher's pages", async ({ browser }) => {
  const page = await openAs(browser, "student");
  await page.goto("/teach/new");
  await expect(page).toHaveURL(/\/learn$/);
  await page.context().close();
});
