"""The HTTP server of a simulator: one process, one port, connections that a fault can cut.

Called by each simulator's `__main__`, which passes the application.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import socket
import sys
from asyncio import Transport
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from emulator_tests.simulators.clock import Readiness

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

_KEEP_ALIVE_S = 75


class Connections:
    """The open TCP connections by peer address, so that a fault can cut one."""

    def __init__(self) -> None:
        self._open: dict[tuple[str, int], tuple[int, Transport]] = {}
        self._count = 0

    def protocol(self) -> type[H11Protocol]:
        """The HTTP protocol class that reports its connections here."""
        connections = self

        class ReportingProtocol(H11Protocol):
            def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
                connections.open(transport)
                super().connection_made(transport)

            def connection_lost(self, exc: Exception | None) -> None:
                connections.close(self.transport)
                super().connection_lost(exc)

        return ReportingProtocol

    def open(self, transport: Transport) -> None:
        """Record a new connection."""
        self._count += 1
        self._open[tuple(transport.get_extra_info("peername")[:2])] = (self._count, transport)

    def close(self, transport: asyncio.BaseTransport) -> None:
        """Forget a closed connection."""
        peer = transport.get_extra_info("peername")
        if peer:
            self._open.pop(tuple(peer[:2]), None)

    def number(self, peer: tuple[str, int]) -> int:
        """The number of a peer's connection, counted from the start; 0 for none."""
        return self._open.get(peer, (0, None))[0]

    def cut(self, peer: tuple[str, int]) -> None:
        """Abort a peer's connection without an answer."""
        found = self._open.get(peer)
        if found:
            found[1].abort()


class _Announcing(uvicorn.Server):
    """A server that prints its address when it is ready."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then print the address."""
        await super().startup(sockets)
        if self.started and sockets:
            host, port = sockets[0].getsockname()[:2]
            print(f"ready on http://{host}:{port}", flush=True)


def parser(prog: str, description: str) -> argparse.ArgumentParser:
    """Return a parser with the options that every simulator has."""
    options = argparse.ArgumentParser(prog=prog, description=description)
    options.add_argument("--host", default="127.0.0.1")
    options.add_argument("--port", type=int, default=0, help="0 takes a free one")
    options.add_argument(
        "--ready-after",
        type=Readiness.parse_duration,
        default=Readiness.parse_duration("2s"),
        help="how long media take to become ready, such as 2s; 0s is at once",
    )
    return options


def require_ffmpeg() -> None:
    """Exit with a sentence when ffprobe or ffmpeg is missing."""
    for program in ("ffprobe", "ffmpeg"):
        if shutil.which(program) is None:
            print(f"{program} is needed to read media files and was not found", file=sys.stderr)
            raise SystemExit(1)


def serve(application: Application, connections: Connections, host: str, port: int) -> None:
    """Serve until told to stop; prints one line, `ready on http://HOST:PORT`, when it does.

    Args:
        application: The ASGI application.
        connections: Keeps track of the open connections.
        host: Address to bind.
        port: Port to bind; 0 takes a free one.
    """
    config = uvicorn.Config(
        application,
        http=connections.protocol(),
        ws="none",
        lifespan="on",
        log_level="warning",
        access_log=False,
        timeout_keep_alive=_KEEP_ALIVE_S,
    )
    # asyncio sets TCP_NODELAY only on sockets whose protocol is TCP; without it each answer would take 40 ms more.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    listener.listen(1024)
    asyncio.run(_Announcing(config).serve([listener]))
