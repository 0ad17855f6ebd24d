"""The lines between the browser and the providers, and the HTTP interface by which a test breaks them.

Called by `__main__.py`. The browser is told to connect to a line in place of the provider (`--host-resolver-rules`), so
that every address stays as it is, and the functions have lines of their own that never break.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import urlsplit

from emulator_tests.testbed.line import Break, Line, line_to
from emulator_tests.testbed.network import HOST

ACTS: Final[Mapping[str, Callable[[Line, Mapping[str, Any]], None]]] = {
    "break": lambda line, _: line.break_all(),
    "break-later": lambda line, asked: line.break_later(
        Break(
            asked["afterBytes"],
            loses_answer=asked.get("losesAnswer", False),
            resets=asked.get("resets", False),
        )
    ),
    "heal": lambda line, _: line.heal(),
    "slow-down": lambda line, asked: line.slow_down(
        bytes_per_s=asked.get("bytesPerS"), delay_s=asked.get("delayS", 0.0)
    ),
    "stall": lambda line, _: line.stall(),
}
"""The commands for a line, by the last part of the address."""


@dataclass(frozen=True, slots=True)
class Lines:
    """
    Args:
        url: Of the control interface: `POST /NAME/ACT` with JSON, `GET /NAME` for what the line has carried.
        rules: For the browser's option `--host-resolver-rules`.
    """

    url: str
    rules: str


@contextmanager
def running_lines(servers: Mapping[str, str]) -> Iterator[Lines]:
    """
    Run a line to each server, and their control interface.

    Args:
        servers: The addresses by the names that tests use.
    """
    with ExitStack() as held:
        lines = {name: held.enter_context(line_to(_place(url))) for name, url in servers.items()}
        rules = [f"MAP {urlsplit(url).netloc} {HOST}:{lines[name].address[1]}" for name, url in servers.items()]
        server = held.enter_context(ThreadingHTTPServer((HOST, 0), _handler(lines)))
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        serving.start()
        held.callback(serving.join)
        held.callback(server.shutdown)
        yield Lines(f"http://{HOST}:{server.server_port}", ", ".join(rules))


def _place(url: str) -> tuple[str, int]:
    host, _, port = urlsplit(url).netloc.partition(":")
    return host, int(port)


def _handler(lines: Mapping[str, Line]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            line = lines.get(self.path.strip("/"))
            self._answer(line)

        def do_POST(self) -> None:
            name, _, act = self.path.strip("/").partition("/")
            line = lines.get(name)
            asked = json.loads(self.rfile.read(int(self.headers.get("content-length", 0))) or b"{}")
            if line is not None and act in ACTS:
                ACTS[act](line, asked)
                self._answer(line)
            else:
                self._answer(None)

        def _answer(self, line: Line | None) -> None:
            told = (
                {"error": f"There is no {self.path}; lines are {', '.join(lines)}, acts {', '.join(ACTS)}."}
                if line is None
                else {"connections": line.connections, "sentBytes": line.sent_bytes, "broken": len(line.broken)}
            )
            body = json.dumps(told).encode()
            self.send_response(404 if line is None else 200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Nobody reads it."""

    return Handler
