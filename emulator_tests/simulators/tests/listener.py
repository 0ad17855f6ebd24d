"""Somebody whom a provider tells, for the tests of notifications here and in the stories."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

ARRIVAL_TIMEOUT_S = 10.0


@dataclass
class Listener:
    """A receiver of notifications that answers as told: with these statuses, and then with 200.

    Attributes:
        url: Where it listens.
        arrived: Headers and body of each.
        statuses: With which it answers next.
    """

    url: str
    arrived: queue.Queue[tuple[dict[str, str], bytes]] = field(default_factory=queue.Queue)
    statuses: list[int] = field(default_factory=list)

    def next(self) -> tuple[dict[str, str], bytes]:
        """The next that comes, and has not been looked at."""
        return self.arrived.get(timeout=ARRIVAL_TIMEOUT_S)


@contextmanager
def listening(path: str, statuses: Sequence[int] = (), port: int = 0) -> Iterator[Listener]:
    """A listener at a path, as long as the block lasts; 0 takes a free port."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(told.statuses.pop(0) if told.statuses else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()
            told.arrived.put((dict(self.headers.items()), body))

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    told = Listener(f"http://127.0.0.1:{server.server_address[1]}{path}", statuses=list(statuses))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield told
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
