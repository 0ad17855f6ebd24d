"""Start the simulator: `python -m emulator_tests.simulators.kaltura --help`.

Prints one line, `ready on http://HOST:PORT`, when it serves.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from emulator_tests.simulators.clock import Clock
from emulator_tests.simulators.kaltura import seed
from emulator_tests.simulators.kaltura.models.account import Account
from emulator_tests.simulators.kaltura.models.store import Store
from emulator_tests.simulators.kaltura.urls import Application
from emulator_tests.simulators.server import Connections, parser, require_ffmpeg, serve


def main() -> int:
    """Read the command line and serve until told to stop."""
    options = _options()
    require_ffmpeg()
    clock = Clock()
    account = Account(
        partner_id=options.partner_id,
        admin_secret=options.admin_secret,
        user_secret=options.user_secret,
        store=Store(clock, options.state),
        clock=clock,
        readiness=options.ready_after,
        first_readiness=options.ready_after,
    )
    seed.fill(account)
    connections = Connections()
    serve(Application(account, connections), connections, options.host, options.port)
    return 0


def _options() -> argparse.Namespace:
    options = parser("kaltura-simulator", "A simulator of Kaltura's API v3.")
    options.add_argument("--partner-id", type=int, required=True)
    options.add_argument("--admin-secret", required=True)
    options.add_argument("--user-secret", required=True)
    options.add_argument("--state", type=Path, help="file that keeps everything over a restart")
    return options.parse_args()


if __name__ == "__main__":
    sys.exit(main())
