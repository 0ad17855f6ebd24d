"""Start the simulator: `python -m emulator_tests.simulators.bunny --help`.

Prints one line, `ready on http://HOST:PORT`, when it serves.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from emulator_tests.simulators.bunny.models import Account
from emulator_tests.simulators.bunny.urls import application
from emulator_tests.simulators.clock import Clock
from emulator_tests.simulators.server import Connections, parser, require_ffmpeg, serve


def main() -> int:
    """Read the command line and serve until told to stop."""
    options = _options()
    require_ffmpeg()
    with tempfile.TemporaryDirectory(prefix="bunny-simulator-") as files:
        account = Account(
            library_id=options.library_id,
            api_key=options.api_key,
            token_key=options.token_key,
            files=Path(files),
            clock=Clock(),
            first_readiness=options.ready_after,
        )
        connections = Connections()
        serve(application(account, connections), connections, options.host, options.port)
    return 0


def _options() -> argparse.Namespace:
    options = parser("bunny-simulator", "A simulator of Bunny Stream.")
    options.add_argument("--library-id", required=True, type=int)
    options.add_argument("--api-key", required=True, help="of the library")
    options.add_argument("--token-key", required=True, help="of the token authentication of its pull zone")
    return options.parse_args()


if __name__ == "__main__":
    sys.exit(main())
