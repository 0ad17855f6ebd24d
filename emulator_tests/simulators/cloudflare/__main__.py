"""Start the simulator: `python -m emulator_tests.simulators.cloudflare --help`.

Prints one line, `ready on http://HOST:PORT`, when it serves.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from emulator_tests.simulators.clock import Clock
from emulator_tests.simulators.cloudflare.models import webhooks
from emulator_tests.simulators.cloudflare.models.account import Account, Settings
from emulator_tests.simulators.cloudflare.urls import application
from emulator_tests.simulators.server import Connections, parser, require_ffmpeg, serve


def main() -> int:
    """Read the command line and serve until told to stop."""
    options = _options()
    require_ffmpeg()
    with tempfile.TemporaryDirectory(prefix="cloudflare-simulator-") as files:
        account = Account(
            account_id=options.account_id,
            api_token=options.api_token,
            files=Path(files),
            clock=Clock(),
            first_readiness=options.ready_after,
            first_settings=Settings(storage_minutes=options.storage_minutes),
        )
        if options.webhook_url:
            webhooks.subscribe(account, options.webhook_url)
        connections = Connections()
        serve(application(account, connections), connections, options.host, options.port)
    return 0


def _options() -> argparse.Namespace:
    options = parser("cloudflare-simulator", "A simulator of Cloudflare Stream.")
    options.add_argument("--account-id", required=True)
    options.add_argument("--api-token", required=True)
    options.add_argument("--webhook-url", help="whom it tells of videos that are ready or in error")
    options.add_argument("--storage-minutes", type=int, default=1_000_000, help="how many minutes the account has")
    return options.parse_args()


if __name__ == "__main__":
    sys.exit(main())
