"""Runs the stack until Ctrl-C: `make up`.

Run as `python -m emulator_tests.testbed`. It adds a few sessions to what `stack.py` runs, and shows all of it.
"""

from __future__ import annotations

import argparse
import shlex
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from emulator_tests.testbed import Testbed, TestbedError
from emulator_tests.testbed.places import APP, HOME, ROOT
from emulator_tests.testbed.ports import fixed_ports
from emulator_tests.testbed.site import print_site
from emulator_tests.testbed.users import USERS

SETTINGS = {"SLIDES_BUCKET": "slides", "ARCHIVE_GCS_BUCKET": "originals", "FEED_INTERVAL_S": "2"}
"""The settings of the functions, unless `--set` changes them. A video is ready soon after its processing has ended."""

SAMPLES = ROOT / "emulator_tests" / "demo" / "samples.mjs"
SAMPLES_WITHIN_S = 120.0

SETTINGS_FILE = "greenroom.sh"
"""The file, in the folder of the stack, with which the operator's command finds it."""


def setting(text: str) -> tuple[str, str]:
    """
    NAME=VALUE as a pair.
    """
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    return name, value


def create_samples(testbed: Testbed) -> str:
    """
    Create sessions to look at, as a teacher's app does.

    Returns:
        A line for each, for people.

    Raises:
        TestbedError: One was not created.
    """
    made = subprocess.run(
        ["node", str(SAMPLES)],
        env=testbed.script_environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=SAMPLES_WITHIN_S,
        check=False,
    )
    if made.returncode != 0:
        raise TestbedError(f"The sample sessions were not created: {made.stderr.strip()}")
    return made.stdout


def write_settings(file: Path, settings: Mapping[str, str]) -> Path:
    """
    Write settings as exports for a shell, readable by this user only, because there are secrets among them.
    """
    file.touch(mode=0o600)
    file.write_text("".join(f"export {name}={shlex.quote(value)}\n" for name, value in sorted(settings.items())))
    return file


def main() -> int:
    """
    Returns:
        The exit code: 0 when stopped by the user, 1 when the stack did not start or ended by itself.
    """
    parser = argparse.ArgumentParser(prog="python -m emulator_tests.testbed", description="Runs the whole stack.")
    parser.add_argument("--state", type=Path, help="the folder it writes to")
    parser.add_argument(
        "--ports", choices=("fixed", "free"), default="fixed", help="free ones let a second stack run beside a first"
    )
    parser.add_argument(
        "--set", type=setting, action="append", default=[], metavar="NAME=VALUE", help="a setting of the functions"
    )
    options = parser.parse_args()
    # Being told to end is one case, whether by Ctrl-C or by a supervisor; and a background job, which starts with
    # Ctrl-C ignored, is told so too.
    for told in (signal.SIGINT, signal.SIGTERM):
        signal.signal(told, signal.default_int_handler)
    try:
        settings = SETTINGS | dict(options.set)
        is_fixed = options.ports == "fixed"
        state = options.state or HOME / ("up" if is_fixed else "up-free")
        stack = Testbed(
            state,
            settings,
            has_chat=True,
            app=APP,
            users=USERS,
            ports=fixed_ports() if is_fixed else None,
            say=lambda line: print(f"  {line}", flush=True),
        )
        with stack as testbed:
            testbed.set_up_accounts()
            samples = create_samples(testbed)
            print()
            for name, address in testbed.addresses:
                print(f"  {name:19}{address}")
            settings_file = write_settings(state / SETTINGS_FILE, testbed.environment | testbed.secret_settings)
            print(f"  {'logs':19}{testbed.logs}")
            print(f"  {'settings':19}{settings_file}")
            print_site(testbed)
            print(f"\n  The student is enrolled in the first two of the teacher's sessions:\n{samples}")
            print(f"  In another shell, `source {settings_file}` points `greenroom` here.\n")
            print("  Ctrl-C stops it.", flush=True)
            testbed.wait()
    except KeyboardInterrupt:
        print("\n  stopped")
        return 0
    except TestbedError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
