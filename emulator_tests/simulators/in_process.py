"""A simulator in the process of its caller, for tests that make very many requests.

The caller's HTTP client gets a connection whose socket hands each request to the ASGI application and holds the answer.
So every byte of request and answer is written and parsed as over a network, without the network and without a second
process. Each connection is for one request. No thread is started, so the process may be copied (`os.fork`) between two
requests, with the simulator and its state.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, MutableMapping
from concurrent.futures import Future, ThreadPoolExecutor
from http import HTTPStatus
from http.client import HTTPConnection
from io import BytesIO
from typing import Any, Final, ParamSpec, TypeVar
from urllib.parse import unquote, urlsplit

from emulator_tests.simulators.server import Application

P = ParamSpec("P")
T = TypeVar("T")

_HOST: Final = "localhost"
_PORT: Final = 9
"""Nothing listens there: a request that is sent over the network by mistake fails."""


class InProcess:
    """One simulator in this process.

    Args:
        application: The ASGI application.

    Attributes:
        url: Its address, which only connections of `connect` reach.
    """

    url = f"http://{_HOST}:{_PORT}"

    def __init__(self, application: Application) -> None:
        self._application = application
        self._loop: asyncio.AbstractEventLoop | None = None
        self._pid = 0

    def connect(self) -> HTTPConnection:
        """Return a connection to the application, for one request."""
        return _Connection(self._answer)

    def stop(self) -> None:
        """Close what was needed to run the application."""
        if self._loop is not None:
            self._loop.close()

    def _answer(self, sent: bytes) -> bytes:
        """Return the answer to a request; nothing if the application cuts the connection."""
        if self._loop is None or self._pid != os.getpid():
            # After a fork, the loop of the parent process shares its file descriptors with this process.
            self._loop, self._pid = asyncio.new_event_loop(), os.getpid()
            self._loop.set_default_executor(_AtOnce())
        return self._loop.run_until_complete(_exchange(self._application, sent))


class _Connection(HTTPConnection):
    def __init__(self, answer: Callable[[bytes], bytes]) -> None:
        super().__init__(_HOST, _PORT)
        self._answer = answer

    def connect(self) -> None:
        self.sock = _Socket(self._answer)


class _Socket:
    """The part of a socket that `HTTPConnection` uses."""

    def __init__(self, answer: Callable[[bytes], bytes]) -> None:
        self._answer = answer
        self._sent = bytearray()

    def settimeout(self, seconds: float | None) -> None:
        """Do nothing: the application answers before the caller goes on."""

    def sendall(self, data: bytes) -> None:
        self._sent += data

    def makefile(self, mode: str) -> BytesIO:
        return BytesIO(self._answer(bytes(self._sent)))

    def close(self) -> None:
        """Do nothing: nothing is open."""


class _AtOnce(ThreadPoolExecutor):
    """Runs each call before `submit` returns, instead of in a thread."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        future = Future[T]()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


async def _exchange(application: Application, sent: bytes) -> bytes:
    head, _, body = sent.partition(b"\r\n\r\n")
    line, *fields = head.split(b"\r\n")
    method, target, _ = line.decode("ascii").split(" ")
    address = urlsplit(target)
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "scheme": "http",
        "method": method,
        "path": unquote(address.path),
        "raw_path": address.path.encode(),
        "query_string": address.query.encode(),
        "root_path": "",
        "headers": [(name.lower(), value) for name, _, value in (field.partition(b": ") for field in fields)],
        "server": (_HOST, _PORT),
        "client": ("127.0.0.1", 0),
    }
    events = [{"type": "http.request", "body": body, "more_body": False}]
    answered: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        return events.pop() if events else {"type": "http.disconnect"}

    async def send(event: MutableMapping[str, Any]) -> None:
        answered.append(event)

    await application(scope, receive, send)
    return _written(answered)


def _written(answered: list[MutableMapping[str, Any]]) -> bytes:
    if not answered:
        return b""
    start, *bodies = answered
    status = start["status"]
    head = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n".encode()
    fields = b"".join(b"%s: %s\r\n" % field for field in start["headers"])
    return b"".join((head, fields, b"Connection: close\r\n\r\n", *(event.get("body", b"") for event in bodies)))
