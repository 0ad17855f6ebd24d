"""Runs the stack until Ctrl-C: `make up`.

Run as `python -m emulator_tests.testbed`; everything it does is `stack.py`'s, it only shows it.
"""

from __future__ import annotations

import argparse
import shlex
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

from emulator_tests.testbed import Testbed, TestbedError
from emulator_tests.testbed.places import HOME

SETTINGS = {"SLIDES_BUCKET": "slides", "ARCHIVE_GCS_BUCKET": "originals"}
"""The settings of the functions, unless `--set` changes them."""


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
    parser.add_argument("--state", type=Path, default=HOME / "up", help="the folder it writes to")
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
        stack = Testbed(options.state, settings, has_chat=True, say=lambda line: print(f"  {line}", flush=True))
        with stack as testbed:
            print()
            for name, address in testbed.addresses:
                print(f"  {name:19}{address}")
            settings_file = write_settings(options.state / SETTINGS_FILE, testbed.environment | testbed.secret_settings)
            print(f"  {'logs':19}{testbed.logs}")
            print(f"  {'settings':19}{settings_file}\n")
            print(
                f"  In another shell, `source {settings_file}` points `greenroom` here.\n\n  Ctrl-C stops it.",
                flush=True,
            )
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
