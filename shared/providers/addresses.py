"""Read from addresses that carry their own permission: check one, or read its bytes, all or a range of them.

Called by hosts that are sent bytes, by the archive, and by the checks whether videos play. The server at an address is
not trusted: no more is read than was asked for. A redirect is followed only to the same host, to another name of the
same provider, or to a domain of the deployment's own list, and never to an address inside a network.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from time import monotonic
from typing import Final

import httpx

from shared.core.errors import ProviderError
from shared.ports import Source
from shared.providers.transport import AddressFilter, addresses_of
from shared.providers.wire import Wire, connect

WIRE: Final = Wire("source", "The place where the video is")

TRIED_BYTES: Final = 1024
TRIED_S: Final = 5.0
TRIED_TOTAL_S: Final = 6.0
ANSWER_S: Final = 20.0
READ_TOTAL_S: Final = 30.0
"""A step reads one piece and sends it on, within the time-out of its worker."""

REDIRECTS_MAX: Final = 3

PROVIDER_DOMAINS: Final = ("kaltura.com", "cloudflarestream.com", "videodelivery.net", "b-cdn.net")
"""Each is one provider's, with everything below it: its API and its caches have different names there."""

_PORTS: Final = {"http": 80, "https": 443}
_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")
_RANGE: Final = re.compile(r"bytes ([0-9]{1,15})-([0-9]{1,15})/([0-9]{1,15})")


def plays(url: str, domains: Sequence[str] = ()) -> bool:
    """
    Tell whether a byte can be read from an address, within seconds. Some servers refuse with HTTP 200 and an empty
    body.

    Args:
        url: The address.
        domains: Further domains that it may redirect to.
    """
    headers = {"Range": f"bytes=0-{TRIED_BYTES - 1}"}
    try:
        with _answer(url, headers, domains, TRIED_S, TRIED_TOTAL_S) as answer:
            return answer.is_success and any(answer.iter_raw(TRIED_BYTES))
    except (httpx.HTTPError, httpx.InvalidURL):
        return False


def read_range(source: Source, begin: int, size_bytes: int, domains: Sequence[str] = ()) -> tuple[bytes, int]:
    """
    Read a range of a source: fewer bytes at its end, none beyond it.

    Args:
        source: The address.
        begin: The first byte, from 0.
        size_bytes: The number of bytes.
        domains: Further domains that it may redirect to.

    Returns:
        The bytes, and the size of the whole.

    Raises:
        Transient, Doubtful, Permanent: They could not be read.
    """
    headers = {"Range": f"bytes={begin}-{begin + size_bytes - 1}"}
    try:
        with WIRE.failing("source"), _answer(source.url, headers, domains, ANSWER_S, READ_TOTAL_S) as answer:
            told = answer.headers.get("content-range", "")
            if answer.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE and told == f"bytes */{begin}":
                return b"", begin
            found = _RANGE.fullmatch(told) if answer.status_code == httpx.codes.PARTIAL_CONTENT else None
            if found is None:
                raise _not_to_be_had(f"HTTP_{answer.status_code}")
            first, last, whole = map(int, found.groups())
            if (first, last) != (begin, min(begin + size_bytes, whole) - 1):
                raise WIRE.transient("source", "CUT_SHORT", "The place where the video is sent another part of it.")
            return _exactly(answer, last - first + 1), whole
    except httpx.InvalidURL:
        raise _not_to_be_had("INVALID_URL") from None


def read_whole(source: Source, total_s: float, domains: Sequence[str] = ()) -> Generator[bytes]:
    """
    Yield all bytes of a source, in small pieces. They are not the whole before the last one has come. To stop before,
    close this.

    Args:
        source: The address.
        total_s: The seconds within which all must have come.
        domains: Further domains that it may redirect to.

    Raises:
        Transient, Doubtful: They could not be read, or not to their end.
    """
    try:
        with WIRE.failing("source"), _answer(source.url, {}, domains, ANSWER_S, total_s) as answer:
            if answer.status_code != httpx.codes.OK:
                raise _not_to_be_had(f"HTTP_{answer.status_code}")
            received = 0
            for part in answer.iter_raw():
                received += len(part)
                yield part
            if not received:
                # Some servers refuse with HTTP 200 and an empty body.
                raise _not_to_be_had("EMPTY")
    except httpx.InvalidURL:
        raise _not_to_be_had("INVALID_URL") from None


def _exactly(answer: httpx.Response, size_bytes: int) -> bytes:
    """
    Read a body of that size.

    Raises:
        Transient: It is longer or shorter (again).
    """
    piece = bytearray()
    for part in answer.iter_raw():
        piece += part
        if len(piece) > size_bytes:
            break
    if len(piece) != size_bytes:
        raise WIRE.transient("source", "CUT_SHORT", "The place where the video is sent more or less than it said.")
    return bytes(piece)


@contextmanager
def _answer(
    url: str, headers: dict[str, str], domains: Sequence[str], answer_s: float, total_s: float
) -> Iterator[httpx.Response]:
    """
    Open the answer of an address, and follow its redirects.

    Raises:
        httpx.HTTPError: There is none (again).
        httpx.InvalidURL: It is not an address (never).
    """
    # The caller reads as much of its body as it needs.
    ends_at = monotonic() + total_s
    begin = at = httpx.URL(url)
    address_filter: AddressFilter | None = None
    for _ in range(REDIRECTS_MAX + 1):
        left_s = max(ends_at - monotonic(), 0.001)
        with (
            connect(answer_s, TRIED_S, total_s=left_s, answer_bytes_max=None, address_filter=address_filter) as http,
            http.stream("GET", at, headers=headers) as answer,
        ):
            if not answer.has_redirect_location:
                yield answer
                return
            at, came_from = at.join(answer.headers["location"]), at
        if not may_follow(begin, came_from, at, domains):
            raise httpx.RemoteProtocolError("It redirects to where nothing is followed.")
        address_filter = address_filter_for(begin.host)
    raise httpx.TooManyRedirects("It redirects again and again.")


def may_follow(begin: httpx.URL, came_from: httpx.URL, to: httpx.URL, domains: Sequence[str]) -> bool:
    """
    Tell whether a redirect may be followed: never from https to http, and to no port that was not named. Pure.
    """
    if to.scheme not in _PORTS or to.userinfo or (came_from.scheme == "https" and to.scheme != "https"):
        return False
    port = to.port or _PORTS[to.scheme]
    if to.host == begin.host:
        return port in (begin.port or _PORTS[begin.scheme], _PORTS[to.scheme])
    same_provider = [domain for domain in PROVIDER_DOMAINS if _is_below(begin.host, domain)]
    return port == _PORTS[to.scheme] and any(_is_below(to.host, domain) for domain in (*same_provider, *domains))


def _is_below(host: str, domain: str) -> bool:
    return host == domain or host.endswith(f".{domain}")


def address_filter_for(host: str) -> AddressFilter:
    """
    Return a check that allows public addresses, and those of a configured host, wherever it is.
    """
    own = frozenset(addresses_of(host))
    return lambda address: address in own or is_public(address)


def is_public(address: str) -> bool:
    """
    Tell whether an IP address is public: not of an internal network, of this machine, or unassigned. Pure.
    """
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        # IPv6 can embed an IPv4 address in several ways. The embedded address must be public too.
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo is not None else None)
        if inner is None and ip in _NAT64:
            inner = ipaddress.IPv4Address(ip.packed[-4:])
        if inner is not None:
            return is_public(str(inner))
    return ip.is_global and not ip.is_multicast


def _not_to_be_had(code: str) -> ProviderError:
    """
    Return an error that may be retried: reading changes nothing at the source.
    """
    return WIRE.transient("source", code, "The video cannot be had from where it is.")
