import { resolve } from "node:path";

import type { Page } from "@playwright/test";
import { build } from "esbuild";

import { stack } from "./stack";

const bundles = new Map<string, Promise<string>>();

/**
 * Open a page of `e2e/pages` at the app's own origin, so that it has its callables and its storage.
 *
 * @param name The file without its ending.
 */
export async function openPage(page: Page, name: string): Promise<void> {
  const script = bundles.get(name) ?? bundled(name);
  bundles.set(name, script);
  await page.route(`**/${name}.test.html`, async (route) => {
    const inputs = '<input type="file" multiple>';
    const body = `<!doctype html><meta charset="utf-8"><title>${name}</title>${inputs}<script>${await script}</script>`;
    await route.fulfill({ contentType: "text/html", body });
  });
  await page.goto(`/${name}.test.html`);
  await begin(page);
}

/** Reload the page, as a user does. */
export async function reload(page: Page): Promise<void> {
  await page.reload();
  await begin(page);
}

async function begin(page: Page): Promise<void> {
  const { projectId, authUrl, firestoreUrl } = stack;
  await page.evaluate(
    async (deployment) => {
      window.page = await window.openPage(deployment);
    },
    { projectId, authUrl, firestoreUrl },
  );
}

/** Return the script of a page of `e2e/pages`. */
export async function bundled(name: string): Promise<string> {
  const root = resolve(import.meta.dirname, "../..");
  const { outputFiles } = await build({
    entryPoints: [resolve(root, `e2e/pages/${name}.ts`)],
    bundle: true,
    format: "iife",
    platform: "browser",
    alias: { "greenroom/core": resolve(root, "greenroom/core/src/public-api.ts") },
    nodePaths: [resolve(root, "node_modules")],
    write: false,
  });
  return (outputFiles[0]?.text ?? "").replaceAll("</script>", "<\\/script>");
}
