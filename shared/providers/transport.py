"""The transport of every request by httpx: however its server behaves, it ends in time and takes little memory.

Created by `wire.connect`. The server may be another one than was meant, so nothing that it says of itself is trusted. A
body is cut at its limit, and an encoded one is refused before it is decoded. One deadline holds for a whole request,
from the connection to the last byte, however slowly it arrives. Redirects are left to the caller.
"""

from __future__ import annotations

import math
import socket
import ssl
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from time import monotonic
from typing import Any, Final, Self

import httpcore
import httpx

AddressFilter = Callable[[str], bool]
"""Tells whether a connection may be made to an IP address."""

_IDENTITY: Final = "identity"


class BoundedTransport(httpx.BaseTransport):
    """
    An httpx transport with limits; safe to share between threads. Keeps its connections.

    Args:
        total_s: The time for a whole request, including its body.
        answer_bytes_max: The maximum size of one body; `None` if the reader counts.
        address_filter: Tells which addresses may be connected to.
    """

    def __init__(
        self, total_s: float, answer_bytes_max: int | None, address_filter: AddressFilter | None = None
    ) -> None:
        self._total_s = total_s
        self._answer_bytes_max = answer_bytes_max
        self._pool = httpcore.ConnectionPool(_trust(), network_backend=_Backend(address_filter))

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """
        See `httpx.BaseTransport`.
        """
        request.headers["Accept-Encoding"] = _IDENTITY
        until = monotonic() + self._total_s
        timeouts: Mapping[str, float | None] = request.extensions.get("timeout", {})
        silences = {name: _Silence.until(seconds, until) for name, seconds in timeouts.items()}
        assert isinstance(request.stream, httpx.SyncByteStream)
        asked = httpcore.Request(
            request.method,
            httpcore.URL(
                scheme=request.url.raw_scheme,
                host=request.url.raw_host,
                port=request.url.port,
                target=request.url.raw_path,
            ),
            headers=request.headers.raw,
            content=request.stream,
            extensions={**request.extensions, "timeout": silences},
        )
        with _failures_of_httpx():
            answer = self._pool.handle_request(asked)
        assert isinstance(answer.stream, Iterable)
        body = _Body(answer.stream, self._answer_bytes_max)
        headers = httpx.Headers(answer.headers)
        if headers.get("Content-Encoding", _IDENTITY).lower() != _IDENTITY:
            body.close()
            raise httpx.RemoteProtocolError("The answer is encoded, which was not asked for.")
        return httpx.Response(answer.status, headers=headers, stream=body, extensions=answer.extensions)

    def close(self) -> None:
        """
        Close the connections.
        """
        self._pool.close()


class _Silence(float):
    """
    The longest silence of a server, in seconds, which also knows when the whole request must be over.
    """

    ends_at: float

    @classmethod
    def until(cls, seconds: float | None, ends_at: float) -> Self:
        """
        Return a silence of that length in a request that ends then, by the monotonic clock.
        """
        silence = cls(math.inf if seconds is None else seconds)
        silence.ends_at = ends_at
        return silence

    def left_s(self) -> float:
        """
        Return how long this silence may be now; zero or less once the request should be over.
        """
        return min(self, self.ends_at - monotonic())


def _left_s(timeout: float | None, over: type[httpcore.TimeoutException]) -> float | None:
    """
    Return how long to wait for the network.

    Raises:
        httpcore.TimeoutException: The request has taken all its time (again).
    """
    left_s = timeout.left_s() if isinstance(timeout, _Silence) else timeout
    if left_s is not None and left_s <= 0:
        raise over("The whole request took too long.")
    return left_s


class _Stream(httpcore.NetworkStream):
    """
    A connection that waits no longer than its request may take.
    """

    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _left_s(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _left_s(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        left_s = _left_s(timeout, httpcore.ConnectTimeout)
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, left_s))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class _Backend(httpcore.NetworkBackend):
    """
    Connects to those addresses of a name that are allowed. It connects to exactly the addresses that were checked, so
    that a name that resolves to another address a moment later changes nothing.
    """

    def __init__(self, address_filter: AddressFilter | None) -> None:
        self._address_filter = address_filter
        self._backend = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        allowed = [one for one in addresses_of(host) if self._address_filter is None or self._address_filter(one)]
        failed: httpcore.NetworkError | httpcore.TimeoutException = httpcore.ConnectError("There is no way there.")
        for address in allowed:
            left_s = _left_s(timeout, httpcore.ConnectTimeout)
            try:
                return _Stream(self._backend.connect_tcp(address, port, left_s, local_address, socket_options))
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failed = error
        raise failed


def addresses_of(host: str) -> list[str]:
    """
    Return the IP addresses of a name, in the order in which they should be tried; none if it has none.
    """
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class _Body(httpx.SyncByteStream):
    """
    A body of an answer, up to its limit.
    """

    def __init__(self, stream: Iterable[bytes], bytes_max: int | None) -> None:
        self._stream = stream
        self._bytes_max = bytes_max

    def __iter__(self) -> Iterator[bytes]:
        received = 0
        with _failures_of_httpx():
            for part in self._stream:
                received += len(part)
                if self._bytes_max is not None and received > self._bytes_max:
                    raise httpx.RemoteProtocolError(f"The answer has more than {self._bytes_max} bytes.")
                yield part

    def close(self) -> None:
        if hasattr(self._stream, "close"):
            self._stream.close()


@contextmanager
def _failures_of_httpx() -> Iterator[None]:
    """
    Raise httpcore's errors as httpx's errors of the same name.
    """
    try:
        yield
    except (
        httpcore.TimeoutException,
        httpcore.NetworkError,
        httpcore.ProtocolError,
        httpcore.UnsupportedProtocol,
    ) as error:
        raise getattr(httpx, type(error).__name__)(str(error)) from error


@cache
def _trust() -> ssl.SSLContext:
    """
    Return the trusted certificates. They are read once, because this takes 20 ms.
    """
    return httpx.create_ssl_context(trust_env=False)
