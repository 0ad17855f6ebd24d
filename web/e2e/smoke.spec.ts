import { stat } from "node:fs/promises";

import { expect, test } from "@playwright/test";

import { Line } from "./support/line";
import { stack } from "./support/stack";

test("page opens without an error and within its security policy", async ({ page }) => {
  const errors: string[] = [];
  page.on("pageerror", (error) => errors.push(error.message));
  page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
  const answer = await page.goto("/");
  expect(answer?.headers()["content-security-policy"]).toContain("script-src 'self'");
  await expect(page.locator("app-root > *")).not.toHaveCount(0);
  await page.waitForLoadState("networkidle");
  expect(errors).toEqual([]);
});

test("page reads where the stack is, and a callable answers through the same port", async ({ page }) => {
  await page.goto("/");
  const seen = await page.evaluate(async () => {
    const told = await (await fetch("/stack.json")).json();
    const request = { method: "POST", headers: { "content-type": "application/json" }, body: '{"data":{}}' };
    const answer = await fetch(`${told.callablesUrl}issuePlayback`, request);
    return { told, status: answer.status, code: (await answer.json()).error.details.code };
  });
  expect(seen.told).toMatchObject({ projectId: stack.projectId, authUrl: stack.authUrl, apiUrl: "/api/" });
  expect({ status: seen.status, code: seen.code }).toEqual({ status: 401, code: "SIGN_IN_REQUIRED" });
});

test("a test can break, stall and slow down a page's connections", async ({ page }) => {
  const line = new Line("storage");
  await page.goto("/");
  const ask = (bytes: number) =>
    page.evaluate(
      async ({ url, bytes }) => {
        const beganAt = performance.now();
        try {
          const answer = await fetch(url, {
            method: "POST",
            body: new Uint8Array(bytes),
            signal: AbortSignal.timeout(9000),
          });
          await answer.text();
          return Math.round(performance.now() - beganAt);
        } catch (error) {
          return (error as Error).name;
        }
      },
      { url: `${stack.storageUrl}/upload/storage/v1/b/slides/o?uploadType=media&name=smoke`, bytes },
    );
  expect(await ask(1)).toEqual(expect.any(Number));

  await line.breakAll();
  expect(await ask(1)).toBe("TypeError");
  await line.heal();
  expect(await ask(1)).toEqual(expect.any(Number));

  await line.slowDown({ bytesPerS: 200_000 });
  expect(await ask(200_000)).toBeGreaterThan(800);
  await line.heal();

  await line.breakLater(100_000, { resets: true });
  await line.breakLater(200_000, { resets: true });
  expect(await ask(200_000)).toBe("TypeError");
  expect((await line.report()).broken).toBe(2);
  expect(await ask(200_000)).toEqual(expect.any(Number));
});

test("page reaches the chat server", async ({ page }) => {
  await page.goto("/");
  const protocol = await page.evaluate(
    (url) =>
      new Promise<string>((resolve) => {
        const socket = new WebSocket(url, "xmpp");
        socket.onopen = () => resolve(socket.protocol);
        socket.onerror = () => resolve("refused");
      }),
    stack.chatUrl,
  );
  expect(protocol).toBe("xmpp");
});

test("page can be recorded as a video", async ({ browser }, info) => {
  const context = await browser.newContext({ recordVideo: { dir: info.outputPath("video") } });
  const page = await context.newPage();
  await page.goto("/stack.json");
  await context.close();
  expect((await stat(await page.video()!.path())).size).toBeGreaterThan(1000);
});
