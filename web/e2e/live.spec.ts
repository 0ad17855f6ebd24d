import { expect, test, type Page } from "@playwright/test";

import { createSession, openAs, publish, signIn, videoRow } from "./support/app";
import { deck, loopedPicture } from "./support/files";
import { changeDocument, instant, readDocument } from "./support/firestore";
import { LivePicture } from "./support/live-picture";
import { simulator, userOf } from "./support/stack";

const PAGES = 4;

test("student sees the live picture with its slides in time, and both in the recording", async ({
  page,
  browser,
}, info) => {
  test.setTimeout(150_000);
  await signIn(page, "teacher");
  const id = await createSession(page, { title: "Optics", isLive: true, isOpen: true });
  await publish(page);
  await expect(page.getByText("The live event is ready at the provider.")).toBeVisible({ timeout: 30_000 });
  await page.getByRole("link", { name: "Slides" }).click();
  await expect(page.getByRole("heading", { name: "No documents yet" })).toBeVisible({ timeout: 30_000 });
  await page.locator("input[type=file]").setInputFiles(deck("Optics.pdf", PAGES));
  await expect(page.locator(".document")).toHaveAttribute("data-state", "ready", { timeout: 45_000 });

  const student = await openAs(browser, "student");
  const picture = new LivePicture(student);
  const joining = student.waitForResponse((response) => response.url().endsWith("/call/joinSession"));
  await student.goto(`/learn/${id}`);
  await expect(student.getByText("The broadcast has not started")).toBeVisible({ timeout: 20_000 });
  const entryId: string = (await readDocument(`sessions/${id}`))["kaltura"].mapValue.fields.entryId.stringValue;
  await expectPlaceInChatAndRoom(student, (await (await joining).json()).result, entryId);

  const beganAt = Date.now();
  await simulator("kaltura", "POST", "broadcast", { entryId, live: true });
  await observe(id);
  await expect(student.locator("gr-player")).toHaveAttribute("data-phase", "ready", { timeout: 30_000 });
  await student.locator("video").evaluate((video: HTMLVideoElement) => video.play());
  await expect.poll(() => played(student)).toBeGreaterThan(1);
  expect(await student.locator("video").evaluate((video: HTMLVideoElement) => video.videoWidth)).toBe(640);

  await page.getByRole("button", { name: "Present" }).click();
  const position = page.locator(".present-position");
  await expect(position).toHaveText(`Page 1 of ${PAGES}`);
  await expect(student.locator(".gr-slide-image"), "the late picture has no slide yet").toHaveCount(0);
  await expect(student.locator(".gr-slide-image")).toHaveAttribute("alt", /^Page 1 /, { timeout: 20_000 });
  await picture.record(".gr-slide-image", "alt");
  const turns: { page: number; from: number; until: number }[] = [];
  for (const next of [2, 3]) {
    const from = Date.now();
    await page.keyboard.press("ArrowRight");
    await expect(position).toHaveText(`Page ${next} of ${PAGES}`);
    turns.push({ page: next, from, until: Date.now() });
    await expect(student.locator(".gr-slide-image")).toHaveAttribute("alt", new RegExp(`^Page ${next} `));
  }
  const changes = await picture.changes();
  expect(changes.map(({ shown }) => shown.slice(0, 6))).toEqual(["Page 1", "Page 2", "Page 3"]);
  for (const [index, { from, until }] of turns.entries()) {
    const { at, pictureAt } = changes[index + 1]!;
    expect(at.getTime() - pictureAt.getTime(), "the picture is late").toBeGreaterThan(3_000);
    expect(pictureAt.getTime(), "the slide comes when the picture has reached the turn").toBeGreaterThan(from - 300);
    expect(pictureAt.getTime(), "and not later").toBeLessThan(until + 2_000);
  }
  expect(await played(student), "it went on where its film begins again").toBeGreaterThan(12);

  const film = info.outputPath("recording.mp4");
  await loopedPicture(film, Math.ceil((Date.now() - beganAt) / 12_000));
  await simulator("kaltura", "POST", "broadcast", { entryId, live: false, recording: film });
  await endEvent(id);
  await expect(student.getByText("This session is over")).toBeVisible({ timeout: 30_000 });
  await expect(student.locator("gr-player[data-live]")).toHaveCount(0);

  await page.goto(`/teach/${id}`);
  await expect(videoRow(page, "Optics")).toHaveAttribute("data-state", "ready", { timeout: 45_000 });
  await expect(student.locator("gr-player")).toHaveAttribute("data-phase", "ready", { timeout: 30_000 });
  await student.locator("video").evaluate((video: HTMLVideoElement) => video.play());
  await expect.poll(() => played(student)).toBeGreaterThan(0.5);
  const slide = student.locator("app-playlist .gr-slide-image");
  await expect(slide, "the broadcast began without slides").toHaveCount(0);
  const seek = (instantMs: number) =>
    student.locator("video").evaluate(
      (video: HTMLVideoElement, at) => {
        video.pause();
        video.currentTime = at;
      },
      (instantMs - beganAt) / 1000,
    );
  const [second, third] = turns as [(typeof turns)[number], (typeof turns)[number]];
  await seek(third.until + 1_500);
  await expect(slide).toHaveAttribute("alt", /^Page 3 /);
  await seek((second.until + third.from) / 2);
  await expect(slide).toHaveAttribute("alt", /^Page 2 /);
  await seek(second.from - 1_500);
  await expect(slide).toHaveAttribute("alt", /^Page 1 /);
  await expect.poll(() => slide.evaluate((image: HTMLImageElement) => image.complete && image.naturalWidth)).toBe(1920);
  await student.context().close();
});

/** The position of the one video of a page. */
function played(page: Page): Promise<number> {
  return page.locator("video").evaluate((video: HTMLVideoElement) => video.currentTime);
}

/** Let the server look at the event now: a change of its session brings that forward. */
function observe(sessionId: string): Promise<void> {
  return changeDocument(`sessions/${sessionId}`, { endsAt: instant(3600) });
}

/** The planned end passes, and the minute in which an encoder may come back. */
async function endEvent(sessionId: string): Promise<void> {
  await changeDocument(`sessions/${sessionId}`, { endsAt: instant(-1) });
  const pairing = `kalturaSession/${sessionId}`;
  const airing = async () => (await readDocument(pairing))["airing"].mapValue.fields;
  await expect.poll(async () => "timestampValue" in (await airing()).offAt, { timeout: 30_000 }).toBe(true);
  await changeDocument(pairing, { airing: { mapValue: { fields: { ...(await airing()), offAt: instant(-61) } } } });
  await changeDocument(`sessions/${sessionId}`, { endsAt: instant(-2) });
}

/** Kaltura's chat and its meeting room, as `joinSession` gives them. */
async function expectPlaceInChatAndRoom(page: Page, joined: any, entryId: string): Promise<void> {
  const claims = JSON.parse(Buffer.from(joined.chat.jwt.split(".")[1], "base64url").toString());
  expect(claims).toMatchObject({ uid: userOf("student").uid, contextId: entryId, groups: [] });
  await expect(page.getByText("You have a place in Kaltura's chat.")).toBeVisible();
  const room = page.getByRole("link", { name: "Open the meeting room" });
  expect(await room.getAttribute("href")).toBe(joined.room.url);
  expect(new URL(joined.room.url).hostname).toMatch(/^\d+\.kaf\.kaltura\.com$/);
}
