"""A server that is not what it was taken for: it answers whatever a test says, for as long as somebody reads.

Used by the tests of everything that reads answers. Leaves to them what is said.
"""

from __future__ import annotations

import gzip
import socket
import threading
import tracemalloc
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Final

MIB: Final = 1024 * 1024

BOMB: Final = gzip.compress(bytes(420 * MIB), 6)
"""What a careless reader unpacks: 420 MiB of nothing in 400 KiB."""


@dataclass
class Hostile:
    """
    Where it is, and who has asked.

    Attributes:
        url: Of something there.
        asked: The head of each request.
    """

    url: str
    asked: list[bytes] = field(default_factory=list)


Says = Callable[[bytes], Iterable[bytes]]
"""The answer to a request, given its head, piece by piece."""


@contextmanager
def hostile(says: Says, host: str = "127.0.0.1") -> Iterator[Hostile]:
    """
    A hostile server, as long as the block lasts.
    """
    listener = socket.create_server((host, 0))
    server = Hostile(f"http://{host}:{listener.getsockname()[1]}/film")
    stopping = threading.Event()
    threads: list[threading.Thread] = []

    def answer(client: socket.socket) -> None:
        # Whoever has had enough hangs up.
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
    The same answer to everybody.
    """
    return lambda _: [answer]


def without_end(head: bytes, piece: bytes) -> Says:
    """
    A head, and then a piece again and again.
    """

    def says(_: bytes) -> Iterator[bytes]:
        yield head
        while True:
            yield piece

    return says


def dripping(head: bytes, drop: bytes = b"x", each_s: float = 0.05) -> Says:
    """
    A head, and then a drop from time to time: never so long a silence that somebody would give up for it.
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
    Judge that what is done in the block takes no more memory than that at once.
    """
    tracemalloc.start()
    try:
        yield
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < most_bytes, f"It took {peak / MIB:.1f} MiB."
