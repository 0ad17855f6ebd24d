import { expect, test, type Page } from "@playwright/test";

import { createSession, openAs, publish, signIn } from "./support/app";
import { deck } from "./support/files";
import { userOf } from "./support/stack";

test("student moderates and turns the slides until the teacher removes them, and a stranger never does", async ({
  page,
  browser,
}) => {
  test.setTimeout(150_000);
  await signIn(page, "teacher");
  const id = await createSession(page, { title: "Debate", isLive: true, isOpen: true });
  await publish(page);
  await expect(page.getByText("The live event is ready at the provider.")).toBeVisible({ timeout: 30_000 });
  await page.getByRole("link", { name: "People" }).click();
  const moderators = page.locator("app-moderators");
  await moderators.getByLabel("ID of a person").fill(userOf("student").uid);
  await moderators.getByRole("button", { name: "Add moderator" }).click();
  const named = moderators.locator(".person", { hasText: userOf("student").uid });
  await expect(named).toBeVisible();

  await page.getByRole("link", { name: "Slides" }).click();
  await expect(page.getByRole("heading", { name: "No documents yet" })).toBeVisible({ timeout: 30_000 });
  await page.locator("input[type=file]").setInputFiles(deck("Debate.pdf", 3));
  await expect(page.locator(".document")).toHaveAttribute("data-state", "ready", { timeout: 45_000 });
  await page.getByRole("button", { name: "Present" }).click();
  const position = page.locator(".present-position");
  await expect(position).toHaveText("Page 1 of 3");

  const student = await openAs(browser, "student");
  await enter(student, id);
  await expect(student.getByText("You moderate this session.")).toBeVisible();
  await turnTo(student, id, 2);
  await expect(position, "the teacher sees the moderator's page").toHaveText("Page 2 of 3");

  const stranger = await openAs(browser, "stranger");
  await enter(stranger, id);
  await expect(stranger.getByText("You moderate this session.")).toHaveCount(0);
  await expectNoTurning(stranger, id);

  await page.goto(`/teach/${id}/people`);
  await named.getByRole("button", { name: `Remove ${userOf("student").uid}` }).click();
  await expect(named).toHaveCount(0);
  await enter(student, id);
  await expect(student.getByText("You moderate this session.")).toHaveCount(0);
  await expectNoTurning(student, id);
  await expect(student.locator(".present-position"), "nobody's refused page was shown").toHaveText("Page 2 of 3");
  await student.context().close();
  await stranger.context().close();
});

/** Join the live event again. */
async function enter(page: Page, sessionId: string): Promise<void> {
  await page.goto(`/learn/${sessionId}`);
  await expect(page.getByText("You have a place in Kaltura's chat.")).toBeVisible({ timeout: 30_000 });
}

async function turnTo(page: Page, sessionId: string, target: number): Promise<void> {
  await page.goto(`/present/${sessionId}`);
  await page.getByRole("button", { name: `Go to page ${target}` }).click();
}

/** Find that the API of slides refuses somebody who turns to another page. */
async function expectNoTurning(page: Page, sessionId: string): Promise<void> {
  const refusal = page.waitForResponse((response) => response.url().endsWith("/navigate/"));
  await turnTo(page, sessionId, 3);
  expect((await refusal).status()).toBe(403);
  await expect(page.getByRole("alert")).toContainText("Only the owner and the moderators");
}
