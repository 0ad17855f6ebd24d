"""Benchmark of watching in a browser: from the click to the first frame, over a line with a round trip of 100 ms.

The peer is a page that takes one step after another: it loads hls.js, asks for the addresses, and gives them to an
hls.js as it comes. Both are the same page on the whole stack, signed in before the click, in a browser of its own each
time. The page with its scripts, the callables and the video are behind the line.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, Final

from emulator_tests.bench.rounds import by_turns, least_and_median, show, times
from emulator_tests.browser.lines import running_lines
from emulator_tests.flow.school import School
from emulator_tests.testbed import Testbed
from emulator_tests.testbed.network import ask
from emulator_tests.testbed.places import CHROMIUM, HOME, TEST_PICTURE, WEB
from emulator_tests.testbed.users import STUDENT

ROUNDS: Final = 9
LINE_BYTES_PER_S: Final = 200_000_000 / 8
DELAY_S: Final = 0.05

NAMES: Final = {
    "step-by-step": "one step after another",
    "ours": "ours",
    "prepared": "ours, hls.js loaded before the click",
}


def run() -> None:
    """
    Measure, and print the table.
    """
    print("watch: from the click to the first frame over 200 Mbit/s and 100 ms")
    with tempfile.TemporaryDirectory(prefix="greenroom-bench-") as name:
        app = Path(name)
        _build(app)
        stack = Testbed(
            HOME / "bench",
            has_s3=False,
            app=app,
            users=(STUDENT,),
            say=lambda line: print(f"  {line}", flush=True),
        )
        with stack as testbed:
            os.environ["FIRESTORE_EMULATOR_HOST"] = testbed.firestore_host
            testbed.set_up_accounts()
            video_id = _upload(testbed)
            with running_lines({"site": testbed.site_url, "kaltura": testbed.kaltura_url}) as lines:
                for line in ("site", "kaltura"):
                    status, _ = ask(f"{lines.url}/{line}/slow-down", {"bytesPerS": LINE_BYTES_PER_S, "delayS": DELAY_S})
                    assert status == 200
                asked = {
                    "videoId": video_id,
                    "deliveryOrigin": testbed.kaltura_url,
                    "siteUrl": testbed.site_url,
                    "projectId": testbed.project_id,
                    "authUrl": f"http://{testbed.auth_host}",
                    "email": STUDENT.email,
                    "password": STUDENT.shown["password"],
                    "resolverRules": lines.rules,
                    "executablePath": str(CHROMIUM),
                }
                samples = by_turns({way: partial(_watched_s, {**asked, "way": way}) for way in NAMES}, ROUNDS)
    medians = {way: median(taken) for way, taken in samples.items()}
    show(
        f"watch: from the click to the first frame in Chromium; ms, {ROUNDS} rounds",
        ("way", "min", "median", "faster than the peer by the median"),
        [
            (NAMES[way], *least_and_median(taken, 1e3, 0), times(medians["step-by-step"] / medians[way]))
            for way, taken in samples.items()
        ],
    )


def _build(app: Path) -> None:
    """
    Write the page and its scripts, hls.js in one of its own, as an app's bundler does.
    """
    options = ["--bundle", "--splitting", "--minify", "--format=esm", "--log-level=error", f"--outdir={app}"]
    subprocess.run(["npx", "--no-install", "esbuild", "bench/watch-page.ts", *options], cwd=WEB, check=True)
    shutil.copy(WEB / "bench" / "watch.html", app / "index.html")


def _upload(testbed: Testbed) -> str:
    """
    Publish a session that is open to everybody signed in, with a video that is ready.

    Returns:
        The id of the video.
    """
    school = School(testbed)
    try:
        teacher = school.teacher()
        session_id = teacher.write_session(status="public")
        return teacher.upload_video(session_id, TEST_PICTURE.read_bytes())
    finally:
        school.close()


def _watched_s(asked: Mapping[str, Any]) -> float:
    """
    Return the seconds from the click to the first frame.
    """
    command = ["node", "bench/watch.mjs", json.dumps(asked)]
    done = subprocess.run(command, cwd=WEB, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return float(done.stdout)
