"""A hostile server: it sends the answer that a test chooses, for as long as the client reads.

Used by the tests of everything that reads answers.
"""

from __future__ import annotations

import gzip
import socket
import struct
import threading
import tracemalloc
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Final

MIB: Final = 1024 * 1024


def _bomb(mebibytes: int) -> bytes:
    """
    Return zeros that are compressed with gzip, as one stream. One MiB is compressed and then repeated.
    """
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    block = packer.compress(bytes(MIB)) + packer.flush(zlib.Z_FULL_FLUSH)
    end = zlib.compressobj(wbits=-zlib.MAX_WBITS).flush()
    head, checksum = gzip.compress(b"")[:10], zlib.crc32(bytes(mebibytes * MIB))
    return head + block * mebibytes + end + struct.pack("<II", checksum, mebibytes * MIB)


BOMB: Final = _bomb(420)
"""420 MiB of zeros compressed to 400 KiB, which a careless client would unpack."""


@dataclass
class Hostile:
    """
    A running hostile server, and the requests it got.

    Attributes:
        url: An address there.
        asked: The head of each request.
    """

    url: str
    asked: list[bytes] = field(default_factory=list)


Says = Callable[[bytes], Iterable[bytes]]
"""Returns the answer to a request, in pieces, given the request's head."""


@contextmanager
def hostile(says: Says, host: str = "127.0.0.1") -> Iterator[Hostile]:
    """
    Run a hostile server during a `with` block.
    """
    listener = socket.create_server((host, 0))
    server = Hostile(f"http://{host}:{listener.getsockname()[1]}/film")
    stopping = threading.Event()
    threads: list[threading.Thread] = []

    def answer(client: socket.socket) -> None:
        # A client that has read enough closes the connection.
        with suppress(OSError), client:
            client.settimeout(10)
            head = client.recv(65_536)
            server.asked.append(head)
            for piece in says(head):
                if stopping.is_set():
                    return
                client.sendall(piece)

    def serve() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threads.append(threading.Thread(target=answer, args=(client,)))
            threads[-1].start()

    serving = threading.Thread(target=serve)
    serving.start()
    try:
        yield server
    finally:
        stopping.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        serving.join()
        for thread in threads:
            thread.join()


def once(answer: bytes) -> Says:
    """
    Return the same answer for every request.
    """
    return lambda _: [answer]


def without_end(head: bytes, piece: bytes) -> Says:
    """
    Return a head, then one piece again and again.
    """

    def says(_: bytes) -> Iterator[bytes]:
        yield head
        while True:
            yield piece

    return says


def dripping(head: bytes, drop: bytes = b"x", each_s: float = 0.05) -> Says:
    """
    Return a head, then a drop from time to time, so that no timeout of a single read ever ends it.
    """

    def says(_: bytes) -> Iterator[bytes]:
        yield head
        while True:
            threading.Event().wait(each_s)
            yield drop

    return says


@contextmanager
def memory_of(most_bytes: int) -> Iterator[None]:
    """
    Check that the block uses at most this much memory at once.
    """
    tracemalloc.start()
    try:
        yield
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < most_bytes, f"It took {peak / MIB:.1f} MiB."
