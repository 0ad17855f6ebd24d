import { randomUUID } from "node:crypto";

import { expect, test, type Page } from "@playwright/test";

import { createSession, publish, signIn, signInByForm, videoRow } from "./support/app";
import { loopedPicture, video, type GivenFile } from "./support/files";
import { simulator } from "./support/stack";
import { createTeacher } from "./support/users";

test("teacher pastes, drags, replaces, keeps and retries videos, and hands the session over", async ({
  page,
  browser,
}, info) => {
  test.setTimeout(120_000);
  await signIn(page, "teacher");
  const id = await createSession(page, { title: "Waves" });
  await publish(page);

  await paste(page, await video("pasted.mp4"));
  await expect(videoRow(page, "pasted.mp4")).toHaveAttribute("data-state", "ready", { timeout: 45_000 });

  const failing = `failing-${randomUUID()}.mp4`;
  const entryId = await uploadAndFail(page, await video(failing));
  await expect(videoRow(page, failing).locator(".video-failure")).toBeVisible();
  await simulator("kaltura", "POST", "clock", { ready: "at_once", entryId });
  await videoRow(page, failing).getByRole("button", { name: "Process again" }).click();
  await expect(videoRow(page, failing)).toHaveAttribute("data-state", "ready", { timeout: 30_000 });
  await expect(videoRow(page, failing).locator(".video-failure")).toHaveCount(0);

  const names = page.locator(".video-row .video-title");
  await expect(names).toHaveText(["pasted.mp4", failing]);
  await drag(page, failing, "pasted.mp4");
  await expect(names).toHaveText([failing, "pasted.mp4"]);
  await expect(page.getByText(`${failing} is now at position 1 of 2.`)).toBeAttached();

  await expect(videoRow(page, "pasted.mp4")).toContainText("12 seconds");
  const replacement = info.outputPath("longer.mp4");
  await loopedPicture(replacement, 2);
  const choosing = page.waitForEvent("filechooser");
  await choose(page, "pasted.mp4", "Replace the file");
  await (await choosing).setFiles(replacement);
  await expect(videoRow(page, "pasted.mp4")).toContainText("24 seconds", { timeout: 45_000 });
  await expect(names).toHaveText([failing, "pasted.mp4"]);

  await choose(page, "pasted.mp4", "Keep out of the archive");
  await expect(videoRow(page, "pasted.mp4")).toContainText("Kept out of the archive");
  await page.reload();
  await expect(names, "the order is the server's").toHaveText([failing, "pasted.mp4"]);
  await expect(videoRow(page, "pasted.mp4")).toContainText("Kept out of the archive");
  await choose(page, "pasted.mp4", "Allow archiving");
  await expect(videoRow(page, "pasted.mp4")).not.toContainText("Kept out of the archive");

  const colleague = await createTeacher();
  await page.getByRole("link", { name: "People" }).click();
  await page.getByLabel("ID of the new owner").fill(colleague.uid);
  await page.getByRole("button", { name: "Hand over" }).click();
  await page.getByRole("alertdialog").getByRole("button", { name: "Hand over" }).click();
  await expect(page).toHaveURL(/\/teach$/);
  await expect(page.locator(`a[href="/teach/${id}"]`)).toHaveCount(0);
  await page.goto(`/teach/${id}`);
  await expect(page.getByText("This session does not exist, or is no longer yours.")).toBeVisible();

  const theirs = await (await browser.newContext()).newPage();
  await signInByForm(theirs, colleague);
  await theirs.locator(`a[href="/teach/${id}"]`).click();
  await expect(theirs.locator(".video-row .video-title")).toHaveText([failing, "pasted.mp4"]);
  await choose(theirs, "pasted.mp4", "Rename");
  await theirs.getByRole("dialog").getByLabel("Title").fill("Waves on water");
  await theirs.getByRole("dialog").getByRole("button", { name: "Save" }).click();
  await expect(videoRow(theirs, "Waves on water"), "the new owner manages its videos").toBeVisible();
  await theirs.context().close();
});

/** Paste a file on the page, as somebody does who has copied it in a file manager. */
async function paste(page: Page, { name, mimeType, buffer }: GivenFile): Promise<void> {
  await page.locator(".drop-zone").evaluate(
    (zone, { name, mimeType, base64 }) => {
      const clipboardData = new DataTransfer();
      clipboardData.items.add(
        new File([Uint8Array.from(atob(base64), (byte) => byte.charCodeAt(0))], name, { type: mimeType }),
      );
      zone.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true }));
    },
    { name, mimeType, base64: buffer.toString("base64") },
  );
}

/**
 * Upload a video whose conversion fails, and no other one. The bytes wait in the browser until the provider knows.
 *
 * @returns the id of its entry.
 */
async function uploadAndFail(page: Page, file: GivenFile): Promise<string> {
  let release = () => {};
  const known = new Promise<void>((resolve) => (release = resolve));
  const uploads = /\/service\/uploadtoken\/action\/upload/i;
  await page.route(uploads, async (route) => {
    await known;
    await route.continue();
  });
  await page.locator(".drop-zone input").setInputFiles([file]);
  const entries = async () => (await simulator("kaltura", "GET", "things")).entries as { id: string; name: string }[];
  const entry = async () => (await entries()).find(({ name }) => name === file.name);
  await expect.poll(entry, { timeout: 30_000 }).toBeDefined();
  const { id } = (await entry())!;
  await simulator("kaltura", "POST", "clock", { ready: "failed", entryId: id });
  release();
  await expect(videoRow(page, file.name)).toHaveAttribute("data-state", "failed", { timeout: 30_000 });
  await page.unroute(uploads);
  return id;
}

/** Choose something in the menu of a video. */
async function choose(page: Page, title: string, action: string): Promise<void> {
  await page.getByRole("button", { name: `Actions for ${title}` }).click();
  await page.getByRole("menuitem", { name: action }).click();
}

/** Drag a video by its grip to the place of another one. */
async function drag(page: Page, title: string, to: string): Promise<void> {
  const centre = async (title: string) => {
    const box = (await videoRow(page, title).locator(".grip").boundingBox())!;
    return [box.x + box.width / 2, box.y + box.height / 2] as const;
  };
  await page.mouse.move(...(await centre(title)));
  await page.mouse.down();
  const [x, y] = await centre(to);
  await page.mouse.move(x, y - 8, { steps: 12 });
  await page.mouse.up();
}
