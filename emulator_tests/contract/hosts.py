"""Hosts for their contract suite: the port, and a back door to see and change what exists there.

Used by `test_hosts.py`, which tests the promises of the port for every `HostTestAccount`.
"""

from __future__ import annotations

import secrets
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Any, Final, Protocol, TypeVar
from urllib.parse import urlsplit

import httpx

from emulator_tests.memory import ManualClock, MemoryHost
from emulator_tests.simulators.tests.files import Files
from emulator_tests.testbed.line import Break, line_to
from emulator_tests.testbed.network import HOST, ask, free_ports
from emulator_tests.testbed.places import VERSITYGW
from shared.core.errors import Doubtful
from shared.ports import ExternalIds, Grant, Host, MediaState, Observation, Source
from shared.providers.bunny.host import BunnyHost, BunnyLibrary
from shared.providers.s3.host import S3Host, S3Store

T = TypeVar("T")

NAMESPACE: Final = "contract"
PIECE_BYTES: Final = 5 * 1024 * 1024
WITHIN_S: Final = 30.0

LOST_CALL: Final = Break(0)
LOST_ANSWER: Final = Break(0, loses_answer=True)


class HostTestAccount(Protocol):
    """
    One host.

    Attributes:
        host: The port under test.
        waits: Whether it waits for bytes; otherwise it fetches them itself.
    """

    host: Host
    waits: bool

    @property
    def clock(self) -> Callable[[], datetime]:
        """
        Return the current time, for us and for the host.
        """
        ...

    def neighbour(self) -> Host:
        """
        Return the same host for another deployment.
        """
        ...

    def over(self, breaks: Sequence[Break]) -> AbstractContextManager[Host]:
        """
        Return the host behind a connection that breaks in these ways.
        """
        ...

    def alive(self) -> set[str]:
        """
        Return the ids of every copy that exists there, finished or not, from any deployment.
        """
        ...

    def vanish(self, external_ids: ExternalIds) -> None:
        """
        Delete a copy, as if from outside this project.
        """
        ...

    def finish(self, external_ids: ExternalIds) -> None:
        """
        Let a host that fetches by itself finish a copy.
        """
        ...

    def played(self, grant: Grant, within: slice | None = None) -> bytes | None:
        """
        Return the bytes that play with a grant; `None` if nothing plays.
        """
        ...

    def later(self) -> None:
        """
        Let enough time pass for later copies to get another time of creation.
        """
        ...


def copied(account: HostTestAccount, reference: str, source: Source) -> ExternalIds:
    """
    Create a copy, and wait until it is ready.
    """
    external_ids = account.host.begin_copy(reference, source)
    await_end(account, external_ids, source)
    return external_ids


def await_end(account: HostTestAccount, external_ids: ExternalIds, source: Source) -> Observation:
    """
    Bring a copy to its end, as reconciles do.
    """
    ends_at = monotonic() + WITHIN_S
    while True:
        seen = account.host.observe_copy(external_ids)
        if seen.state is MediaState.AWAITING_UPLOAD:
            seen = account.host.send_more(external_ids, source)
        elif seen.state is MediaState.PROCESSING:
            account.finish(external_ids)
        if seen.state in (MediaState.READY, MediaState.ERROR, MediaState.GONE):
            return seen
        assert monotonic() < ends_at, "There is no end of it."


# --- in memory ----------------------------------------------------------------------------------------------------


class MemoryHostTestAccount:
    """
    The host in memory.
    """

    def __init__(self, *, waits: bool) -> None:
        self.waits = waits
        self.clock = ManualClock()
        self._breaks: list[Break] = []
        self._memory = MemoryHost(self.clock, self._effect, waits=waits)
        self.host: Host = self._memory
        self._neighbour = MemoryHost(self.clock, waits=waits)

    def neighbour(self) -> Host:
        """
        Return another host, because nothing is shared in memory.
        """
        return self._neighbour

    @contextmanager
    def over(self, breaks: Sequence[Break]) -> Iterator[Host]:
        """
        Yield the same host, with calls and answers that get lost.
        """
        self._breaks = list(breaks)
        yield self.host
        self._breaks = []

    def alive(self) -> set[str]:
        """
        Return the ids of the copies in memory.
        """
        return {made.external_ids["copyId"] for host in (self._memory, self._neighbour) for made in host.alive()}

    def vanish(self, external_ids: ExternalIds) -> None:
        """
        Remove the copy from memory.
        """
        self._memory.vanish(external_ids["copyId"])

    def finish(self, external_ids: ExternalIds) -> None:
        """
        Make the copy ready, or failed if its source does not exist.
        """
        (made,) = [made for made in self._memory.alive() if made.external_ids == external_ids]
        ready = Observation(MediaState.READY, 100)
        failed = Observation(MediaState.ERROR, reason="It could not be fetched.")
        self._memory.show(external_ids, failed if made.source.endswith("/nothing") else ready)

    def played(self, grant: Grant, within: slice | None = None) -> bytes | None:
        """
        Return some bytes if the copy exists and the grant has not ended. Nothing really plays in memory.
        """
        there = any(one in grant.url for one in self.alive())
        return b"a film" if there and self.clock() < grant.expires_at else None

    def later(self) -> None:
        """
        Advance the clock by a second.
        """
        self.clock.advance(1)

    def _effect(self, operation: str, do: Callable[[], T]) -> T:
        broken = self._breaks.pop(0) if self._breaks else None
        if broken is not None and not broken.loses_answer:
            raise Doubtful("It was lost.", provider="host", operation=operation, code="CONNECTION_LOST")
        done = do()
        if broken is not None:
            raise Doubtful("It was lost.", provider="host", operation=operation, code="CONNECTION_LOST")
        return done


# --- Bunny --------------------------------------------------------------------------------------------------------


class _Served:
    """
    A host that is reached at an address.
    """

    host: Host

    def __init__(self, url: str) -> None:
        self._url = url
        self._clients: list[Any] = []

    def clock(self) -> datetime:
        """
        Return this machine's time.
        """
        return datetime.now(UTC)

    def at(self, url: str, namespace: str = NAMESPACE, key: str | None = None) -> Host:
        """
        Return the host at another address, for another deployment, or with another key.
        """
        raise NotImplementedError

    def neighbour(self) -> Host:
        """
        Return the host with another namespace.
        """
        return self.at(self._url, "neighbour")

    def with_key(self, key: str) -> Host:
        """
        Return the host with another key.
        """
        return self.at(self._url, key=key)

    def close(self) -> None:
        """
        Close the connections.
        """
        for client in self._clients:
            client.close()

    @contextmanager
    def over(self, breaks: Sequence[Break]) -> Iterator[Host]:
        """
        Yield the host behind a TCP connection of its own.
        """
        to = urlsplit(self._url)
        with line_to((to.hostname or "", to.port or 0), breaks) as line:
            host = self.at(f"http://{line.address[0]}:{line.address[1]}")
            # The line serves one connection at a time.
            with closing(self._clients.pop()):
                yield host

    def finish(self, external_ids: ExternalIds) -> None:
        """
        Do nothing: the host fetches by itself.
        """

    def later(self) -> None:
        """
        Wait for the next second, because a store tells the time of creation in seconds.
        """
        now = self.clock().replace(microsecond=0)
        ends_at = monotonic() + WITHIN_S
        while self.clock().replace(microsecond=0) == now:
            assert monotonic() < ends_at
            threading.Event().wait(0.02)


@dataclass(frozen=True, slots=True)
class BunnyServer:
    """
    A Bunny simulator for one suite only.
    """

    url: str
    http: httpx.Client
    library_id: str
    api_key: str
    token_key: str

    def control(self, method: str, name: str, body: object = None) -> Any:
        """
        Call one of the simulator's own controls.
        """
        answer = self.http.request(method, f"{self.url}/_simulator/{name}", json=body)
        answer.raise_for_status()
        return answer.json()


class BunnyTestAccount(_Served):
    """
    Bunny Stream, as its simulator serves it.
    """

    waits = False

    def __init__(self, server: BunnyServer) -> None:
        super().__init__(server.url)
        self.server = server
        self.host = self.at(server.url)

    def at(self, url: str, namespace: str = NAMESPACE, key: str | None = None) -> Host:
        """
        See `_Served`.
        """
        server = self.server
        library = BunnyLibrary(
            name="bunny",
            url=url,
            library_id=server.library_id,
            api_key=key or server.api_key,
            playback_url=server.url,
            token_key=server.token_key,
            namespace=namespace,
            clock=self.clock,
        )
        self._clients.append(library.client)
        return BunnyHost(library)

    def alive(self) -> set[str]:
        """
        Return the ids that the simulator lists.
        """
        return {video["guid"] for video in self.server.control("GET", "things")["videos"]}

    def vanish(self, external_ids: ExternalIds) -> None:
        """
        Delete the video through the API.
        """
        url = f"{self._url}/library/{self.server.library_id}/videos/{external_ids['guid']}"
        assert self.server.http.delete(url, headers={"AccessKey": self.server.api_key}).is_success

    def played(self, grant: Grant, within: slice | None = None) -> bytes | None:
        """
        Return the first segment, as a player finds it.
        """
        at = grant.url
        for _ in range(2):
            told = self.server.http.get(at)
            if not told.is_success:
                return None
            at = str(told.url.join(next(line for line in told.text.splitlines() if line and not line.startswith("#"))))
        segment = self.server.http.get(at)
        return segment.content[within or slice(None)] if segment.is_success else None


# --- S3 -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class S3Server:
    """
    An S3 store for one suite only, and its bucket.
    """

    url: str
    bucket: str
    access_key: str
    secret_key: str


@contextmanager
def running_s3(folder: Path) -> Iterator[S3Server]:
    """
    Run a store during a `with` block. A folder in its folder is a bucket.
    """
    (port,) = free_ports("s3").values()
    files, beside = folder / "s3", folder / "beside-s3"
    (files / "videos").mkdir(parents=True)
    beside.mkdir()
    server = S3Server(f"http://{HOST}:{port}", "videos", secrets.token_hex(8), secrets.token_hex(20))
    keys = ["--access", server.access_key, "--secret", server.secret_key, "--port", f"{HOST}:{port}", "--quiet"]
    command: list[str | Path] = [VERSITYGW, *keys, "posix", "--sidecar", beside, files]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            ends_at = monotonic() + WITHIN_S
            while not _answers(server):
                assert process.poll() is None, "The store has ended."
                assert monotonic() < ends_at, "The store does not begin."
            yield server
        finally:
            process.terminate()


def _answers(server: S3Server) -> bool:
    try:
        return ask(f"{server.url}/{server.bucket}")[0] == 403
    except OSError:
        return False


class S3TestAccount(_Served):
    """
    Your own server, over S3.
    """

    waits = True

    def __init__(self, server: S3Server) -> None:
        super().__init__(server.url)
        self.server = server
        self.host = self.at(server.url)
        self._client = self._clients[0]

    def at(self, url: str, namespace: str = NAMESPACE, key: str | None = None) -> Host:
        """
        See `_Served`.
        """
        server = self.server
        store = S3Store(
            name="own",
            url=url,
            bucket=server.bucket,
            region="us-east-1",
            access_key=server.access_key,
            secret_key=key or server.secret_key,
            namespace=namespace,
            clock=self.clock,
            piece_bytes=PIECE_BYTES,
        )
        self._clients.append(store.client)
        return S3Host(store)

    def close(self) -> None:
        """
        Delete everything, and close the connections.
        """
        everything = self._client.ask("list", lambda s3: s3.list_objects_v2(Bucket=self.server.bucket))
        for one in everything.get("Contents", ()):
            self._delete(one["Key"])
        for upload in self._uploads():
            self._abort(upload)
        super().close()

    def alive(self) -> set[str]:
        """
        Return the keys of objects, and of multipart uploads with their ids.
        """
        found = self._client.ask("list", lambda s3: s3.list_objects_v2(Bucket=self.server.bucket))
        objects = {str(one["Key"]) for one in found.get("Contents", ())}
        return objects | {f"{one['Key']} {one['UploadId']}" for one in self._uploads()}

    def vanish(self, external_ids: ExternalIds) -> None:
        """
        Delete the object, and its multipart upload.
        """
        self._delete(external_ids["key"])
        for upload in self._uploads():
            if upload["Key"] == external_ids["key"]:
                self._abort(upload)

    def played(self, grant: Grant, within: slice | None = None) -> bytes | None:
        """
        Return the file.
        """
        with httpx.Client(timeout=WITHIN_S, trust_env=False) as http:
            told = http.get(grant.url)
        return told.content[within or slice(None)] if told.is_success else None

    def later(self) -> None:
        """
        Wait for two seconds to begin, because the store may round an object's time up to the next second.
        """
        super().later()
        super().later()

    def _uploads(self) -> list[Any]:
        told = self._client.ask("uploads", lambda s3: s3.list_multipart_uploads(Bucket=self.server.bucket))
        return list(told.get("Uploads", ()))

    def _delete(self, key: str) -> None:
        self._client.ask("delete", lambda s3: s3.delete_object(Bucket=self.server.bucket, Key=key))

    def _abort(self, upload: Any) -> None:
        at = {"Bucket": self.server.bucket, "Key": upload["Key"], "UploadId": upload["UploadId"]}
        self._client.ask("abort", lambda s3: s3.abort_multipart_upload(**at))


def source_of(files: Files, name: str) -> Source:
    """
    Return a file of a file server as a source.
    """
    return Source(f"{files.url}/{name}")
