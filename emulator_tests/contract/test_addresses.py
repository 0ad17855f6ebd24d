"""Requests to an address: whether anything plays there, and a range of a video, from servers that behave or do not."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import pytest

from emulator_tests.simulators.tests.files import Files, serving
from shared.core.errors import Doubtful, Transient
from shared.ports import Source
from shared.providers.addresses import plays, read_range

FILM: Final = bytes(range(256)) * 40


@pytest.fixture
def files() -> Iterator[Files]:
    """A video, and an empty file."""
    with serving({"/film": FILM, "/empty": b""}) as served:
        yield served


@contextmanager
def answering(answer: bytes) -> Iterator[str]:
    """Run a server that gives this answer to everybody and closes the connection."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            with client:
                client.recv(65_536)
                client.sendall(answer)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/film"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def partial(body: bytes, content_range: str, length: int | None = None) -> bytes:
    """Return an HTTP answer with a range."""
    head = f"HTTP/1.1 206 Partial Content\r\nContent-Range: {content_range}\r\n"
    return f"{head}Content-Length: {len(body) if length is None else length}\r\n\r\n".encode() + body


def test_content_is_read_in_ranges_up_to_its_end(files: Files) -> None:
    source = Source(f"{files.url}/film")

    assert read_range(source, 0, 1000) == (FILM[:1000], len(FILM))
    assert read_range(source, 10_000, 1000) == (FILM[10_000:], len(FILM))
    assert read_range(source, len(FILM), 1000) == (b"", len(FILM))


def test_probe_distinguishes_playable_addresses(files: Files) -> None:
    assert plays(f"{files.url}/film")
    assert not plays(f"{files.url}/nothing")
    assert not plays(f"{files.url}/empty")
    assert not plays("http://127.0.0.1:1/film")
    assert not plays("no address at all")
    # Kaltura refuses like this.
    with answering(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Kaltura: error-4\r\n\r\n") as url:
        assert not plays(url)
    with answering(b"") as url:
        assert not plays(url)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n12345", "HTTP_200"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "HTTP_200"),
        (b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", "HTTP_403"),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "HTTP_404"),
        (b"HTTP/1.1 503 Unavailable\r\nContent-Length: 0\r\n\r\n", "HTTP_503"),
        (b"HTTP/1.1 416 Range\r\nContent-Range: bytes */7\r\nContent-Length: 0\r\n\r\n", "HTTP_416"),
        (partial(b"12345", "bytes 0-4/*"), "HTTP_206"),
        (partial(b"12345", "bytes 0-4/100"), "CUT_SHORT"),
        (partial(b"1234567890123", "bytes 0-12/13"), "CUT_SHORT"),
        (partial(b"12345", "bytes 0-9/10", 10), "CONNECTION_LOST"),
        (b"no HTTP at all", "CONNECTION_LOST"),
        (b"", "CONNECTION_LOST"),
    ],
    ids=[
        "the whole", "nothing", "refused", "not there", "ill", "another size", "an unknown size", "less than asked",
        "more than asked", "half a body", "nonsense", "silence",
    ],
)  # fmt: skip
def test_wrong_range_in_answer_is_a_transient_error(answer: bytes, code: str) -> None:
    with answering(answer) as url, pytest.raises(Transient) as refused:
        read_range(Source(url), 0, 10)

    assert (refused.value.code, isinstance(refused.value, Doubtful)) == (code, code == "CONNECTION_LOST")
    assert url not in str(refused.value)


def test_unanswered_read_is_a_transient_error() -> None:
    with pytest.raises(Transient) as refused:
        read_range(Source("http://127.0.0.1:1/film"), 0, 10)

    assert refused.value.code == "UNREACHABLE"
