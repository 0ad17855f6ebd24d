"""Read a large file from its address as it comes, into the caller's memory, and go on after a break.

Called by the cold stores, which send on what they read. As in `addresses.py`, the server is not trusted: no more is
read than it said at first, a redirect is followed only to where `may_follow` allows, and a file that changes while it
is read is noticed. Other than httpx, the standard library reads into memory that is there already.
"""

from __future__ import annotations

import http.client
import io
import re
import socket
import ssl
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from time import monotonic, sleep
from typing import Final, cast
from urllib.parse import urlsplit

import httpx

from shared.core.errors import Permanent, ProviderError
from shared.ports import SOURCE_GONE, Source
from shared.providers.addresses import REDIRECTS_MAX, address_filter_for, may_follow
from shared.providers.transport import AddressFilter, addresses_of
from shared.providers.wire import Wire

WIRE: Final = Wire("source", "The place where the file is")

SILENCE_S: Final = 25.0
FILL_S: Final = 60.0
"""The time for one `fill`: a source slower than that is taken for broken."""

PIECE_BYTES: Final = 1024 * 1024
TRIES: Final = 4
"""How often the same byte is asked for."""

_GONE: Final = (404, 410)
_RANGE: Final = re.compile(r"bytes ([0-9]{1,15})-([0-9]{1,15})/([0-9]{1,15})")


class Download:
    """
    A file that is read in its order, by one thread. It is opened when it is first used.

    Args:
        source: Where it is.
        domains: Further domains that its address may redirect to.
        pause_s: The pause before the second try; twice as long before each further one.
    """

    def __init__(self, source: Source, domains: Sequence[str] = (), pause_s: float = 0.5) -> None:
        self._url = source.url
        self._domains = domains
        self._pause_s = pause_s
        self._connection: _Connection | None = None
        self._answer: http.client.HTTPResponse | None = None
        self._body: io.BufferedReader | None = None
        self._size_bytes: int | None = None
        self._mark = ""
        self._at = 0

    @property
    def size_bytes(self) -> int:
        """
        Return the size of the file. Raises as `fill`.
        """
        if self._size_bytes is None:
            self._trying(self._open)
        assert self._size_bytes is not None
        return self._size_bytes

    def go_to(self, at: int) -> None:
        """
        Continue with this byte, from 0.
        """
        if at != self._at:
            self.close()
            self._at = at

    def fill(self, memory: memoryview) -> int:
        """
        Read on until the memory is full or the file ends.

        Returns:
            How many bytes were read.

        Raises:
            Permanent: The file does not exist (`SOURCE_GONE`, never).
            Transient: It cannot be read now, or is another one than at first (again).
            Doubtful: The connection was lost several times at the same byte (again).
        """
        wanted, done = min(len(memory), self.size_bytes - self._at), 0
        until = monotonic() + FILL_S

        def read() -> None:
            nonlocal done
            while done < wanted:
                if self._body is None:
                    self._open()
                # This reads what is there already, so that the time can be looked at between two reads.
                count = cast(io.BufferedReader, self._body).readinto1(memory[done:wanted])
                if count == 0:
                    raise http.client.IncompleteRead(b"", wanted - done)
                done, self._at = done + count, self._at + count
                if monotonic() > until:
                    raise TimeoutError

        while done < wanted:
            begun_at = done
            try:
                self._trying(read)
            except ProviderError:
                if done == begun_at or monotonic() > until:
                    raise
        return done

    def close(self) -> None:
        """
        Close the connection. Reading on opens another one.
        """
        if self._connection is not None:
            self._connection.close()
        if self._answer is not None:
            self._answer.close()
        self._connection = self._answer = self._body = None

    def _trying(self, do: Callable[[], None]) -> None:
        """
        Do something several times, until it does not fail.
        """
        for number in range(TRIES):
            if number:
                sleep(self._pause_s * 2 ** (number - 1))
            try:
                return do()
            except ProviderError as error:
                failure, is_final = error, isinstance(error, Permanent)
            except TimeoutError:
                failure, is_final = WIRE.broken("source", httpx.ReadTimeout("")), False
            except (http.client.HTTPException, OSError, ValueError):
                failure, is_final = WIRE.broken("source", None), False
            self.close()
            if is_final:
                break
        raise failure

    def _open(self) -> None:
        """
        Ask for the file from the present byte on.
        """
        begin = at = httpx.URL(self._url)
        allowed: AddressFilter | None = None
        for _ in range(REDIRECTS_MAX + 1):
            self.close()
            answer = self._ask(str(at), allowed)
            location = answer.headers.get("location", "")
            if answer.status not in (301, 302, 303, 307, 308) or not location:
                self._begin(answer)
                return
            answer.close()
            came_from, at = at, at.join(location)
            if not may_follow(begin, came_from, at, self._domains):
                raise WIRE.transient("source", "REDIRECT", "The place where the file is redirects to somewhere else.")
            allowed = address_filter_for(begin.host)
        raise WIRE.transient("source", "REDIRECT", "The place where the file is redirects again and again.")

    def _ask(self, url: str, allowed: AddressFilter | None) -> http.client.HTTPResponse:
        parts = urlsplit(url)
        if parts.hostname is None or parts.scheme not in ("http", "https"):
            raise WIRE.permanent("source", "INVALID_URL", "The address of the file is not one.")
        if parts.scheme == "https":
            self._connection = _SecureConnection(parts.hostname, parts.port, timeout=SILENCE_S, context=_trust())
        else:
            self._connection = _Connection(parts.hostname, parts.port, timeout=SILENCE_S)
        self._connection.allowed = allowed
        headers = {"Accept-Encoding": "identity"}
        if self._at:
            headers["Range"] = f"bytes={self._at}-"
        target = f"{parts.path or '/'}{parts.query and '?'}{parts.query}"
        self._connection.request("GET", target, headers=headers)
        return self._connection.getresponse()

    def _begin(self, answer: http.client.HTTPResponse) -> None:
        """
        Begin to read an answer: note the size of the file, or compare it with what was noted.
        """
        if answer.status in _GONE:
            raise WIRE.permanent("source", SOURCE_GONE, "The file to store does not exist any more.")
        if answer.status not in (200, 206):
            raise WIRE.transient("source", f"HTTP_{answer.status}", "The file cannot be had from where it is.")
        if answer.headers.get("content-encoding", "identity").lower() != "identity" or answer.length is None:
            raise WIRE.transient("source", "NO_LENGTH", "The place where the file is does not tell its size.")
        size_bytes, first = answer.length, 0
        if answer.status == 206:
            found = _RANGE.fullmatch(answer.headers.get("content-range", ""))
            first, size_bytes = (int(found[1]), int(found[3])) if found else (-1, -1)
        mark = answer.headers.get("etag") or answer.headers.get("last-modified") or ""
        if self._size_bytes is None:
            self._size_bytes, self._mark = size_bytes, mark
        if first not in (0, self._at) or (size_bytes, mark) != (self._size_bytes, self._mark):
            raise WIRE.transient("source", "CHANGED", "The file changed while it was read.")
        self._answer, self._body = answer, answer.fp
        self._skip(self._at - first)

    def _skip(self, count: int) -> None:
        """
        Read and drop bytes: some servers send the whole although they were asked for the rest.
        """
        assert self._body is not None
        memory = memoryview(bytearray(min(count, 64 * 1024)))
        while count:
            read = self._body.readinto1(memory[: min(count, len(memory))])
            if not read:
                raise http.client.IncompleteRead(b"", count)
            count -= read


def pieces_of(download: Download) -> Iterator[bytes]:
    """
    Yield the bytes of a file, a piece at a time. Raises as `Download.fill`.
    """
    memory = memoryview(bytearray(PIECE_BYTES))
    while count := download.fill(memory):
        yield memory[:count].tobytes()


class _Connection(http.client.HTTPConnection):
    """
    A connection to those addresses of a name that are allowed.
    """

    allowed: AddressFilter | None = None

    def connect(self) -> None:
        failure: OSError = ConnectionError("No address of this name may be connected to.")
        for address in addresses_of(self.host):
            if self.allowed is not None and not self.allowed(address):
                continue
            try:
                self.sock = socket.create_connection((address, self.port), self.timeout)
            except OSError as error:
                failure = error
                continue
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return
        raise failure


class _SecureConnection(http.client.HTTPSConnection, _Connection):
    """
    The same with TLS: the library encrypts what the class above has connected.
    """


@cache
def _trust() -> ssl.SSLContext:
    return httpx.create_ssl_context(trust_env=False)
