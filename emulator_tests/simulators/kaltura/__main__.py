"""Start the simulator: `python -m emulator_tests.simulators.kaltura --help`.

Prints one line, `ready on http://HOST:PORT`, when it serves.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import socket
import sys
from pathlib import Path

import uvicorn

from emulator_tests.simulators.clockwork import Clock, Readiness
from emulator_tests.simulators.kaltura import account
from emulator_tests.simulators.kaltura.models.store import Store
from emulator_tests.simulators.kaltura.urls import Application, Connections
from emulator_tests.simulators.kaltura.world import World

_KEEP_ALIVE_S = 75


class _Announcing(uvicorn.Server):
    """A server that says where it serves once it does."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then print the address."""
        await super().startup(sockets)
        if self.started and sockets:
            host, port = sockets[0].getsockname()[:2]
            print(f"ready on http://{host}:{port}", flush=True)


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
    config = uvicorn.Config(
        Application(world, connections),
        http=connections.protocol(),
        ws="none",
        lifespan="on",
        log_level="warning",
        access_log=False,
        timeout_keep_alive=_KEEP_ALIVE_S,
    )
    # Of a socket that does not say it is TCP, asyncio leaves out TCP_NODELAY: each answer would take 40 ms more.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((options.host, options.port))
    listener.listen(1024)
    asyncio.run(_Announcing(config).serve([listener]))
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
