import { resolve } from "node:path";

import { defineConfig } from "vitest/config";

/** What the tests of `npm test` need besides what Angular's builder sets. */
export default defineConfig({
  resolve: {
    // The tests run in Node, for which tus-js-client has another build. Browsers get this one.
    alias: { "tus-js-client": resolve(import.meta.dirname, "node_modules/tus-js-client/lib.esm/browser/index.js") },
  },
});
