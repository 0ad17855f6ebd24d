"""A restore: a backup replaces the database while the provider goes on, and nothing is lost.

The backup is an export of the Firestore emulator, restored by starting another emulator with it. The provider is its
simulator, on the same virtual clock as the use cases.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from emulator_tests.contract.accounts import DECLARED_BYTES, CloudflareTestAccount, Film, KalturaTestAccount
from emulator_tests.deployment_settings import deployment_settings
from emulator_tests.memory import ManualClock, MemoryQueue
from emulator_tests.pure.deployment import POLICY, STRAY_AGE_S, TEACHER, WINDOW
from emulator_tests.testbed.network import HOST, free_ports
from emulator_tests.testbed.part import Part
from emulator_tests.testbed.places import HIDANE
from shared.app import App
from shared.cloud.firestore import FirestoreDocuments, connect_firestore
from shared.ports import Create, Delete, Fields, ProviderAccount, Query, Task
from shared.reconcile.epoch import HELD_LOOK_S, DatabaseUid
from shared.videos.controller import watched
from shared.videos.model import Video, VideoState
from shared.videos.resource import playbacks, upload_tokens
from shared.videos.upload_tokens import UploadRequest

PROJECT: Final = "demo-restoring"
STARTS_WITHIN_S: Final = 60
SWEEP_S: Final = 1200
"""Less often than in the cloud. More sweeps would only make the tested promises easier to keep."""

DAY_S: Final = 24 * 3600
Account = KalturaTestAccount | CloudflareTestAccount


class AccountClock(ManualClock):
    """
    The virtual clock of the use cases and of the provider.
    """

    def __init__(self, account: Account) -> None:
        super().__init__()
        self._account = account

    def __call__(self) -> datetime:
        return self._account.clock()

    def move_to(self, at: datetime) -> None:
        """
        Move forward to an instant, unless it is in the past.
        """
        seconds = (at - self()).total_seconds()
        if seconds > 0:
            self._account.go_on(seconds)


class Database:
    """
    A Firestore emulator for one test.

    Args:
        folder: A folder for its files.
        backup: The export to begin with; `None` for an empty database.
    """

    def __init__(self, folder: Path, backup: Path | None = None) -> None:
        folder.mkdir()
        address = f"{HOST}:{free_ports('firestore')['firestore']}"
        self._url, port = f"http://{address}", address.rpartition(":")[2]
        seed = [] if backup is None else ["--seed_from_export", str(*backup.glob("*.overall_export_metadata"))]
        command = [str(HIDANE), "--host", HOST, "--port", port, *seed]
        self._part = Part("firestore", command, os.environ, folder, folder / "firestore.log", 0)
        self._part.start()
        self._part.wait_until("answer", self._answers, time.monotonic() + STARTS_WITHIN_S)
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("FIRESTORE_EMULATOR_HOST", address)
            self.documents = FirestoreDocuments(connect_firestore(PROJECT, "(default)"))

    def export(self, folder: Path) -> Path:
        """
        Write all documents into a new folder there, as a backup does.
        """
        folder.mkdir()
        wanted = {
            "database": f"projects/{PROJECT}/databases/(default)",
            "export_directory": str(folder),
            "export_name": "backup",
        }
        address = f"{self._url}/emulator/v1/projects/{PROJECT}:export"
        answer = httpx.post(address, json=wanted, timeout=30, trust_env=False)
        assert answer.status_code == 200, answer.text
        (metadata,) = folder.rglob("*.overall_export_metadata")
        return metadata.parent

    def stop(self) -> None:
        """
        Stop it, and wait until it has ended.
        """
        self._part.let_go()
        self._part.wait()

    def _answers(self) -> bool:
        try:
            return httpx.get(self._url, timeout=5, trust_env=False).status_code == 200
        except httpx.TransportError as error:
            raise ConnectionError(str(error)) from error


class School:
    """
    One deployment on a database and an account, with an empty queue.
    """

    def __init__(self, database: Database, account: Account, database_uid: DatabaseUid) -> None:
        self.account, self.documents = account, database.documents
        self.clock = AccountClock(account)
        self.queue = MemoryQueue(self.clock)
        settings = deployment_settings(
            policy=POLICY,
            provider=account.media.name,
            reap_grace_s=600,
            late_commit_s=600,
            window=WINDOW,
            stray_age_s=STRAY_AGE_S,
            feed_interval_s=10,
            feed_overlap_s=60,
            feed_ticks_max=1000,
            tasks_per_hour_max=100_000,
        )
        provider_accounts = {account.media.name: ProviderAccount(account.media, account.inventory)}
        self.app: App = App(
            self.documents,
            self.queue,
            self.clock,
            account.events,
            provider_accounts,
            settings,
            database_uid=database_uid,
        )

    def write_session(self) -> None:
        """
        Create the only session.
        """
        now = self.clock()
        fields: Fields = {"ownerUid": "teacher", "title": "Algebra", "status": "public", "format": "onDemand"}
        self.documents.commit(
            Create("sessions/s1", {**fields, "visibility": "open", "createdAt": now, "updatedAt": now})
        )

    def upload(self, size_bytes: int) -> str:
        """
        Upload a video as its teacher does, and wait until it is ready.
        """
        request = UploadRequest("s1", "r1", "algebra.mp4", size_bytes, "Algebra", None)
        video_id = self.app.get(upload_tokens).issue_upload_token(TEACHER, request).video_id
        external_ids = watched(self.video(video_id))
        assert external_ids is not None
        self.account.upload(external_ids, Film.VIDEO)
        self.run(60)
        assert self.video(video_id).state is VideoState.READY
        return video_id

    def video(self, video_id: str) -> Video:
        """
        Return the document of a video.
        """
        (document,) = self.documents.read(f"videos/{video_id}")
        assert document is not None
        return Video.from_document(document)

    def plays(self, video_id: str) -> bool:
        """
        Tell whether the video plays for the teacher, with a request like a player's.
        """
        url = self.app.get(playbacks).issue_playback(TEACHER, video_id).url
        answer = httpx.get(url, timeout=30, follow_redirects=True, trust_env=False)
        return answer.is_success and bool(answer.content)

    def run(self, seconds: float) -> None:
        """
        Let time pass, and deliver every task at its time.
        """
        self.queue.deliver_until(self.clock() + timedelta(seconds=seconds), self._work)

    def sweep_for(self, seconds: float) -> None:
        """
        Let time pass with the sweep, and deliver every task at its time.
        """
        ends_at = self.clock() + timedelta(seconds=seconds)
        while self.clock() < ends_at:
            self.app.sweep.run()
            self.run(SWEEP_S)

    def _work(self, task: Task) -> None:
        self.app.work(task.queue, task.key)


@contextmanager
def _running(folder: Path, backup: Path | None = None) -> Iterator[Database]:
    database = Database(folder, backup)
    try:
        yield database
    finally:
        database.stop()


@pytest.fixture(params=["kaltura", "cloudflare"])
def account(request: pytest.FixtureRequest) -> Iterator[Account]:
    """
    An empty account that nobody else uses.
    """
    server: Any = request.getfixturevalue(request.param)
    server.control("POST", "reset")
    with closing(KalturaTestAccount(server) if request.param == "kaltura" else CloudflareTestAccount(server)) as made:
        yield made


def _alarms(capsys: pytest.CaptureFixture[str]) -> list[str]:
    lines = (json.loads(line) for line in capsys.readouterr().err.splitlines() if line.startswith("{"))
    return [line["message"] for line in lines if line["severity"] == "ALERT"]


@pytest.mark.parametrize("is_told", [True, False], ids=["uid is told", "uid is not told"])
def test_upload_after_the_backup_survives_the_restore(
    account: Account, films: dict[Film, Path], is_told: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without this promise, the sweep would delete the upload an hour after the restore."""

    def told(uid: str) -> DatabaseUid:
        return lambda: uid if is_told else None

    size_bytes = films[Film.VIDEO].stat().st_size if isinstance(account, KalturaTestAccount) else DECLARED_BYTES
    with ExitStack() as databases:
        before = databases.enter_context(_running(tmp_path / "before"))
        school = School(before, account, told("before"))
        school.write_session()
        school.sweep_for(2 * STRAY_AGE_S)
        backup = before.export(tmp_path / "backup")
        video_id = school.upload(size_bytes)
        reference, there = f"video:{video_id}:1", account.alive()
        school.sweep_for(DAY_S / 4)
        assert _alarms(capsys) == []

        school = School(databases.enter_context(_running(tmp_path / "after", backup)), account, told("after"))
        assert list(school.documents.select(Query("videos"))) == []
        school.sweep_for(DAY_S)

        assert account.alive() == there
        assert "database restored" in _alarms(capsys)[0]
        report = school.app.orphans.find(clean_up=True)
        assert {one.reference for one in report.orphans} == {reference}
        assert all(one.has_content for one in report.orphans)
        assert report.hold is not None
        assert not report.cleaned_up

        (adopted,) = school.app.adoption.adopt(school.app.orphans.all(young=True))
        assert adopted.path == f"videos/{video_id}", adopted.sentence
        school.run(HELD_LOOK_S)
        assert school.video(video_id).state is VideoState.READY
        assert school.plays(video_id)

        school.app.epochs.acknowledge(school.app.places)
        school.sweep_for(DAY_S)
        assert account.alive() == there
        assert school.app.orphans.find(clean_up=False).orphans == ()

        # Deletions still work: the video is deleted with its session.
        school.documents.commit(Delete("sessions/s1"))
        school.sweep_for(STRAY_AGE_S)
        assert account.alive() == set()
