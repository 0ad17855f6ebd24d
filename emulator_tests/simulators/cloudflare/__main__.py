"""Start the simulator: `python -m emulator_tests.simulators.cloudflare --help`.

Prints one line, `ready on http://HOST:PORT`, when it serves.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from emulator_tests.simulators.clockwork import Clock, Readiness
from emulator_tests.simulators.cloudflare import webhooks
from emulator_tests.simulators.cloudflare.urls import Application
from emulator_tests.simulators.cloudflare.world import Settings, World
from emulator_tests.simulators.serving import Connections, serve


def main() -> int:
    """Read the command line and serve until told to stop."""
    options = _options()
    for program in ("ffprobe", "ffmpeg"):
        if shutil.which(program) is None:
            print(f"{program} is needed to read media files and was not found", file=sys.stderr)
            return 1
    with tempfile.TemporaryDirectory(prefix="cloudflare-simulator-") as files:
        settings = Settings(storage_minutes=options.storage_minutes)
        world = World(
            account_id=options.account_id,
            api_token=options.api_token,
            files=Path(files),
            clock=Clock(),
            readiness=options.ready_after,
            first_readiness=options.ready_after,
            settings=settings,
            first_settings=settings,
        )
        if options.webhook_url:
            webhooks.subscribe(world, options.webhook_url)
        connections = Connections()
        serve(Application(world, connections), connections, options.host, options.port)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="cloudflare-simulator", description="A simulator of Cloudflare Stream.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--account-id", required=True)
    parser.add_argument("--api-token", required=True)
    parser.add_argument(
        "--ready-after",
        type=Readiness.parse_duration,
        default=Readiness.parse_duration("2s"),
        help="how long videos take to become ready, such as 2s; 0s is at once",
    )
    parser.add_argument("--webhook-url", help="whom it tells of videos that are ready or in error")
    parser.add_argument("--storage-minutes", type=int, default=1_000_000, help="how many minutes the account has")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
