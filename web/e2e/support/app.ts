import { expect, type Browser, type BrowserContextOptions, type Locator, type Page } from "@playwright/test";

import type { NewUser } from "./users";
import { userOf, type StackUser } from "./stack";

/** Open the app in a new browser context, signed in as one of the stack's users. */
export async function openAs(
  browser: Browser,
  name: StackUser["name"],
  options: BrowserContextOptions = {},
): Promise<Page> {
  const page = await (await browser.newContext(options)).newPage();
  await signIn(page, name);
  return page;
}

export async function signIn(page: Page, name: StackUser["name"]): Promise<void> {
  await page.goto("/sign-in");
  await page.locator(".demo-user", { hasText: userOf(name).email }).click();
  await expect(page.locator("main h1")).toBeVisible();
  await expect(page).toHaveURL(/\/(teach|learn)$/);
}

/** Sign in with the form, as a user that a test has created. */
export async function signInByForm(page: Page, { email, password }: NewUser): Promise<void> {
  await page.goto("/sign-in");
  await page.getByLabel("E-mail").fill(email);
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page).toHaveURL(/\/(teach|learn)$/);
}

export interface NewSession {
  readonly title: string;
  readonly isLive?: boolean;
  readonly isOpen?: boolean;
  readonly provider?: "kaltura" | "cloudflare";
}

/** Create a session in the form, from any page of a teacher. @returns its id. */
export async function createSession(page: Page, session: NewSession): Promise<string> {
  await page.goto("/teach/new");
  await page.getByLabel("Title").fill(session.title);
  if (session.isLive === true) {
    await page.getByRole("radio", { name: "Live" }).check();
    await page.getByLabel("Starts").fill(inputTime(-5));
    await page.getByLabel("Ends").fill(inputTime(60));
  }
  if (session.isOpen === true) await page.getByRole("radio", { name: "Everybody signed in" }).check();
  if (session.provider !== undefined) await page.getByLabel("Videos are stored at").selectOption(session.provider);
  await page.getByRole("button", { name: "Create session" }).click();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText(session.title);
  return /\/teach\/([^/]+)/.exec(page.url())?.[1] ?? "";
}

/** Return the value for a time field, some minutes from now. */
function inputTime(minutes: number): string {
  const at = new Date(Date.now() + minutes * 60_000);
  return new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

export async function publish(page: Page): Promise<void> {
  const published = page.getByRole("switch", { name: /Draft|Published/ });
  await published.click();
  await expect(published).toHaveAttribute("aria-checked", "true");
  await expect(published).toHaveText("Published");
}

/** Enrol a user, on the page of a session. */
export async function enrol(page: Page, name: StackUser["name"]): Promise<void> {
  await page.getByRole("link", { name: "People" }).click();
  await page.getByLabel("IDs of students").fill(userOf(name).uid);
  await page.getByRole("button", { name: "Enrol", exact: true }).click();
  await expect(page.locator(".person", { hasText: userOf(name).uid })).toBeVisible();
}

/** Return the row of a video in a teacher's list. */
export function videoRow(page: Page, title: string): Locator {
  return page.locator(".video-row", { hasText: title });
}
