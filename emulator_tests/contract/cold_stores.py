"""Cold stores for their contract suite: the port, and a back door to see and change what exists there.

Used by `test_cold_store.py`, which tests the promises of the port for every `ColdStoreSite`. moto has classes and
restores, and believes what it is sent; versitygw verifies signatures and checksums, and has no classes; fake-gcs-server
speaks Cloud Storage.
"""

from __future__ import annotations

import secrets
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from time import monotonic
from typing import Any, Final, Generic, Protocol, TypeVar
from urllib.parse import quote

import botocore.session
import httpx
from botocore.config import Config

from emulator_tests.contract.sources import File, Sources
from emulator_tests.contract.storages import PROJECT, StorageServer
from emulator_tests.memory import ManualClock, MemoryColdStore
from emulator_tests.testbed.network import HOST, ask, free_ports
from emulator_tests.testbed.places import VENV, VERSITYGW
from shared.ports import ColdStore, Source
from shared.providers.gcs.cold_store import Bucket as GcsBucket
from shared.providers.gcs.cold_store import GcsColdStore
from shared.providers.s3.cold_store import Bucket as S3Bucket
from shared.providers.s3.cold_store import S3ColdStore

NAMESPACE: Final = "contract"
PART_BYTES: Final = 5 * 1024 * 1024
REGION: Final = "us-east-1"
WITHIN_S: Final = 30.0
PAUSE_S: Final = 0.01

MARKER: Final = b"bytes that a line damages"
DAMAGED: Final = b"bytes that A line damages"


class Clock:
    """
    The time of the machine, which a test moves forward for us alone.
    """

    def __init__(self) -> None:
        self._ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self._ahead

    def advance(self, seconds: float) -> None:
        """
        Move forward by a number of seconds.
        """
        self._ahead += timedelta(seconds=seconds)


class ColdStoreSite(Protocol):
    """
    An empty bucket.
    """

    @property
    def store(self) -> ColdStore:
        """
        Return the port under test.
        """
        ...

    @property
    def clock(self) -> Clock | ManualClock:
        """
        Return the current time for us; `advance` moves it.
        """
        ...

    def source(self, content: bytes) -> Source:
        """
        Return where bytes can be downloaded.
        """
        ...

    def neighbour(self) -> ColdStore:
        """
        Return the same bucket for another deployment.
        """
        ...

    def content(self, key: str, version: str = "") -> bytes | None:
        """
        Return the bytes of an object; `None` if there is none.
        """
        ...

    def overwrite(self, key: str, content: bytes) -> None:
        """
        Put another object, as if from outside this project.
        """
        ...

    def begin(self, key: str) -> None:
        """
        Begin an upload that never ends.
        """
        ...

    def lock(self, key: str) -> None:
        """
        Lock an object.
        """
        ...


class MemorySite:
    """
    The cold store in memory.
    """

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.contents: dict[str, bytes] = {}
        self.memory = MemoryColdStore(self.clock, self.contents.get, part_bytes=PART_BYTES)
        self.store: ColdStore = self.memory

    def source(self, content: bytes) -> Source:
        """
        See `ColdStoreSite`.
        """
        url = f"memory://source/{len(self.contents)}"
        self.contents[url] = content
        return Source(url)

    def neighbour(self) -> ColdStore:
        """
        See `ColdStoreSite`. Each store in memory is a bucket of its own.
        """
        return MemoryColdStore(self.clock, self.contents.get)

    def content(self, key: str, version: str = "") -> bytes | None:
        """
        See `ColdStoreSite`.
        """
        return self.memory.content(key, version)

    def overwrite(self, key: str, content: bytes) -> None:
        """
        See `ColdStoreSite`.
        """
        self.memory.overwrite(key, content)

    def begin(self, key: str) -> None:
        """
        See `ColdStoreSite`.
        """

        def stop(_: int) -> None:
            raise InterruptedError

        with suppress(InterruptedError):
            self.store.store(key, self.source(b"x"), None, stop)

    def lock(self, key: str) -> None:
        """
        See `ColdStoreSite`.
        """
        self.memory.lock(key)


@dataclass(frozen=True, slots=True)
class S3Server:
    """
    A store with an S3 API.

    Attributes:
        url: Its address.
        access_key: A key that may do everything.
        secret_key: Its secret.
        storage_class: The class of new objects there.
    """

    url: str
    access_key: str
    secret_key: str
    storage_class: str


@cache
def library_for(server: S3Server) -> Any:
    """
    Return the library's client of a store, for all tests.
    """
    return botocore.session.Session().create_client(
        "s3",
        region_name=REGION,
        endpoint_url=server.url,
        aws_access_key_id=server.access_key,
        aws_secret_access_key=server.secret_key,
        config=Config(s3={"addressing_style": "path"}, proxies={}),
    )


@contextmanager
def running_moto() -> Iterator[S3Server]:
    """
    Run moto during a `with` block.
    """
    (port,) = free_ports("moto").values()
    server = S3Server(f"http://{HOST}:{port}", "anybody", "anything", "GLACIER")
    command: list[str | Path] = [VENV / "bin" / "moto_server", "-H", HOST, "-p", str(port)]
    with _running(command, lambda: ask(f"{server.url}/moto-api/data.json")[0] == 200):
        yield server


@contextmanager
def running_versitygw(folder: Path) -> Iterator[S3Server]:
    """
    Run versitygw during a `with` block, with its buckets in a folder.
    """
    (port,) = free_ports("s3").values()
    for name in ("files", "beside", "versions"):
        (folder / name).mkdir(parents=True)
    server = S3Server(f"http://{HOST}:{port}", secrets.token_hex(8), secrets.token_hex(20), "STANDARD")
    keys = ["--access", server.access_key, "--secret", server.secret_key, "--port", f"{HOST}:{port}", "--quiet"]
    posix: list[str | Path] = [
        "posix",
        "--sidecar",
        folder / "beside",
        "--versioning-dir",
        folder / "versions",
        folder / "files",
    ]
    with _running([VERSITYGW, *keys, *posix], lambda: ask(f"{server.url}/none")[0] in (403, 404)):
        yield server


@contextmanager
def _running(command: list[str | Path], answers: Callable[[], bool]) -> Iterator[None]:
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            ends_at = monotonic() + WITHIN_S
            while not _is_true(answers):
                assert process.poll() is None, "The store has ended."
                assert monotonic() < ends_at, "The store does not begin."
            yield
        finally:
            process.terminate()


def _is_true(answers: Callable[[], bool]) -> bool:
    try:
        return answers()
    except OSError:
        return False


S = TypeVar("S", S3ColdStore, GcsColdStore)


class WiredSite(Generic[S]):
    """
    A bucket that is filled over the network.

    Attributes:
        served: Serves what is archived.
        kind: The adapter.
        bucket: The settings of the bucket.
        clock: The clock of the adapter.
        opened: The stores that were opened, to be closed.
    """

    kind: Callable[[Any, Any], S]
    bucket: Any
    clock: Clock
    served: Sources
    opened: list[S]

    def with_changes(self, **changes: Any) -> S:
        """
        Return the store with other settings.
        """
        self.opened.append(self.kind(replace(self.bucket, **changes), self.clock))
        return self.opened[-1]

    def close(self) -> None:
        """
        Close all connections.
        """
        for one in self.opened:
            one.close()

    def source(self, content: bytes) -> Source:
        """
        See `ColdStoreSite`.
        """
        return self.served.add(File(content))

    def neighbour(self) -> S:
        """
        See `ColdStoreSite`.
        """
        return self.with_changes(prefix="neighbour/")


class S3Site(WiredSite[S3ColdStore]):
    """
    A bucket of a store with an S3 API.

    Args:
        server: The store.
        served: Serves what is archived.
        keeps_versions: Whether the bucket keeps versions and can lock.
    """

    def __init__(self, server: S3Server, served: Sources, *, keeps_versions: bool = True) -> None:
        self.server = server
        self.served = served
        self.clock = Clock()
        self.bucket = S3Bucket(
            name=f"archive-{secrets.token_hex(8)}",
            url=server.url,
            region=REGION,
            storage_class=server.storage_class,
            access_key=server.access_key,
            secret_key=server.secret_key,
            prefix=f"{NAMESPACE}/",
            part_bytes=PART_BYTES,
            pause_s=PAUSE_S,
        )
        self.library = library_for(server)
        self.kind = S3ColdStore
        self.opened = []
        self.library.create_bucket(Bucket=self.bucket.name, ObjectLockEnabledForBucket=keeps_versions)
        if keeps_versions:
            self.library.put_bucket_versioning(Bucket=self.bucket.name, VersioningConfiguration={"Status": "Enabled"})
        self.store: ColdStore = self.with_changes()

    def content(self, key: str, version: str = "") -> bytes | None:
        """
        See `ColdStoreSite`.
        """
        at = self._at(key) | ({"VersionId": version} if version else {})
        try:
            if self.store.terms.is_cold:
                # moto makes only the newest version available.
                self.library.restore_object(**self._at(key), RestoreRequest={"Days": 1})
            body: bytes = self.library.get_object(**at)["Body"].read()
        except self.library.exceptions.NoSuchKey:
            return None
        return body

    def overwrite(self, key: str, content: bytes) -> None:
        """
        See `ColdStoreSite`.
        """
        self.library.put_object(**self._at(key), Body=content)

    def begin(self, key: str) -> None:
        """
        See `ColdStoreSite`.
        """
        self.library.create_multipart_upload(**self._at(key))

    def lock(self, key: str) -> None:
        """
        See `ColdStoreSite`.
        """
        retention = {"Mode": "COMPLIANCE", "RetainUntilDate": datetime.now(UTC) + timedelta(days=1)}
        self.library.put_object_retention(**self._at(key), Retention=retention)

    def _at(self, key: str) -> dict[str, str]:
        return {"Bucket": self.bucket.name, "Key": f"{NAMESPACE}/{key}"}


class GcsSite(WiredSite[GcsColdStore]):
    """
    A bucket of Cloud Storage.
    """

    def __init__(self, server: StorageServer, served: Sources) -> None:
        self.server = server
        self.served = served
        self.clock = Clock()
        self.bucket = GcsBucket(
            name=f"archive-{secrets.token_hex(8)}",
            storage_class="ARCHIVE",
            prefix=f"{NAMESPACE}/",
            emulator_url=server.url,
            chunk_bytes=1024 * 1024,
            pause_s=PAUSE_S,
        )
        status, _ = ask(
            f"{server.url}/storage/v1/b?project={PROJECT}",
            {"name": self.bucket.name, "versioning": {"enabled": True}},
        )
        assert status == 200
        self.kind = GcsColdStore
        self.opened = []
        self.store: ColdStore = self.with_changes()

    def content(self, key: str, version: str = "") -> bytes | None:
        """
        See `ColdStoreSite`.
        """
        name = quote(f"{NAMESPACE}/{key}", safe="")
        generation = f"&generation={version}" if version else ""
        at = f"{self.server.url}/download/storage/v1/b/{self.bucket.name}/o/{name}?alt=media{generation}"
        answer = self.server.http.get(at)
        return None if answer.status_code == 404 else answer.raise_for_status().content

    def overwrite(self, key: str, content: bytes) -> None:
        """
        See `ColdStoreSite`.
        """
        at = f"{self.server.url}/upload/storage/v1/b/{self.bucket.name}/o"
        name = f"{NAMESPACE}/{key}"
        self.server.http.post(at, params={"uploadType": "media", "name": name}, content=content).raise_for_status()

    def lock(self, key: str) -> None:
        """
        See `ColdStoreSite`. The emulator locks nothing.
        """
        raise NotImplementedError(key)

    def begin(self, key: str) -> None:
        """
        See `ColdStoreSite`.
        """
        at = f"{self.server.url}/upload/storage/v1/b/{self.bucket.name}/o"
        self.server.http.post(at, params={"uploadType": "resumable", "name": f"{NAMESPACE}/{key}"}).raise_for_status()


@contextmanager
def damaging(url: str, times: int) -> Iterator[str]:
    """
    Pass on the bytes of every connection to a server during a `with` block, and damage those like `MARKER`.

    Args:
        url: The address of the server.
        times: How many are damaged.
    """
    to = httpx.URL(url)
    left = [times]
    lock = threading.Lock()

    def damaged(piece: bytes) -> bytes:
        with lock:
            found = piece.count(MARKER)
            count = min(found, left[0])
            left[0] -= count
        return piece.replace(MARKER, DAMAGED, count)

    def pump(source: socket.socket, target: socket.socket, *, damages: bool) -> None:
        with suppress(OSError):
            while piece := source.recv(256 * 1024):
                target.sendall(damaged(piece) if damages else piece)
        for one in (source, target):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def connect() -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                server = socket.create_connection((to.host, to.port or 80))
                kept.extend((client, server))
                for one, other, damages in ((client, server, True), (server, client, False)):
                    thread = threading.Thread(target=pump, args=(one, other), kwargs={"damages": damages})
                    threads.append(thread)
                    thread.start()

    kept: list[socket.socket] = []
    threads: list[threading.Thread] = []
    with socket.create_server((HOST, 0)) as listener:
        accepting = threading.Thread(target=connect)
        accepting.start()
        try:
            yield f"http://{HOST}:{listener.getsockname()[1]}"
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            accepting.join()
            for one in kept:
                with suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)
            for thread in threads:
                thread.join()
            for one in kept:
                one.close()


@dataclass(frozen=True, slots=True)
class Told:
    """
    An answer of `answering`.

    Attributes:
        status: The status.
        body: The body.
        headers: Further headers.
    """

    status: int
    body: str = ""
    headers: tuple[tuple[str, str], ...] = ()


@contextmanager
def answering(answer: Callable[[str, str], Told]) -> Iterator[str]:
    """
    Run a server during a `with` block that answers as it is told.

    Args:
        answer: Returns the answer to a method and an address.
    """

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            told = answer(self.command, self.path)
            self.send_response(told.status)
            for name, value in told.headers:
                self.send_header(name, value)
            if not any(name == "Content-Length" for name, _ in told.headers):
                self.send_header("Content-Length", str(len(told.body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(told.body.encode())

        do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _answer  # noqa: N815  # the names of the library

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer((HOST, 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://{HOST}:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
