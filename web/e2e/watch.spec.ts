import { expect, test, type Page } from "@playwright/test";

import { createSession, enrol, openAs, publish, signIn, videoRow } from "./support/app";
import { video } from "./support/files";
import { userOf } from "./support/stack";

const currentTime = (page: Page) => page.locator("video").evaluate((element: HTMLVideoElement) => element.currentTime);

test("enrolled student plays a video whose grant is renewed meanwhile, and is refused once unenrolled", async ({
  page,
  browser,
}) => {
  test.slow();
  await signIn(page, "teacher");
  const id = await createSession(page, { title: "Halves and thirds" });
  await publish(page);
  await page.locator(".drop-zone input").setInputFiles(await video("halves.mp4"));
  await enrol(page, "student");

  const student = await openAs(browser, "student");
  // PLAYBACK_PAUSES_S of this stack is so short that a grant is renewed while the video plays.
  let grants = 0;
  student.on("response", (response) => {
    if (response.url().endsWith("/call/issuePlayback") && response.ok()) grants += 1;
  });
  await student.locator(`a[href="/learn/${id}"]`).click();
  await page.getByRole("link", { name: "Videos" }).click();
  await expect(videoRow(page, "halves.mp4")).toHaveAttribute("data-state", "ready", { timeout: 45_000 });

  await expect(student.locator("gr-player")).toHaveAttribute("data-phase", "ready", { timeout: 30_000 });
  await student.locator("video").evaluate((element: HTMLVideoElement) => element.play());
  await expect.poll(() => currentTime(student)).toBeGreaterThan(1);
  await expect.poll(() => grants, { timeout: 20_000 }).toBeGreaterThan(1);
  const renewedAt = await currentTime(student);
  await expect.poll(() => currentTime(student)).toBeGreaterThan(renewedAt + 2);

  await page.getByRole("link", { name: "People" }).click();
  await page.getByRole("button", { name: `Remove ${userOf("student").uid}` }).click();
  await page.getByRole("alertdialog").getByRole("button", { name: "Remove" }).click();
  await expect(page.getByText("Nobody is enrolled yet")).toBeVisible();
  await student.goto(`/learn/${id}`);
  await expect(student.getByRole("heading", { name: "You cannot see this session" })).toBeVisible();
  await student.context().close();
});

test("stranger sees neither a draft nor a session for others", async ({ page, browser }) => {
  await signIn(page, "teacher");
  const id = await createSession(page, { title: "Only for some" });
  await publish(page);
  const stranger = await openAs(browser, "stranger");
  await expect(stranger.locator(`a[href="/learn/${id}"]`)).toHaveCount(0);
  await stranger.goto(`/learn/${id}`);
  await expect(stranger.getByRole("heading", { name: "You cannot see this session" })).toBeVisible();
  await stranger.context().close();
});

test("sign-in is remembered, and ends", async ({ page }) => {
  await page.goto("/learn");
  await expect(page).toHaveURL(/sign-in\?from=%2Flearn/);
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page.getByText("Enter your e-mail address.")).toBeVisible();
  await page.getByLabel("E-mail").fill(userOf("student").email);
  await page.getByLabel("Password").fill("not the password");
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page.getByRole("alert")).toContainText("do not match an account");
  await expect(page.getByLabel("E-mail")).toHaveValue(userOf("student").email);
  await page.getByLabel("Password").fill(userOf("student").password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page).toHaveURL(/\/learn$/);
  await page.reload();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Your lessons");
  await page.getByRole("button", { name: /Account of/ }).click();
  await page.getByRole("button", { name: "Sign out" }).click();
  await expect(page).toHaveURL(/sign-in$/);
});
