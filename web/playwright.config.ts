import { defineConfig } from "@playwright/test";

import { stack } from "./e2e/support/stack";

/** Run by `make browser`, which starts the stack and says where it is. */
export default defineConfig({
  testDir: "e2e",
  outputDir: "test-results",
  forbidOnly: true,
  fullyParallel: true,
  // As many as the machine has cores: the pages mostly wait for the stack.
  workers: 2,
  timeout: 60_000,
  expect: { timeout: 15_000 },
  reporter: [["list"], ["html", { open: "never", outputFolder: "playwright-report" }]],
  use: {
    baseURL: stack.siteUrl,
    screenshot: "only-on-failure",
    trace: "retain-on-failure",
    launchOptions: {
      executablePath: stack.chromium,
      // Requests to these servers take a line that a test can break; see `Line` in support/line.ts.
      args: [`--host-resolver-rules=${stack.resolverRules}`, "--autoplay-policy=no-user-gesture-required"],
    },
  },
});
