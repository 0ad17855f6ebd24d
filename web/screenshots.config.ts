import { defineConfig } from "@playwright/test";

import tests from "./playwright.config";

/** Run by `make screenshots`: writes docs/screenshots/. */
export default defineConfig(tests, { testDir: "screenshots", timeout: 240_000, workers: 1, fullyParallel: false });
