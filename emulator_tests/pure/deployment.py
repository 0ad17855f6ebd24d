"""One deployment in memory: the real use cases on the in-memory parts of `emulator_tests/fakes.py`.

Used by the tests of the feed, the grants and the sweep. Leaves to them what goes wrong, and when.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, TypeVar

from emulator_tests.fakes import (
    Effect,
    ManualClock,
    MemoryDocuments,
    MemoryEvents,
    MemoryMedia,
    MemoryQueue,
    MemoryStrays,
    undisturbed,
)
from shared.access import Caller
from shared.errors import Transient
from shared.paths import TICK_FEED, VISIT_SESSION, VISIT_VIDEO, pairing_path, session_path, video_path
from shared.ports import Create, Delete, Document, Note, Observation, Update
from shared.reconcile import visit
from shared.sessions import Sessions
from shared.sessions.model import Pairing
from shared.sweep import Sweep
from shared.videos import Videos
from shared.videos.feed import Chain, Feed
from shared.videos.grant import UploadRequest, UploadToken, issue_upload_token
from shared.videos.model import Video
from shared.videos.policy import Policy

T = TypeVar("T")

TEACHER = Caller("teacher", is_teacher=True)

INTERVAL_S = 10
TICKS_MAX = 1000
REAP_GRACE_S = 600
LATE_COMMIT_S = 600
STRAY_AGE_S = 3600

POLICY = Policy(
    max_bytes=1_000_000,
    max_duration_s=6 * 3600,
    uploads_in_flight_max=3,
    upload_deadline_s=7 * 24 * 3600,
    processing_deadline_s=24 * 3600,
)


class Killed(BaseException):
    """
    The process dies here. No error of ours, so that nothing catches it.
    """


def refusal(operation: str) -> Transient:
    """
    The part could not be reached.
    """
    return Transient("Try again later.", provider="memory", operation=operation, code="HTTP_503")


class Deployment:
    """
    Documents, queue, provider and the use cases on them. Triggers are left to the test: a session that it writes is
    noticed by nobody until a note is left, or the sweep comes.

    Attributes:
        disturb: Stands around every call of a part; a test puts its own here.
    """

    def __init__(self, *, ticks_max: int = TICKS_MAX, page_items_max: int = 500) -> None:
        self.disturb: Effect = undisturbed
        self.clock = ManualClock()
        self.documents = MemoryDocuments(self._effect)
        self.queue = MemoryQueue(self.clock, self._effect)
        self.events = MemoryEvents(self.clock, self._effect)
        self.media = MemoryMedia(self.clock, self._effect, page_items_max=page_items_max)
        self.sessions = Sessions(self.documents, self.events, REAP_GRACE_S, LATE_COMMIT_S)
        self.videos = Videos(self.documents, self.media, POLICY, LATE_COMMIT_S)
        self.feed = Feed(
            self.documents,
            self.queue,
            self.media,
            self.clock,
            interval_s=INTERVAL_S,
            overlap_s=60,
            ticks_max=ticks_max,
        )
        strays = MemoryStrays(self.events, self.media, self._effect)
        self.sweep = Sweep(
            self.documents, self.queue, self.sessions, self.videos, self.feed, strays, self.clock, STRAY_AGE_S
        )

    def _effect(self, operation: str, do: Callable[[], T]) -> T:
        return self.disturb(operation, do)

    # What people do.

    def write_session(self, session_id: str = "s1", **fields: Any) -> None:
        """
        Write a session, on demand and open where the fields do not say otherwise; or change one that there is.
        """
        path = session_path(session_id)
        if self.documents.read(path)[0] is not None:
            self.documents.commit(Update(path, fields))
            return
        usual = {"ownerUid": "teacher", "title": "Algebra", "status": "public", "format": "onDemand"}
        self.documents.commit(Create(path, {**usual, "visibility": "open", **fields}))

    def delete_session(self, session_id: str = "s1") -> None:
        """
        Delete a session.
        """
        self.documents.commit(Delete(session_path(session_id)))

    def ask_upload(
        self,
        request_id: str = "r1",
        *,
        caller: Caller = TEACHER,
        session_id: str = "s1",
        file_name: str = "algebra.mp4",
        size_bytes: int = 1000,
        title: str | None = "Algebra",
    ) -> UploadToken:
        """
        Ask for an upload token.
        """
        request = UploadRequest(session_id, request_id, file_name, size_bytes, title)
        return issue_upload_token(caller, request, self.videos, self.feed, self.documents, self.queue, self.clock)

    # What the provider does.

    def show(self, video_id: str, observation: Observation) -> None:
        """
        A video gets on at the provider.
        """
        self.media.show(self.video(video_id).parts, observation)

    # What the queue does.

    def deliver(self, note: Note) -> None:
        """
        Call the worker of a note.
        """
        match note.queue:
            case name if name == VISIT_SESSION:
                visit(self.sessions, note.key, self.documents, self.queue, self.clock)
            case name if name == VISIT_VIDEO:
                visit(self.videos, note.key, self.documents, self.queue, self.clock)
            case name if name == TICK_FEED:
                self.feed.tick(int(note.key.rpartition(":")[2]))
            case _:
                raise AssertionError(f"There is no worker {note.queue}.")

    def run(self, seconds: float = 0) -> None:
        """
        Let so much time pass, delivering every note at its time.
        """
        self.queue.deliver_until(self.clock() + timedelta(seconds=seconds), self.deliver)

    def lose_notes(self) -> None:
        """
        Every note that waits is lost.
        """
        for _ in self.queue.waiting():
            self.queue.take()

    # What there is.

    def document(self, path: str) -> Document:
        """
        A document that must be there.
        """
        (document,) = self.documents.read(path)
        assert document is not None, f"There is no {path}."
        return document

    def video(self, video_id: str) -> Video:
        """
        What is recorded of a video.
        """
        return Video.from_document(self.document(video_path(video_id)))

    def pairing(self, session_id: str = "s1") -> Pairing:
        """
        What is recorded of a session's event.
        """
        return Pairing.from_document(self.document(pairing_path(session_id)))

    def chain(self) -> Chain:
        """
        What is recorded of the feed.
        """
        return Chain.from_document(self.document(self.feed.path))

    def noted(self, queue: str) -> Sequence[str]:
        """
        The keys of the notes that wait for a worker, soonest first.
        """
        return [note.key for note in self.queue.waiting() if note.queue == queue]

    def noted_now(self, queue: str) -> Sequence[str]:
        """
        The same without the notes whose time has yet to come.
        """
        due = [note for note in self.queue.waiting() if note.at is None or note.at <= self.clock()]
        return [note.key for note in due if note.queue == queue]
