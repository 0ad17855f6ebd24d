"""Hostile answers: none is unpacked, read beyond what was asked for, waited for without end, or followed to an address
that cannot have a video.

Tested are the readers of videos, and the clients of APIs that use httpx or botocore. Kaltura's client has its own
tests.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from time import monotonic
from typing import Any, Final

import httpx
import pytest

from emulator_tests.contract.hostile import (
    BOMB,
    MIB,
    Hostile,
    Says,
    dripping,
    hostile,
    memory_of,
    once,
    without_end,
)
from emulator_tests.simulators.tests.files import serving
from shared.core.errors import Doubtful, ProviderError, Transient
from shared.ports import Source
from shared.providers.addresses import REDIRECTS_MAX, TRIED_TOTAL_S, is_public, may_follow, plays, read_range
from shared.providers.bunny.client import Client as BunnyClient
from shared.providers.cloudflare.client import Client as CloudflareClient
from shared.providers.kaltura.client import Client as KalturaClient
from shared.providers.s3.client import Client as S3Client
from shared.providers.wire import ANSWER_BYTES_MAX, connect

ASKED: Final = 1000
PARTIAL: Final = b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-999/5000\r\n"
OK: Final = b"HTTP/1.1 200 OK\r\n"
CHUNKED: Final = b"Transfer-Encoding: chunked\r\n\r\n"
CHUNK: Final = b"10000\r\n" + bytes(65_536) + b"\r\n"


def to(location: str) -> bytes:
    """Return an answer that redirects."""
    return f"HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()


def read(url: str) -> tuple[bytes, int]:
    return read_range(Source(url), 0, ASKED)


# --- videos -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", [b"gzip", b"deflate", b"br", b"zstd", b"gzip, gzip", b"x-unknown"])
def test_compressed_content_is_refused_without_unpacking(encoding: bytes) -> None:
    head = b"Content-Encoding: " + encoding + b"\r\nContent-Length: " + str(len(BOMB)).encode() + b"\r\n\r\n"
    with memory_of(2 * MIB):
        with hostile(once(PARTIAL + head + BOMB)) as server:
            with pytest.raises(Transient):
                read(server.url)
            assert b"Accept-Encoding: identity\r\n" in server.asked[0]
        with hostile(once(OK + head + BOMB)) as server:
            assert not plays(server.url)
            assert b"Accept-Encoding: identity\r\n" in server.asked[0]


@pytest.mark.parametrize(
    "head",
    [
        PARTIAL + CHUNKED,
        PARTIAL + b"Content-Length: 999999999999\r\n\r\n",
        PARTIAL + b"\r\n",
        PARTIAL.replace(b"5000", b"999999999999999") + CHUNKED,
    ],
    ids=["in chunks", "as long as it says", "until it hangs up", "of a large whole"],
)
def test_endless_content_is_read_only_as_far_as_requested(head: bytes) -> None:
    piece = CHUNK if CHUNKED in head else bytes(65_536)
    with hostile(without_end(head, piece)) as server, memory_of(MIB), pytest.raises(Transient) as refused:
        read(server.url)

    assert refused.value.code == "CUT_SHORT"


def test_probe_reads_one_byte_of_endless_content() -> None:
    with hostile(without_end(OK + CHUNKED, CHUNK)) as server, memory_of(MIB):
        assert plays(server.url)


@pytest.mark.parametrize(
    "told",
    [
        b"bytes 1-1000/5000",
        b"bytes 0-998/5000",
        b"bytes 0-1000/5000",
        b"bytes 0-999/500",
        b"bytes 0-999/0",
        b"bytes 0--1/5000",
        b"bytes 0-999/-5000",
        b"bytes 0-999/" + b"9" * 5000,
        b"bytes 0-999/5_000",
        "bytes 0-999/\u0665\u0660\u0660\u0660".encode(),
        b"bytes */0",
        b"bytes */*",
        b"pages 0-999/5000",
        b"",
    ],
)
def test_content_of_another_range_is_refused(told: bytes) -> None:
    head = b"HTTP/1.1 206 Partial Content\r\nContent-Range: " + told + b"\r\nContent-Length: 1000\r\n\r\n"
    with hostile(once(head + bytes(1000))) as server, pytest.raises(Transient):
        read(server.url)


@pytest.mark.parametrize("status", [b"206 Partial Content", b"302 Found", b"100 Continue"])
def test_endless_headers_are_not_read(status: bytes) -> None:
    with (
        hostile(without_end(b"HTTP/1.1 " + status + b"\r\n", b"X-More: " + b"x" * 1000 + b"\r\n")) as server,
        memory_of(2 * MIB),
        pytest.raises(Transient),
    ):
        read(server.url)


# --- redirects ----------------------------------------------------------------------------------------------------


@pytest.fixture
def elsewhere() -> Iterator[Hostile]:
    """A server with a video, to which no client may be redirected."""
    with hostile(once(PARTIAL + b"Content-Length: 1000\r\n\r\n" + bytes(1000))) as server:
        yield server


def test_a_redirect_to_another_host_or_another_service_of_the_same_is_not_followed(elsewhere: Hostile) -> None:
    port = httpx.URL(elsewhere.url).port
    for location in (
        elsewhere.url,
        f"http://localhost:{port}/film",
        f"http://127.0.0.2:{port}/film",
        f"http://[::ffff:127.0.0.1]:{port}/film",
        f"http://2130706433:{port}/film",
        f"//127.0.0.1:{port}/film",
        f"http://someone:secret@127.0.0.1:{port}/film",
        "http://169.254.169.254/computeMetadata/v1/",
        "http://metadata.google.internal/computeMetadata/v1/",
        "ftp://127.0.0.1/film",
        "file:///etc/passwd",
        "http://",
        "http://[::1",
        "http://127.0.0.1:99999/film",
        "",
    ):
        with hostile(once(to(location))) as server:
            with pytest.raises(Transient) as refused:
                read(server.url)
            assert "127.0.0.1" not in str(refused.value)
            assert not plays(server.url)
    assert not elsewhere.asked


def test_a_redirect_to_the_same_host_is_followed_a_few_times_and_not_for_ever() -> None:
    film = PARTIAL + b"Content-Length: 1000\r\n\r\n" + bytes(1000)

    def after(redirects: int) -> Says:
        def says(head: bytes) -> list[bytes]:
            number = int(head.split()[1].removeprefix(b"/film") or 0)
            return [film if number == redirects else to(f"/film{number + 1}")]

        return says

    with hostile(after(REDIRECTS_MAX)) as server:
        assert read(server.url) == (bytes(1000), 5000)
        assert plays(server.url)
    with hostile(after(10**9)) as server:
        with pytest.raises(Transient):
            read(server.url)
        assert len(server.asked) == REDIRECTS_MAX + 1


def test_redirect_target_gets_no_credentials() -> None:
    def says(head: bytes) -> list[bytes]:
        return [to("/there") if b"/film" in head else PARTIAL + b"Content-Length: 1000\r\n\r\n" + bytes(1000)]

    with hostile(says) as server:
        read(server.url + "?ks=secret")

    names = {line.partition(b":")[0].lower() for line in server.asked[1].splitlines()[1:] if line}
    assert names == {b"host", b"accept", b"accept-encoding", b"connection", b"user-agent", b"range"}
    assert b"secret" not in server.asked[1]


KALTURA: Final = "https://cdnapisec.kaltura.com/film"
OWN: Final = "https://media.example.com:8443/film"
FOLLOWED: Final = {
    "the same host": (KALTURA, "https://cdnapisec.kaltura.com/other"),
    "another name of the provider": (KALTURA, "https://cfvod.kaltura.com/film"),
    "the provider itself": (KALTURA, "https://kaltura.com/film"),
    "Cloudflare's": ("https://customer-1.cloudflarestream.com/f", "https://cloudflarestream.com/f"),
    "from http to https": ("http://cdnapi.kaltura.com/film", "https://cfvod.kaltura.com/film"),
    "the same port": (OWN, "https://media.example.com:8443/other"),
    "the usual port": (OWN, "https://media.example.com/other"),
    "a name in capitals": (KALTURA, "https://CFVOD.Kaltura.COM/film"),
    "a domain of the deployment's list": (OWN, "https://cache.school.example/film"),
}
NOT_FOLLOWED: Final = {
    "from https to http": (KALTURA, "http://cdnapisec.kaltura.com/film"),
    "another provider": (KALTURA, "https://customer-1.cloudflarestream.com/film"),
    "a name that only ends like it": (KALTURA, "https://evilkaltura.com/film"),
    "a name that only begins like it": (KALTURA, "https://kaltura.com.evil.example/film"),
    "the provider, by another port": (KALTURA, "https://cfvod.kaltura.com:8443/film"),
    "the same host, by another port": (OWN, "https://media.example.com:6379/film"),
    "a sibling of one's own host": (OWN, "https://other.example.com/film"),
    "a provider, from one's own host": (OWN, "https://cfvod.kaltura.com/film"),
    "with a name and a password": (KALTURA, "https://a:b@cfvod.kaltura.com/film"),
    "a name that only ends like the list's": (OWN, "https://notschool.example/film"),
    "no host": (KALTURA, "https:///film"),
    "no address of a web server": (KALTURA, "ftp://cfvod.kaltura.com/film"),
}


@pytest.mark.parametrize(("begin", "location"), FOLLOWED.values(), ids=FOLLOWED)
def test_redirects_to_allowed_addresses_are_followed(begin: str, location: str) -> None:
    assert may_follow(httpx.URL(begin), httpx.URL(begin), httpx.URL(location), ("school.example",))


@pytest.mark.parametrize(("begin", "location"), NOT_FOLLOWED.values(), ids=NOT_FOLLOWED)
def test_redirects_to_other_addresses_are_refused(begin: str, location: str) -> None:
    assert not may_follow(httpx.URL(begin), httpx.URL(begin), httpx.URL(location), ("school.example",))


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1:248:1893:25c8:1946", True),
        ("64:ff9b::5db8:d822", True),
        *[
            (address, False)
            for address in (
                "127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",
                "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fe80::1%eth0", "fd00::1", "ff02::1",
                "::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe",
                "2002:7f00:1::", "2002:a9fe:a9fe::1", "localhost", "", "1",
            )
        ],
    ],
)  # fmt: skip
def test_public_addresses_are_recognised(address: str, expected: bool) -> None:
    assert is_public(address) is expected


def test_name_resolving_to_a_private_address_is_refused(elsewhere: Hostile) -> None:
    with connect(1, 1, address_filter=is_public) as http:
        for host in ("127.0.0.1", "localhost", "[::ffff:127.0.0.1]"):
            with pytest.raises(httpx.ConnectError):
                http.get(elsewhere.url.replace("127.0.0.1", host))
    with connect(1, 1, address_filter=lambda address: address == "127.0.0.1") as http:
        assert http.get(elsewhere.url).status_code == 206
    assert len(elsewhere.asked) == 1


# --- time limits --------------------------------------------------------------------------------------------------

DRIPS: Final = {
    "its head": dripping(b"HTTP/1.1 200 OK\r\nX-Slow: "),
    "heads before the head": dripping(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "its body": dripping(OK + b"Content-Length: 1000000\r\n\r\n"),
    "chunks": dripping(OK + CHUNKED, b"1\r\nx\r\n"),
}


@pytest.mark.parametrize("says", DRIPS.values(), ids=DRIPS)
def test_slow_answer_times_out_as_a_whole(says: Says) -> None:
    with hostile(says) as server, connect(5, 5, total_s=0.5) as http:
        began = monotonic()
        with pytest.raises(httpx.ReadTimeout):
            http.get(server.url)
        assert 0.4 < monotonic() - began < 2


def test_address_with_slow_answer_does_not_play() -> None:
    with hostile(DRIPS["its head"]) as server:
        began = monotonic()
        assert not plays(server.url)
        assert monotonic() - began < TRIED_TOTAL_S + 2


def test_slow_redirects_share_one_timeout() -> None:
    def says(_: bytes) -> Iterator[bytes]:
        time.sleep(TRIED_TOTAL_S / 3)
        yield to("/film")

    with hostile(says) as server:
        began = monotonic()
        assert not plays(server.url)
        assert monotonic() - began < TRIED_TOTAL_S + 2


def test_slow_kaltura_answer_times_out_as_a_whole() -> None:
    for says in (DRIPS["its body"], DRIPS["chunks"]):
        with hostile(says) as server:
            client = KalturaClient(server.url.removesuffix("/film"), answer_timeout_s=0.5)
            began = monotonic()
            with closing(client), pytest.raises(Doubtful) as failed:
                client.call("ks", lambda c: c.media.get("0_entry"))
            assert failed.value.code == "TIMEOUT"
            assert monotonic() - began < 3


# --- APIs ---------------------------------------------------------------------------------------------------------


def ask_bunny(url: str) -> object:
    with closing(BunnyClient("bunny", url, "133", "key")) as client:
        return client.ask("videos.get", "GET", "/1", dict)


def ask_cloudflare(url: str) -> object:
    with closing(CloudflareClient(url, "token")) as client:
        return client.ask("stream.get", lambda s: s.with_raw_response.get("uid", account_id="account"), dict)


def ask_for_the_head(url: str) -> object:
    with closing(CloudflareClient(url, "token")) as client:
        return client.head("tus.head", url, {})


def ask_s3(url: str) -> object:
    with closing(S3Client("own", url, "us-east-1", "access", "secret")) as client:
        return client.ask("list", lambda s3: s3.list_objects_v2(Bucket="videos"))


APIS: Final[dict[str, Callable[[str], object]]] = {"bunny": ask_bunny, "cloudflare": ask_cloudflare, "s3": ask_s3}
BODIES: Final[dict[str, Says]] = {
    "without end, in chunks": without_end(OK + CHUNKED, CHUNK),
    "without end": without_end(OK + b"\r\n", bytes(65_536)),
    "as long as it says": without_end(OK + b"Content-Length: 99999999999\r\n\r\n", bytes(65_536)),
    "an error without end": without_end(b"HTTP/1.1 500 Internal Server Error\r\n" + CHUNKED, CHUNK),
}


@pytest.mark.parametrize("ask", APIS.values(), ids=APIS)
@pytest.mark.parametrize("says", BODIES.values(), ids=BODIES)
def test_api_answer_is_read_up_to_a_limit(ask: Callable[[str], object], says: Says) -> None:
    ask_once(ask)
    with hostile(says) as server, memory_of(5 * ANSWER_BYTES_MAX), pytest.raises(Doubtful):
        ask(server.url)


@pytest.mark.parametrize("ask", APIS.values(), ids=APIS)
def test_an_encoded_answer_of_an_api_is_not_unpacked(ask: Callable[[str], object]) -> None:
    head = OK + b"Content-Type: application/json\r\nContent-Encoding: gzip\r\n"
    ask_once(ask)
    with (
        hostile(once(head + f"Content-Length: {len(BOMB)}\r\n\r\n".encode() + BOMB)) as server,
        memory_of(32 * MIB),
        pytest.raises(Doubtful),
    ):
        ask(server.url)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("ask", [*APIS.values(), ask_for_the_head], ids=[*APIS, "upload address"])
def test_api_redirect_is_not_followed(ask: Callable[[str], object], status: int, elsewhere: Hostile) -> None:
    answer = to(elsewhere.url).replace(b"302 Found", f"{status} Moved".encode())
    answer = answer.replace(b"Content-Length", b"x-amz-bucket-region: eu-central-1\r\nContent-Length")
    with hostile(once(answer)) as server, pytest.raises(ProviderError):
        ask(server.url)
    assert not elsewhere.asked


def ask_once(ask: Callable[[str], Any]) -> None:
    """Make one call before measuring, so that lazily loaded modules do not count as memory of the answer."""
    with serving({}) as nobody, pytest.raises(ProviderError):
        ask(nobody.url)
