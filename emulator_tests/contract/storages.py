"""Storages for their contract suite: the port, and what clients do with the addresses that it gives.

Used by `test_storage.py`, which tests the promises of the port for every `StorageSite`.
"""

from __future__ import annotations

import gc
import secrets
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from time import monotonic
from typing import Final, Protocol

import httpx

from emulator_tests.memory import AddressRefused, ManualClock, MemoryStorage
from emulator_tests.testbed.network import HOST, ask, free_ports
from emulator_tests.testbed.places import FAKE_GCS_SERVER
from shared.cloud.storage import CloudStorage, Connection, connect_storage
from shared.ports import Storage, UploadAddress

PROJECT: Final = "demo-contract"
WITHIN_S: Final = 30.0
PIECE_BYTES: Final = 256 * 1024
"""The size of each piece of an upload but the last is a multiple of this."""


class StorageSite(Protocol):
    """
    An empty bucket.
    """

    @property
    def storage(self) -> Storage:
        """
        Return the port under test.
        """
        ...

    @property
    def clock(self) -> Callable[[], datetime]:
        """
        Return the current time, for us and for the storage.
        """
        ...

    def upload(self, address: UploadAddress, content: bytes, content_type: str) -> None:
        """
        Upload an object as a client does.

        Raises:
            AddressRefused: The storage does not take it.
        """
        ...

    def open(self, url: str) -> bytes:
        """
        Read an object as a client does.

        Raises:
            AddressRefused: The storage does not give it.
        """
        ...


class MemoryStorageSite:
    """
    The storage in memory.
    """

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.storage = MemoryStorage(self.clock)

    def upload(self, address: UploadAddress, content: bytes, content_type: str) -> None:
        """
        See `StorageSite`.
        """
        self.storage.upload(address, content, content_type)

    def open(self, url: str) -> bytes:
        """
        See `StorageSite`.
        """
        return self.storage.open(url)


@dataclass(frozen=True, slots=True)
class StorageServer:
    """
    A server that speaks Cloud Storage.

    Attributes:
        url: Its address.
        http: A client of the tests.
        connect: Returns one connection for all tests.
    """

    url: str
    http: httpx.Client
    connect: Callable[[], Connection]

    def new_bucket(self) -> str:
        """
        Create an empty bucket.
        """
        name = f"slides-{secrets.token_hex(8)}"
        status, _ = ask(f"{self.url}/storage/v1/b?project={PROJECT}", {"name": name})
        assert status == 200
        return name


@contextmanager
def running_storage(log: Path) -> Iterator[StorageServer]:
    """
    Run fake-gcs-server during a `with` block.
    """
    (port,) = free_ports("storage").values()
    url = f"http://{HOST}:{port}"
    address = ["-scheme", "http", "-host", HOST, "-port", str(port)]
    outside = ["-external-url", url, "-public-host", f"{HOST}:{port}"]
    command: list[str | Path] = [FAKE_GCS_SERVER, "-backend", "memory", *address, *outside]
    with log.open("wb") as lines, subprocess.Popen(command, stdout=lines, stderr=lines) as process:
        try:
            ends_at = monotonic() + WITHIN_S
            while not _answers(url):
                assert process.poll() is None, "The storage has ended."
                assert monotonic() < ends_at, "The storage does not begin."
            with httpx.Client(timeout=30, trust_env=False) as http:
                yield StorageServer(url, http, cache(lambda: connect_to(url)))
        finally:
            process.terminate()


def connect_to(url: str) -> Connection:
    """
    Return a connection to an emulator.
    """
    return connect_storage(PROJECT, _nobody, url)


def let_go(connection: Connection) -> None:
    """
    Close all that a connection holds: after repetitions the library leaves cycles behind that hold sockets.
    """
    connection.client.close()
    gc.collect()


def _nobody() -> str:
    raise AssertionError("Nobody signs in the name of this machine.")


def _answers(url: str) -> bool:
    try:
        return ask(f"{url}/_internal/healthcheck")[0] == 200
    except OSError:
        return False


class CloudStorageSite:
    """
    The storage in a bucket of fake-gcs-server, which verifies no signature.
    """

    def __init__(self, server: StorageServer) -> None:
        self.server = server
        self.bucket = server.new_bucket()
        self.storage = self.over(server.connect)

    def clock(self) -> datetime:
        """
        Return this machine's time.
        """
        return datetime.now(UTC)

    def over(self, connect: Callable[[], Connection], timeout_s: float = 10.0) -> CloudStorage:
        """
        Return the same bucket over another connection.
        """
        return CloudStorage(connect, self.bucket, self.clock, timeout_s)

    def begin(self, address: UploadAddress) -> str:
        """
        Begin an upload; return the address of its pieces.
        """
        begun = self.server.http.request(address.method, address.url, headers=dict(address.headers))
        assert begun.status_code in (200, 201), begun.text
        return begun.headers["location"]

    def send(self, pieces_url: str, content: bytes, first: int, last: int, content_type: str) -> int:
        """
        Send the bytes from `first` to `last`; return the status of the answer.
        """
        # Cloud Storage knows the type from the beginning; fake-gcs-server takes that of a piece, as browsers send it.
        headers = {"content-range": f"bytes {first}-{last}/{len(content)}", "content-type": content_type}
        return self.server.http.put(pieces_url, content=content[first : last + 1], headers=headers).status_code

    def upload(self, address: UploadAddress, content: bytes, content_type: str) -> None:
        """
        See `StorageSite`. In pieces.
        """
        url, status = self.begin(address), 0
        for first in range(0, len(content), PIECE_BYTES):
            last = min(first + PIECE_BYTES, len(content)) - 1
            status = self.send(url, content, first, last, content_type)
        if status not in (200, 201):
            raise AddressRefused(f"The storage answers {status}.")

    def open(self, url: str) -> bytes:
        """
        See `StorageSite`.
        """
        answer = self.server.http.get(url)
        if answer.status_code != 200:
            raise AddressRefused(f"The storage answers {answer.status_code}.")
        return answer.content
