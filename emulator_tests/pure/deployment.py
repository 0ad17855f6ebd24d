"""A deployment in memory: the real use cases on the in-memory ports of `emulator_tests/memory`.

Used by the tests of the readiness poller, tokens, playback and the sweep. They decide what goes wrong, and when.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, TypeVar

from emulator_tests.deployment_settings import deployment_settings
from emulator_tests.memory import (
    BEGIN_AT,
    COLD_SCHEME,
    Effect,
    ManualClock,
    MemoryAccounts,
    MemoryAudience,
    MemoryChannel,
    MemoryChat,
    MemoryColdStore,
    MemoryConverter,
    MemoryDocuments,
    MemoryEvents,
    MemoryHost,
    MemoryInventory,
    MemoryJobs,
    MemoryMedia,
    MemoryOriginals,
    MemoryQueue,
    MemoryStorage,
    MemoryViewerKeys,
    undisturbed,
)
from shared.app import App
from shared.archive.settings import ArchiveSettings
from shared.core.callers import Caller, ClaimNames
from shared.core.errors import Transient
from shared.core.identity import SessionIdentity
from shared.core.paths import DELETIONS, RECONCILE_SESSION, enrolment_path, pairing_path, session_path, video_path
from shared.deletions.model import Deletion
from shared.hosts.table import Terms
from shared.operations.orphans.adoption import Adopted
from shared.ports import Create, Delete, Document, Documents, Fields, Observation, ProviderAccount, Query, Task, Update
from shared.providers.s3.classes import CLASSES
from shared.publishing.settings import EventSettings
from shared.reconcile.slots import CLOCKS_APART_S, SLOT_S
from shared.sessions.admissions.joining import Joining
from shared.sessions.broadcasting import Window
from shared.sessions.model import Pairing
from shared.sessions.resource import controller as session_controller
from shared.transfers.commands import transfer_session
from shared.transfers.model import TransferState
from shared.videos.chain import Chain
from shared.videos.controller import watched
from shared.videos.model import Video, VideoState
from shared.videos.resource import controller as video_controller
from shared.videos.resource import playbacks, pollers, upload_tokens
from shared.videos.settings import Policy
from shared.videos.upload_tokens import ReplaceRequest, UploadRequest, UploadToken

T = TypeVar("T")

Backup = Mapping[str, Fields]
"""The fields of all documents, by path."""

TEACHER = Caller("teacher", is_teacher=True)
TEACHERS = ("teacher", "other", "bert")
"""Users whose accounts have the claim of teachers."""

OTHERS = ("student", "anna", "admin", *(f"student{number}" for number in range(20)))
"""Users with an account and no claims."""

INTERVAL_S = 10
TICKS_MAX = 1000
REAP_GRACE_S = 600
LATE_COMMIT_S = 600
STRAY_AGE_S = 3600
WINDOW = Window(early_s=900, overrun_s=3600)
EVENT_KNOWN_S = 24 * 3600
HOUR = timedelta(hours=1)
SLOT_OVER_S = SLOT_S + CLOCKS_APART_S
"""After this long, a change that was the second in its slot has been reconciled."""

SESSION = SessionIdentity("s1", "teacher", BEGIN_AT)
"""The session of a document that a test writes itself."""

POLICY = Policy(
    max_bytes=1_000_000,
    max_duration_s=6 * 3600,
    session_videos_max=5,
    session_bytes_max=3_000_000,
    teacher_videos_max=8,
    teacher_bytes_max=4_000_000,
    uploads_in_flight_max=3,
    tokens_per_minute_max=20,
    upload_deadline_s=7 * 24 * 3600,
    processing_deadline_s=24 * 3600,
    retry_keep_s=48 * 3600,
    looks_max=100,
)


ROOMY = replace(
    POLICY, uploads_in_flight_max=50, session_videos_max=50, teacher_videos_max=50, tokens_per_minute_max=100
)
"""A policy for many videos of one teacher."""


class Killed(BaseException):
    """
    Simulates the death of the process. Not an error of ours, so that nothing catches it.
    """


def refusal(operation: str) -> Transient:
    """
    Return the error of a port that could not be reached.
    """
    return Transient("Try again later.", provider="memory", operation=operation, code="HTTP_503")


class Files(dict[str, bytes]):
    """
    The files that can be downloaded, by their addresses: those of the provider, and those of the cold store.
    """

    def __init__(self, stored: Callable[[str], bytes]) -> None:
        super().__init__()
        self._stored = stored

    def get(self, url: str, default: Any = None) -> Any:
        """
        Return what is at an address now.
        """
        if url.startswith(COLD_SCHEME):
            try:
                return self._stored(url)
            except KeyError:
                return default
        return super().get(url, default)


class Deployment:
    """
    Documents, queue, provider and the use cases on them.

    There are no triggers: a session that a test writes is noticed only when the test enqueues a task, or the sweep
    runs.

    Attributes:
        media: The default provider of videos.
        keys: Keys that viewers have at that provider.
        second: Another provider, for sessions that name it.
        fetching: A host that fetches copies by itself, if the terms name it.
        waiting: A host that waits for bytes, if the terms name it.
        storage: The bucket of shared live media.
        converter: Draws their pages.
        chat: Has a room for each session with media.
        originals: The entries of the default provider, if there is an archive.
        cold_store: The archive's store.
        jobs: Starts what copies large originals.
        channel: Takes events for the school's own app, if their settings are given.
        silent: Substrings of addresses that do not answer at the moment.
        is_open: Whether videos play without a permission, which is the part of an address after the `?`.
        disturb: Wraps every call of a port; a test sets its own.
        database_uid: The database's identity according to Firestore; `None` if Firestore does not say.
    """

    def __init__(
        self,
        *,
        ticks_max: int = TICKS_MAX,
        page_items_max: int = 500,
        policy: Policy = POLICY,
        tasks_per_hour_max: int = 100_000,
        terms: Mapping[str, Terms] | None = None,
        feed_interval_s: int = INTERVAL_S,
        archive: ArchiveSettings | None = None,
        events: EventSettings | None = None,
    ) -> None:
        self.disturb: Effect = undisturbed
        self.database_uid: str | None = None
        self._written = itertools.count()
        self.clock = ManualClock()
        self.documents = MemoryDocuments(self._effect)
        self.queue = MemoryQueue(self.clock, self._effect)
        self.events = MemoryEvents(self.clock, self._effect)
        self.audience = MemoryAudience(self.clock, self._effect)
        self.accounts = MemoryAccounts(self._effect)
        for uid in TEACHERS:
            self.accounts.write(uid, teacher=True)
        for uid in OTHERS:
            self.accounts.write(uid, display_name=f"The {uid}")
        self.media = MemoryMedia(self.clock, self._effect, page_items_max=page_items_max)
        self.originals = MemoryOriginals(self.clock, self._effect, name=self.media.name, files=Files(self._cold_bytes))
        self.cold_store = MemoryColdStore(self.clock, self.originals.files.get, self._effect)
        self.jobs = MemoryJobs(self._effect)
        settings = deployment_settings(
            policy=policy,
            provider=self.media.name,
            reap_grace_s=REAP_GRACE_S,
            late_commit_s=LATE_COMMIT_S,
            window=WINDOW,
            stray_age_s=STRAY_AGE_S,
            feed_interval_s=feed_interval_s,
            feed_overlap_s=60,
            feed_ticks_max=ticks_max,
            tasks_per_hour_max=tasks_per_hour_max,
            terms=terms,
            archive=archive,
            events=events,
        )
        self.channel = MemoryChannel(self._effect)
        self.keys = MemoryViewerKeys(self.clock, self._effect)
        self.second = MemoryMedia(self.clock, self._effect, name="second")
        provider_accounts = {
            self.media.name: ProviderAccount(
                self.media,
                MemoryInventory(self.events, self.media, self._effect),
                self.keys,
                None if archive is None else self.originals,
            ),
            self.second.name: ProviderAccount(self.second, MemoryInventory(None, self.second, self._effect)),
        }
        self.fetching = MemoryHost(self.clock, self._effect, name="fetching")
        self.waiting = MemoryHost(self.clock, self._effect, name="waiting", waits=True)
        self.silent: set[str] = set()
        self.is_open = False
        self.storage = MemoryStorage(self.clock, self._effect)
        self.converter = MemoryConverter(self.storage.open, self._effect)
        self.chat = MemoryChat(self.clock, self._effect)
        hosts = {host.name: host for host in (self.fetching, self.waiting) if host.name in (terms or {})}
        self.app = App(
            self.documents,
            self.queue,
            self.clock,
            self.events,
            provider_accounts,
            settings,
            hosts,
            self._plays,
            database_uid=lambda: self.database_uid,
            audience=self.audience,
            storage=self.storage,
            converter=self.converter,
            chat=lambda: self.chat,
            cold_store=None if archive is None else lambda: self.cold_store,
            storage_classes=CLASSES,
            jobs=None if archive is None else self.jobs,
            channel=None if events is None else self.channel,
        )
        keys = self.app.viewer_keys.get(self.events.name)
        self.joining = Joining(
            self.app.get(session_controller), self.audience, self.accounts, self.queue, self.clock, EVENT_KNOWN_S, keys
        )
        self.sessions, self.videos, self.poller = (
            self.app.get(session_controller),
            self.app.get(video_controller),
            self.app.get(pollers)[self.media.name],
        )
        self.upload_tokens, self.playbacks = self.app.get(upload_tokens), self.app.get(playbacks)
        self.orphans, self.sweep = self.app.orphans, self.app.sweep

    def _effect(self, operation: str, do: Callable[[], T]) -> T:
        return self.disturb(operation, do)

    def _cold_bytes(self, url: str) -> bytes:
        return self.cold_store.open(url)

    def _plays(self, url: str) -> bool:
        return ("?" in url or self.is_open) and not any(name in url for name in self.silent)

    # Acts of people.

    def write_session(self, session_id: str = "s1", **fields: Any) -> None:
        """
        Write a session, on demand and open unless the fields say otherwise, or change an existing one.
        """
        # The test's clock may stand still between two sessions with the same id; the server's time never does.
        now = self.clock() + timedelta(microseconds=next(self._written))
        path = session_path(session_id)
        if self.documents.read(path)[0] is not None:
            self.documents.commit(Update(path, {"updatedAt": now, **fields}))
            return
        usual = {"ownerUid": "teacher", "title": "Algebra", "status": "public", "format": "onDemand"}
        times = {"createdAt": now, "updatedAt": now}
        self.documents.commit(Create(path, {**usual, "visibility": "open", **times, **fields}))

    def delete_session(self, session_id: str = "s1") -> None:
        """
        Delete a session.
        """
        self.documents.commit(Delete(session_path(session_id)))

    def enrol(self, uid: str, session_id: str = "s1", owner_uid: str = "teacher") -> None:
        """
        Enrol a student, as an owner does.
        """
        now = self.clock() + timedelta(microseconds=next(self._written))
        fields = {"sessionId": session_id, "uid": uid, "ownerUid": owner_uid, "createdAt": now}
        self.documents.commit(Create(enrolment_path(session_id, uid), fields))

    def ask_upload(
        self,
        request_id: str = "r1",
        *,
        caller: Caller = TEACHER,
        session_id: str = "s1",
        file_name: str = "algebra.mp4",
        size_bytes: int = 1000,
        title: str | None = "Algebra",
        order: int | None = None,
    ) -> UploadToken:
        """
        Ask for an upload token.
        """
        request = UploadRequest(session_id, request_id, file_name, size_bytes, title, order)
        return self.upload_tokens.issue_upload_token(caller, request)

    def ask_replacement(
        self, video_id: str, request_id: str = "again", *, caller: Caller = TEACHER, **fields: Any
    ) -> UploadToken:
        """
        Ask for a token to replace a video.
        """
        usual = {"file_name": "algebra.mp4", "size_bytes": 1000, "title": None}
        return self.upload_tokens.replace_video(caller, ReplaceRequest(video_id, request_id, **{**usual, **fields}))

    def transfer(
        self, uid: str, *, caller: Caller = TEACHER, session_id: str = "s1", documents: Documents | None = None
    ) -> TransferState:
        """
        Transfer a session to another user. `documents` may stand in for those of the deployment.
        """
        return transfer_session(
            caller,
            session_id,
            uid,
            documents or self.documents,
            self.accounts,
            ClaimNames(),
            self.videos.policy,
            self.queue,
            self.clock,
        )

    # Acts of the operator.

    def back_up(self) -> Backup:
        """
        Return a copy of every document.
        """
        paths = self.documents.paths()
        return {one.path: one.fields for one in self.documents.read(*paths) if one is not None}

    def restore(self, backup: Backup, *, keeps: bool = False) -> None:
        """
        Replace all documents by those of a backup, created now.

        Args:
            backup: As returned by `back_up`.
            keeps: Keep documents that are not in the backup, as an import does.
        """
        there = self.documents.paths()
        gone = [path for path in there if path in backup or not keeps]
        self.documents.commit(*map(Delete, gone), *(Create(path, fields) for path, fields in backup.items()))

    def adopt(self, *references: str, session_id: str | None = None) -> list[Adopted]:
        """
        Adopt orphans, as the operator's command does.
        """
        return self.app.adoption.adopt(self.orphans.all(young=True), references, session_id)

    # Acts of the provider.

    def show(self, video_id: str, observation: Observation) -> None:
        """
        Set what the latest upload of a video is observed as at the provider.
        """
        external_ids = watched(self.video(video_id))
        assert external_ids, f"There is nothing of {video_id} to see."
        self.media.show(external_ids, observation)

    # Acts of the queue.

    def deliver(self, task: Task) -> None:
        """
        Call the worker of a task.
        """
        self.app.work(task.queue, task.key)

    def run(self, seconds: float = 0) -> None:
        """
        Let time pass, and deliver every task at its time.
        """
        self.queue.deliver_until(self.clock() + timedelta(seconds=seconds), self.deliver)

    def lose_tasks(self) -> None:
        """
        Lose every waiting task.
        """
        for _ in self.queue.waiting():
            self.queue.take()

    # Existing things.

    def document(self, path: str) -> Document:
        """
        Return a document that must exist.
        """
        (document,) = self.documents.read(path)
        assert document is not None, f"There is no {path}."
        return document

    def video(self, video_id: str) -> Video:
        """
        Return the document of a video.
        """
        return Video.from_document(self.document(video_path(video_id)))

    def owners_at_provider(self) -> list[str]:
        """
        Return the owner of each video at the provider, as named in the video's document.
        """
        return [self.video(made.reference.split(":")[1]).session.owner_uid for made in self.media.alive()]

    def states(self, video_ids: Iterable[str]) -> list[VideoState]:
        """
        Return the recorded state of each of these videos, in their order.
        """
        return [self.video(video_id).state for video_id in video_ids]

    def pairing(self, session_id: str = "s1") -> Pairing:
        """
        Return the pairing of a session.
        """
        return Pairing.from_document(self.document(pairing_path(session_id)))

    def chain(self) -> Chain:
        """
        Return the document of the readiness poller's chain.
        """
        return Chain.from_document(self.document(self.poller.path))

    def deletions(self) -> Sequence[Deletion]:
        """
        Return the pending deletions.
        """
        return [Deletion.from_document(one) for one in self.documents.select(Query(DELETIONS))]

    def enqueued(self, queue: str) -> Sequence[str]:
        """
        Return the keys of the tasks that wait for a worker, soonest first.
        """
        return [task.key for task in self.queue.waiting() if task.queue == queue]

    def enqueued_now(self, queue: str) -> Sequence[str]:
        """
        Return the keys of the tasks that are due now.
        """
        due = [task for task in self.queue.waiting() if task.at is None or task.at <= self.clock()]
        return [task.key for task in due if task.queue == queue]


def live(terms: Mapping[str, Terms] | None = None, **fields: Any) -> Deployment:
    """
    Return a deployment with a public live session that begins now and lasts an hour.
    """
    deployment = Deployment(terms=terms)
    now = deployment.clock()
    deployment.write_session(**{"format": "liveStreaming", "startsAt": now, "endsAt": now + HOUR, **fields})
    deployment.deliver(Task(RECONCILE_SESSION, "s1"))
    return deployment
