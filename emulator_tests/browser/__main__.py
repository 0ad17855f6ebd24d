"""Run the tests of `web/e2e` in Chromium (`make browser`): start the stack, then Playwright with its addresses.

Arguments are passed on to Playwright: `python -m emulator_tests.browser smoke.spec.ts --headed`.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

from emulator_tests.browser.lines import Lines, running_lines
from emulator_tests.testbed import Testbed, TestbedError
from emulator_tests.testbed.places import APP, CHROMIUM, TEST_PICTURE, WEB, state_folder
from emulator_tests.testbed.users import USERS

SETTINGS: Final = {
    "ARCHIVE_GCS_BUCKET": "originals",
    "FEED_INTERVAL_S": "1",
    "FEED_OVERLAP_S": "5",
    "REAP_GRACE_S": "2",
    "SLIDES_BUCKET": "slides",
    # A grant for the test picture, of 12 s, is renewed after 9 s.
    "PLAYBACK_PAUSES_S": "6",
}
"""Times are shorter than in production, so that a test takes seconds."""


def main() -> int:
    """
    Returns:
        The exit code of Playwright.
    """
    try:
        check()
        state = state_folder("browser")
        stack = Testbed(
            state,
            SETTINGS,
            has_chat=True,
            app=APP,
            users=USERS,
            say=lambda line: print(f"  {line}", flush=True),
        )
        with stack as testbed:
            testbed.set_up_accounts()
            servers = {
                "kaltura": testbed.kaltura_url,
                "cloudflare": testbed.cloudflare_url,
                "storage": testbed.storage_url,
                "site": testbed.site_url,
            }
            with running_lines(servers) as lines:
                environment = os.environ | {
                    "PLAYWRIGHT_BROWSERS_PATH": str(write_ffmpeg(state / "playwright")),
                    "STACK": json.dumps(told(testbed, lines)),
                }
                # Its messages about what it would download, and about deprecations of Node, help nobody.
                command = ["npx", "--no-install", "playwright", "test", *sys.argv[1:]]
                return subprocess.run(command, cwd=WEB, env=environment, check=False).returncode
    except TestbedError as error:
        print(error, file=sys.stderr)
        return 1


def check() -> None:
    """
    Raises:
        TestbedError: Something is missing that the set-up installs.
    """
    missing = [str(path) for path in (CHROMIUM, WEB / "node_modules" / "@playwright") if not path.exists()]
    if missing:
        raise TestbedError(f"Missing: {', '.join(missing)}. `make setup` installs it.")


def told(testbed: Testbed, lines: Lines) -> dict[str, Any]:
    """
    Return what the tests know of the stack; `web/e2e/support/stack.ts` has its type.
    """
    return {
        "siteUrl": testbed.site_url,
        "projectId": testbed.project_id,
        "region": testbed.region,
        "authUrl": f"http://{testbed.auth_host}",
        "firestoreUrl": f"http://{testbed.firestore_host}",
        "functionsUrl": testbed.functions_url,
        "functionsHost": testbed.functions_host,
        "kalturaUrl": testbed.kaltura_url,
        "cloudflareUrl": testbed.cloudflare_url,
        "storageUrl": testbed.storage_url,
        "chatUrl": testbed.prosody.websocket_url if testbed.prosody else "",
        "linesUrl": lines.url,
        "resolverRules": lines.rules,
        "chromium": str(CHROMIUM),
        "testPicture": str(TEST_PICTURE),
        "users": [{**user.shown, "uid": testbed.uids[user.name]} for user in USERS],
    }


def write_ffmpeg(folder: Path) -> Path:
    """
    Give Playwright the system's ffmpeg, with which it records videos, in place of the one that it would download.

    Returns:
        The folder in which it looks for browsers.
    """
    known = json.loads((WEB / "node_modules" / "playwright-core" / "browsers.json").read_text())["browsers"]
    revision = next(one["revision"] for one in known if one["name"] == "ffmpeg")
    its_own = folder / f"ffmpeg-{revision}"
    its_own.mkdir(parents=True)
    (its_own / "ffmpeg-linux").symlink_to(shutil.which("ffmpeg") or "/usr/bin/ffmpeg")
    (its_own / "INSTALLATION_COMPLETE").touch()
    return folder


if __name__ == "__main__":
    sys.exit(main())
