"""Benchmark of a publication: requests to Kaltura and Firestore, and the time until the client sees the event.

The first table counts requests, beside the same flow as the vendor's examples do it. The second measures on the whole
stack, alternating with a floor: one empty trigger, one empty task, one call, one write.
"""

from __future__ import annotations

import io
import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import requests
from KalturaClient import KalturaClient, KalturaConfiguration
from KalturaClient.Plugins.Core import (
    KalturaLiveStreamEntry,
    KalturaMediaEntry,
    KalturaMediaType,
    KalturaSessionType,
    KalturaSourceType,
    KalturaUploadedFileTokenResource,
    KalturaUploadToken,
)
from KalturaClient.Plugins.Schedule import KalturaLiveStreamScheduleEvent, KalturaScheduleEventRecurrenceType

from emulator_tests.bench.rounds import by_turns, least_and_median, show, times, verdict
from emulator_tests.crashes.settings import SETTINGS
from emulator_tests.flow.school import Person, School
from emulator_tests.memory import ManualClock, MemoryDocuments, MemoryQueue
from emulator_tests.rules.callers import SERVER
from emulator_tests.rules.firestore import change, create
from emulator_tests.simulators.running import Running
from emulator_tests.testbed import Testbed
from emulator_tests.testbed.places import HOME, ROOT
from shared.app import App
from shared.core.callers import Caller
from shared.core.paths import DELETIONS, RECONCILE_DELETION, RECONCILE_SESSION, RECONCILE_VIDEO, VIDEOS, session_path
from shared.ports import Create, Delete, Document, ProviderAccount, Query, Update, Version, Write
from shared.providers.kaltura.account import KalturaAccount
from shared.providers.kaltura.events import KalturaEvents
from shared.providers.kaltura.inventory import KalturaInventory
from shared.providers.kaltura.media import KalturaMedia
from shared.sessions.settings import SessionSettings
from shared.videos.resource import upload_tokens
from shared.videos.upload_tokens import UploadRequest

ROUNDS = 15
TARGET_FLOOR = 2.0
PARTNER_ID, SECRET = 102, "0123456789abcdef0123456789abcdef"
TITLE = "A lesson"
TEACHER = Caller("t1", is_teacher=True)


def run() -> None:
    """
    Count, measure, and print the tables.
    """
    _count()
    _measure()


@dataclass(frozen=True, slots=True)
class Counted:
    """
    The requests of one flow.
    """

    requests: int
    actions: int
    connections: int
    reads: int = 0
    writes: int = 0


class CountingDocuments(MemoryDocuments):
    """
    Documents that count reads and commits.
    """

    def __init__(self) -> None:
        super().__init__()
        self.looks = 0
        self.commits = 0

    def read(self, *paths: str) -> tuple[Document | None, ...]:
        self.looks += 1
        return super().read(*paths)

    def select(self, query: Query) -> Sequence[Document]:
        self.looks += 1
        return super().select(query)

    def commit(self, *writes: Write) -> tuple[Version, ...]:
        self.commits += 1
        return super().commit(*writes)


def _count() -> None:
    account = ("--partner-id", str(PARTNER_ID), "--admin-secret", SECRET, "--user-secret", "unused")
    with Running("kaltura", *account) as simulator:
        url = simulator.url
        ours, naive = Ours(url), Naive(url)
        ours.warm()
        rows = []
        for flow in ("publish", "unpublish", "prepare upload", "delete upload"):
            theirs, mine = naive.counted(flow), ours.counted(flow)
            target = verdict(mine.requests == 1 and mine.connections == 0, "1 round trip, no new connection")
            rows.append(
                (
                    flow,
                    str(theirs.requests),
                    str(theirs.connections),
                    str(mine.requests),
                    str(mine.actions),
                    str(mine.connections),
                    str(mine.reads),
                    str(mine.writes),
                    times(theirs.requests / mine.requests),
                    target,
                )
            )
    show(
        "events: what a flow asks of Kaltura and of Firestore; the library's calls one after the other are the peer",
        (
            "",
            "peer requests",
            "connections",
            "our requests",
            "actions in it",
            "new connections",
            "looks",
            "commits",
            "fewer requests",
            "target",
        ),
        rows,
    )


@dataclass(frozen=True, slots=True)
class Watch:
    """
    Counts requests, actions and new connections, as seen by the simulator.
    """

    url: str
    known: set[int] = field(default_factory=set)

    def during(self, flow: Callable[[], object]) -> tuple[int, int, int]:
        """
        Run a flow without its log output, and count.
        """
        requests.delete(f"{self.url}/_simulator/requests", timeout=10)
        with redirect_stdout(io.StringIO()):
            flow()
        everything = requests.get(f"{self.url}/_simulator/requests", timeout=10).json()
        asked = [entry for entry in everything if entry["path"].startswith("/api_v3")]
        new = {entry["connection"] for entry in asked} - self.known
        self.known.update(new)
        return len(asked), sum(len(entry["parts"]) for entry in asked), len(new)


class Ours:
    """
    Our reconciles, on in-memory documents and the simulator.
    """

    def __init__(self, url: str) -> None:
        self._watch = Watch(url)
        self._documents = CountingDocuments()
        account = KalturaAccount(url, PARTNER_ID, SECRET, "bench", None, self._documents, _now)
        self._app: App = App(
            self._documents,
            MemoryQueue(ManualClock()),
            _now,
            KalturaEvents(account),
            {"kaltura": ProviderAccount(KalturaMedia(account), KalturaInventory(account))},
            (*(one for one in SETTINGS if not isinstance(one, SessionSettings)), replace(SETTINGS[1], reap_grace_s=0)),
        )
        self._uploads = 0

    def warm(self) -> None:
        """
        Run every flow once, so that what is created once per account exists, and the first connection too.
        """
        for flow in ("publish", "unpublish", "prepare upload", "delete upload"):
            self.counted(flow)

    def counted(self, flow: str) -> Counted:
        """
        Run a flow, and count.
        """
        looks, commits = self._documents.looks, self._documents.commits
        path = session_path("s1")
        starts_at = _now() + timedelta(hours=1)
        # The session is the same each time: same owner, same `createdAt`.
        whose = {"ownerUid": TEACHER.uid, "createdAt": datetime(2026, 1, 5, tzinfo=UTC), "kalturaSession": True}
        session = {"status": "public", "title": TITLE, "visibility": "open", **whose}
        own: tuple[Write, ...]
        asks: Callable[[], None]
        match flow:
            case "publish":
                live = {"format": "liveStreaming", "startsAt": starts_at, "endsAt": starts_at + timedelta(hours=1)}
                own, asks = (Delete(path), Create(path, {**session, **live})), self._visit_session
            case "unpublish":
                own, asks = (Update(path, {"status": "draft"}),), self._visit_session
            case "prepare upload":
                self._uploads += 1
                own, asks = (Delete(path), Create(path, {**session, "format": "onDemand"})), self._prepare
            case _:
                own, asks = (Delete(path),), self._delete_video
        self._documents.commit(*own)
        asked = self._watch.during(asks)
        return Counted(*asked, self._documents.looks - looks, self._documents.commits - commits - 1)

    def _visit_session(self) -> None:
        self._app.work(RECONCILE_SESSION, "s1")

    def _prepare(self) -> None:
        request = UploadRequest("s1", f"upload {self._uploads}", "a.mp4", 1000, TITLE)
        self._app.get(upload_tokens).issue_upload_token(TEACHER, request)

    def _delete_video(self) -> None:
        """
        Reconcile the video, then the deletions that it enqueued.
        """
        for collection, worker in ((VIDEOS, RECONCILE_VIDEO), (DELETIONS, RECONCILE_DELETION)):
            for path in self._documents.paths():
                if path.startswith(f"{collection}/"):
                    self._app.work(worker, path.removeprefix(f"{collection}/"))


class Naive:
    """
    The library as the vendor's examples use it: a session per task, one call after the other.
    """

    def __init__(self, url: str) -> None:
        self._url, self._watch = url, Watch(url)
        self._event: tuple[str, int] = ("", 0)
        self._upload: tuple[str, str] = ("", "")

    def counted(self, flow: str) -> Counted:
        """
        Run a flow, and count.
        """
        flows = {
            "publish": self._publish,
            "unpublish": self._unpublish,
            "prepare upload": self._prepare,
            "delete upload": self._delete,
        }
        return Counted(*self._watch.during(flows[flow]))

    def _client(self) -> Any:
        client = KalturaClient(KalturaConfiguration(self._url))
        client.setKs(client.session.start(SECRET, "naive", KalturaSessionType.ADMIN, PARTNER_ID))
        return client

    def _publish(self) -> None:
        client = self._client()
        entry = client.liveStream.add(
            KalturaLiveStreamEntry(name=TITLE, mediaType=KalturaMediaType(201)), KalturaSourceType.LIVE_STREAM
        )
        begins_at = int(time.time()) + 3600
        event = client.schedule.scheduleEvent.add(
            KalturaLiveStreamScheduleEvent(
                summary=TITLE,
                startDate=begins_at,
                endDate=begins_at + 3600,
                recurrenceType=KalturaScheduleEventRecurrenceType(0),
                templateEntryId=entry.id,
            )
        )
        self._event = (entry.id, event.id)

    def _unpublish(self) -> None:
        client = self._client()
        client.schedule.scheduleEvent.delete(self._event[1])
        client.liveStream.delete(self._event[0])

    def _prepare(self) -> None:
        client = self._client()
        token = client.uploadToken.add(KalturaUploadToken(fileName="a.mp4", fileSize=1000))
        entry = client.media.add(KalturaMediaEntry(name=TITLE, mediaType=KalturaMediaType(1)))
        client.media.addContent(entry.id, KalturaUploadedFileTokenResource(token=token.id))
        self._upload = (entry.id, token.id)

    def _delete(self) -> None:
        client = self._client()
        client.uploadToken.delete(self._upload[1])
        client.media.delete(self._upload[0])


def _measure() -> None:
    with TemporaryDirectory() as folder:
        source = _source(Path(folder))
        settings = {"REAP_GRACE_S": "0", "FEED_INTERVAL_S": "1"}
        with (
            Testbed(
                HOME / "bench", settings, source=source, say=lambda line: print(f"  {line}", flush=True)
            ) as testbed,
            _environment(testbed),
        ):
            school = School(testbed)
            teacher = school.teacher()
            samples = by_turns({"floor": lambda: _floor(school), "publish": lambda: _publish(school, teacher)}, ROUNDS)
            school.close()
    least = min(samples["publish"]) / min(samples["floor"])
    rows = [
        (name, *least_and_median(taken, 1e3, 0), times(min(taken) / min(samples["floor"])), "")
        for name, taken in samples.items()
    ]
    rows[1] = (*rows[1][:-1], verdict(least <= TARGET_FLOOR, f"at most {TARGET_FLOOR:.0f}x"))
    show(
        "events: from the client's write to what its listener sees, warm, on the whole stack",
        ("", "least ms", "median", "times the floor", "target"),
        rows,
    )


@contextmanager
def _environment(testbed: Testbed) -> Iterator[None]:
    """
    Set the environment variable from which the listening library takes the emulator's address.
    """
    os.environ["FIRESTORE_EMULATOR_HOST"] = testbed.firestore_host
    try:
        yield
    finally:
        del os.environ["FIRESTORE_EMULATOR_HOST"]


def _source(folder: Path) -> Path:
    """
    Return a folder with the project's functions and those of the floor.
    """
    for name in ("functions", "schema", "shared", "requirements.txt"):
        (folder / name).symlink_to(ROOT / name)
    shutil.copy(Path(__file__).with_name("floor.py"), folder / "floor.py")
    whole = (ROOT / "main.py").read_text()
    beside = f"import sys\n\nsys.path.insert(0, {str(folder)!r})\n"
    entries = 'FUNCTIONS.update(onFloorUpdated="floor", visitFloor="floor")\n'
    (folder / "main.py").write_text(f"{whole}\n{beside}{entries}")
    return folder


def _floor(school: School) -> float:
    path = f"floors/f-{uuid.uuid4().hex}"
    school.firestore.commit(SERVER, create(path, {"n": 0}))
    began_s = time.perf_counter()
    school.firestore.commit(SERVER, change(path, {"n": 1}))
    school.await_document(path, lambda fields: fields is not None and fields.get("answered") is True)
    return time.perf_counter() - began_s


def _publish(school: School, teacher: Person) -> float:
    session_id = teacher.write_live_session()
    began_s = time.perf_counter()
    teacher.change_session(session_id, status="public")
    school.await_event(session_id)
    return time.perf_counter() - began_s


def _now() -> datetime:
    return datetime.now(UTC)
