"""One kept-alive HTTP connection to Kaltura: it knows whether a failed request may have reached the server.

Called by `library`, with whole requests. Nothing here is logged, and no error sentence repeats what the server said,
because both may hold a KS.
"""

from __future__ import annotations

import select
import ssl
import zlib
from dataclasses import dataclass
from email.message import Message
from email.utils import parsedate_to_datetime
from functools import lru_cache
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection, IncompleteRead
from time import monotonic
from typing import Final
from urllib.parse import urlsplit

import certifi

from shared.core.errors import Doubtful, Misconfigured, ProviderError, Transient
from shared.providers.codes import CONNECTION_LOST, TIMEOUT, UNREACHABLE
from shared.providers.kaltura.client.errors import doubtful, malformed, transient
from shared.providers.kaltura.mapping import NAME

# A failure of the wire in addition to those of `shared/providers/codes.py`.
TLS_FAILED: Final = "TLS_FAILED"

_LONGEST_WAIT_S: Final = 3600.0
_LARGEST_ANSWER_BYTES: Final = 32 * 1024 * 1024
_READ_BYTES: Final = 64 * 1024
_HEADERS: Final = {
    # The server ignores a JSON body whose type carries a charset (kaltura.md 1).
    "Content-Type": "application/json",
    "Accept": "text/xml",
    "Accept-Encoding": "gzip",
    "User-Agent": "greenroom",
}


@dataclass(frozen=True, slots=True)
class Address:
    """
    The address of Kaltura's server.
    """

    host: str
    port: int | None
    secure: bool
    path: str


def address_of(service_url: str) -> Address:
    """
    Parse Kaltura's address. Pure.

    Raises:
        Misconfigured: It cannot be used (never).
    """
    address = urlsplit(service_url)
    if not address.hostname or address.scheme not in ("http", "https"):
        raise Misconfigured("Kaltura's address must be complete, such as https://www.kaltura.com.")
    if address.scheme == "http" and address.hostname not in ("localhost", "127.0.0.1", "::1"):
        raise Misconfigured("Kaltura's address must begin with https://, because every call carries a KS.")
    return Address(address.hostname, address.port, address.scheme == "https", address.path.rstrip("/"))


class Connection:
    """
    One kept-alive connection. It is opened in a separate step, so that it is always known whether a failed request may
    have reached Kaltura.
    """

    def __init__(
        self, address: Address, connect_timeout_s: float, answer_timeout_s: float, idle_s: float, ca_file: str | None
    ) -> None:
        self._address = address
        self._connect_timeout_s = connect_timeout_s
        self._answer_timeout_s = answer_timeout_s
        self._idle_s = idle_s
        self._ca_file = ca_file
        self._connection: HTTPConnection | None = None
        self._used_at_s = 0.0

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def post(self, operation: str, path: str, body: bytes) -> bytes:
        """
        Return the whole answer to a request, unzipped.

        Raises:
            Transient: Nothing was sent, or the server in front of Kaltura refused it (again).
            Doubtful: Anything else than a complete answer with status 200 (again, look first).
        """
        connection = self._open(operation)
        whole = False
        try:
            connection.request("POST", path, body, _HEADERS)
            response = connection.getresponse()
            if response.status != 200:
                raise _error_of_status(operation, response.status, response.headers)
            answer = _read_body(response, monotonic() + self._answer_timeout_s)
            if len(answer) > _LARGEST_ANSWER_BYTES:
                raise malformed(operation)
            if response.length:
                raise IncompleteRead(b"", response.length)
            whole = response.isclosed()
        except TimeoutError as exc:
            raise doubtful(operation, TIMEOUT, "Kaltura did not answer in time.") from exc
        except (OSError, IncompleteRead) as exc:
            raise doubtful(operation, CONNECTION_LOST, "The connection to Kaltura broke off.") from exc
        except HTTPException:
            raise malformed(operation) from None
        finally:
            if whole:
                self._used_at_s = monotonic()
            else:
                self.close()
        return _unzip(operation, answer) if response.headers["Content-Encoding"] == "gzip" else answer

    def _open(self, operation: str) -> HTTPConnection:
        if self._connection is not None:
            if self._connection.sock is not None and not self._is_stale(self._connection):
                return self._connection
            self.close()
        host, port = self._address.host, self._address.port
        connection = (
            HTTPSConnection(host, port, timeout=self._connect_timeout_s, context=_tls_context(self._ca_file))
            if self._address.secure
            else HTTPConnection(host, port, timeout=self._connect_timeout_s)
        )
        try:
            connection.connect()
        except ssl.SSLError as exc:
            connection.close()
            raise transient(operation, TLS_FAILED, "No secure connection to Kaltura could be made.") from exc
        except OSError as exc:
            connection.close()
            at = host if port is None else f"{host}:{port}"
            sentence = f"Kaltura could not be reached at {at}. Check KALTURA_URL and the network."
            raise transient(operation, UNREACHABLE, sentence) from exc
        connection.sock.settimeout(self._answer_timeout_s)
        self._connection = connection
        return connection

    def _is_stale(self, connection: HTTPConnection) -> bool:
        if monotonic() - self._used_at_s > self._idle_s:
            return True
        # On an idle connection nothing should arrive. Bytes here mean that the other side is closing it.
        poll = select.poll()
        poll.register(connection.sock, select.POLLIN)
        return bool(poll.poll(0))


@lru_cache
def _tls_context(ca_file: str | None) -> ssl.SSLContext:
    # Reading the certificates takes 20 ms and more, which the library spends on each call.
    return ssl.create_default_context(cafile=ca_file or certifi.where())


def _read_body(response: HTTPResponse, ends_at: float) -> bytes:
    """
    Return the body of an answer, up to the maximum size.

    Raises:
        TimeoutError: It arrives too slowly (again, look first).
    """
    body = bytearray()
    while len(body) <= _LARGEST_ANSWER_BYTES and (part := response.read1(_READ_BYTES)):
        body += part
        if monotonic() > ends_at:
            raise TimeoutError
    if len(body) <= _LARGEST_ANSWER_BYTES and not response.length:
        # Nothing is left to read. Only this read ends the answer, so that its connection may be used again.
        response.read(1)
    return bytes(body)


def _unzip(operation: str, answer: bytes) -> bytes:
    unzip = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        plain = unzip.decompress(answer, _LARGEST_ANSWER_BYTES)
    except zlib.error:
        raise malformed(operation) from None
    if not unzip.eof:
        raise malformed(operation)
    return plain


def _error_of_status(operation: str, status: int, headers: Message) -> ProviderError:
    """
    Return the error of a status other than 200, whatever the body says.

    Kaltura's API answers 200 even if it refuses: any other status is from the server in front of it. With 3xx and 4xx
    that server refused the request before Kaltura got it. With every other status Kaltura may have done it.
    """
    kind = Transient if 300 <= status < 500 else Doubtful
    return kind(
        f"Kaltura's front-end server answered with HTTP status {status}.",
        provider=NAME,
        operation=operation,
        code=f"HTTP_{status}",
        retry_after_s=_retry_after_s(headers),
    )


def _retry_after_s(headers: Message) -> float | None:
    """
    Return how long the answer asks us to wait, an hour at most; `None` if it does not, or is not valid. Pure.
    """
    asked = headers.get("Retry-After", "")
    if asked.isascii() and asked.isdigit():
        return min(float(asked), _LONGEST_WAIT_S)
    try:
        # Measured by the server's clock, which also made the date.
        wait = parsedate_to_datetime(asked) - parsedate_to_datetime(headers.get("Date", ""))
    except (OverflowError, TypeError, ValueError):
        return None
    return min(max(wait.total_seconds(), 0.0), _LONGEST_WAIT_S)
