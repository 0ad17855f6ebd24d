"""The tests in a real browser: Playwright runs those of `web/e2e` on the whole stack, over lines that can break."""
