"""Start the simulator: `python -m emulator_tests.simulators.kaltura --help`.

Prints one line, `ready on http://HOST:PORT`, when it serves.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

from emulator_tests.simulators.clockwork import Clock, Readiness
from emulator_tests.simulators.kaltura import account
from emulator_tests.simulators.kaltura.models.store import Store
from emulator_tests.simulators.kaltura.urls import Application
from emulator_tests.simulators.kaltura.world import World
from emulator_tests.simulators.serving import Connections, serve


def main() -> int:
    """Read the command line and serve until told to stop."""
    options = _options()
    for program in ("ffprobe", "ffmpeg"):
        if shutil.which(program) is None:
            print(f"{program} is needed to read media files and was not found", file=sys.stderr)
            return 1
    clock = Clock()
    world = World(
        partner_id=options.partner_id,
        admin_secret=options.admin_secret,
        user_secret=options.user_secret,
        store=Store(clock, options.state),
        clock=clock,
        readiness=options.ready_after,
        first_readiness=options.ready_after,
    )
    account.seed(world)
    connections = Connections()
    serve(Application(world, connections), connections, options.host, options.port)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="kaltura-simulator", description="A simulator of Kaltura's API v3.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--partner-id", type=int, required=True)
    parser.add_argument("--admin-secret", required=True)
    parser.add_argument("--user-secret", required=True)
    parser.add_argument(
        "--ready-after",
        type=Readiness.parse_duration,
        default=Readiness.parse_duration("2s"),
        help="how long media take to become ready, such as 2s; 0s is at once",
    )
    parser.add_argument("--state", type=Path, help="file that keeps everything over a restart")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
