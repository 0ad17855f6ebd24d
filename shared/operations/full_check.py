"""The full check, once a day: does each document still say what follows from the others?

Called by the sweep, in slices that one function call can do. It finds what nothing else would: an administrator's
change without an `updatedAt`, a record or a view that was edited by hand, a deleted session, a missing copy at a new
host. It only enqueues tasks. It reads sessions and their records in the order of their ids, with the videos of each
session. Then, if there are videos that belong to none of these sessions, it reads all videos.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, Self

from shared.core.errors import Conflict
from shared.core.paths import PAIRINGS, RECONCILE_VIDEO, SESSIONS, VIDEOS, check_part, session_path, video_path
from shared.ports import REMOVE, Clock, Condition, Document, Documents, Operator, Query, Queue, Task, Update
from shared.reconcile import Controller, Record, Snapshot, Step, apply_backoff
from shared.reconcile.bulk import Pace, at_any_pace
from shared.reconcile.edited import mapping, text
from shared.sessions import Sessions
from shared.sessions import snapshot_of as look_at_session
from shared.sessions.decide import LISTEN
from shared.sessions.session import Session
from shared.videos import Videos
from shared.videos import snapshot_of as look_at_video
from shared.videos.decide import OBSERVE
from shared.videos.model import Video
from shared.videos.spec import VideoSpec

PAGE: Final = 500

IN_MAX: Final = 30
"""The number of sessions whose videos one query reads."""

SLICE_S: Final = 40.0
"""Seconds after which no new page is begun; with the slowest page a slice stays below a minute."""

FOLLOWERS_MAX: Final = 500
"""The approximate number of copies that one slice starts. If a host is new, starting all at once could reach
`TASKS_PER_HOUR_MAX`."""

SESSIONS_PHASE: Final = "sessions"
VIDEOS_PHASE: Final = "videos"


@dataclass(frozen=True, slots=True)
class Mark:
    """
    The position at which a full check continues.

    Attributes:
        phase: The collection being checked.
        after_id: The last id that was checked.
        videos: The number of videos of the sessions so far.
    """

    phase: str = SESSIONS_PHASE
    after_id: str | None = None
    videos: int = 0

    def to_fields(self) -> dict[str, Any]:
        """
        Return the document form. Pure.
        """
        return {"phase": self.phase, "afterId": self.after_id, "videos": self.videos}

    @classmethod
    def from_fields(cls, value: object) -> Self:
        """
        Parse the document form that `to_fields` wrote. Pure.

        Raises:
            KeyError, TypeError, ValueError: It has another form (never).
        """
        fields = mapping(value)
        phase, after_id, videos = fields["phase"], fields["afterId"], fields["videos"]
        if phase not in (SESSIONS_PHASE, VIDEOS_PHASE) or type(videos) is not int:
            raise ValueError("This is no mark of a full look.")
        if after_id is not None:
            check_part(text(after_id))
        return cls(phase, after_id, videos)


@dataclass(slots=True)
class _Slice:
    """
    The counts of one slice so far.
    """

    looked: int = 0
    enqueued: int = 0
    followers: int = 0
    is_held: bool = False

    @property
    def is_full(self) -> bool:
        """
        Tell whether the slice has started as many copies as it may; the next slice does the rest of the page.
        """
        return self.is_held or self.followers >= FOLLOWERS_MAX


@dataclass(frozen=True, slots=True)
class FullCheck:
    """
    The full check of one deployment.

    Attributes:
        documents: The store of all documents.
        queue: Gets the tasks.
        sessions: The controller whose `decide` tells whether a session is settled.
        videos: The same for videos.
        clock: Now, in UTC.
        every_s: Seconds from the beginning of one check to that of the next.
        pace: The pace of bulk work.
    """

    documents: Documents
    queue: Queue
    sessions: Sessions
    videos: Videos
    clock: Clock
    every_s: int = 24 * 3600
    pace: Pace = at_any_pace

    @property
    def hosts(self) -> tuple[str, ...]:
        """
        Return the hosts that ready videos are copied to.
        """
        return tuple(sorted(self.videos.hosts))

    def go_on(self, mark: Mark) -> tuple[Mark | None, int, int]:
        """
        Check one slice.

        Returns:
            The position of the next slice, `None` if this was the last; the number of documents checked; the number of
            tasks enqueued.

        Raises:
            Transient: Documents or queue could not be reached (again, from the same position).
        """
        ends_at = self.clock() + timedelta(seconds=SLICE_S)
        done, at = _Slice(), mark
        while self.clock() <= ends_at:
            following = self._sessions(at, done) if at.phase == SESSIONS_PHASE else self._videos(at, done)
            if done.is_full:
                break
            if following is None:
                return None, done.looked, done.enqueued
            at = following
        return at, done.looked, done.enqueued

    def enqueue_session(self, session_id: str, session: Document | None, record: Document | None, now: datetime) -> int:
        """
        Enqueue a session that is not settled.

        Returns:
            The number of tasks enqueued.
        """
        return self._enqueue_unsettled(self.sessions, look_at_session(session_id, session, record), now)

    # --- sessions -------------------------------------------------------------------------------------------------

    def _sessions(self, mark: Mark, done: _Slice) -> Mark | None:
        """
        Check one page of sessions and of records, in the order of their ids, and the videos of these sessions.
        """
        sessions = self.documents.select(Query(SESSIONS, after_id=mark.after_id, limit=PAGE))
        records = self.documents.select(Query(PAIRINGS, after_id=mark.after_id, limit=PAGE))
        full = [page[-1].id for page in (sessions, records) if len(page) == PAGE]
        until = min(full) if full else None
        known = {document.id: document for document in sessions if until is None or document.id <= until}
        recorded = {document.id: document for document in records if until is None or document.id <= until}
        now = self.clock()
        for session_id in sorted(known.keys() | recorded.keys()):
            done.enqueued += self.enqueue_session(session_id, known.get(session_id), recorded.get(session_id), now)
        videos = list(self._videos_of(list(known)))
        self._look_at_videos(videos, {id_: Session.from_document(one) for id_, one in known.items()}, done)
        alive = {(video.fields["sessionId"], video.id) for video in videos}
        self._enqueue_stale_refs(known.values(), alive, done)
        done.looked += len(known) + len(recorded) + len(videos)
        counted = mark.videos + len(videos)
        if until is not None:
            return Mark(SESSIONS_PHASE, until, counted)
        everywhere = self.documents.count(Query(VIDEOS, (Condition("gone", Operator.EQUAL, False),)))
        return None if everywhere == counted else Mark(VIDEOS_PHASE)

    def _videos_of(self, session_ids: Sequence[str]) -> Iterator[Document]:
        """
        Yield the videos of several sessions, without deleted ones.
        """
        alive = Condition("gone", Operator.EQUAL, False)
        for first in range(0, len(session_ids), IN_MAX):
            of_these = Condition("sessionId", Operator.IN, session_ids[first : first + IN_MAX])
            after_id: str | None = None
            while True:
                page = self.documents.select(Query(VIDEOS, (of_these, alive), after_id=after_id, limit=PAGE))
                yield from page
                if len(page) < PAGE:
                    break
                after_id = page[-1].id

    def _enqueue_stale_refs(self, sessions: Iterable[Document], alive: set[tuple[str, str]], done: _Slice) -> None:
        """
        Enqueue the videos that a session shows although they are gone. Remove a reference to a video that does not
        exist, or that belongs to another session, because no reconciliation would see it.
        """
        for document in sessions:
            shown = Session.from_document(document).videos
            stale = [video_id for video_id in shown if (document.id, video_id) not in alive]
            read = self.documents.read(*map(video_path, stale)) if stale else ()
            for video_id, video in zip(stale, read, strict=True):
                if video is not None and video.fields["sessionId"] == document.id:
                    self.queue.put(Task(RECONCILE_VIDEO, video_id))
                    done.enqueued += 1
                    continue
                with suppress(Conflict):
                    removed: Mapping[tuple[str, ...], Any] = {("videos", video_id): REMOVE}
                    self.documents.commit(Update(document.path, removed, if_version=document.version))

    # --- videos ---------------------------------------------------------------------------------------------------

    def _videos(self, mark: Mark, done: _Slice) -> Mark | None:
        """
        Check one page of the videos that are not gone.
        """
        alive = (Condition("gone", Operator.EQUAL, False),)
        found = self.documents.select(Query(VIDEOS, alive, after_id=mark.after_id, limit=PAGE))
        session_ids = sorted({document.fields["sessionId"] for document in found})
        read = self.documents.read(*map(session_path, session_ids)) if session_ids else ()
        sessions = {document.id: Session.from_document(document) for document in read if document is not None}
        self._look_at_videos(found, sessions, done)
        done.looked += len(found) + len(session_ids)
        return replace(mark, after_id=found[-1].id) if len(found) == PAGE else None

    def _look_at_videos(self, found: Iterable[Document], sessions: Mapping[str, Session], done: _Slice) -> None:
        now = self.clock()
        for document in found:
            snapshot = look_at_video(document, sessions.get(document.fields["sessionId"]))
            if self._enqueue_unsettled(self.videos, snapshot, now):
                done.enqueued += 1
                continue
            if not done.is_full:
                self._enqueue_followers(snapshot, now, done)

    def _enqueue_followers(self, snapshot: Snapshot[VideoSpec, Video], now: datetime, done: _Slice) -> None:
        """
        Enqueue the missing copies of a settled video. If the page is read again within the hour, the tasks merge. If
        bulk work waits, the next slice does it.
        """
        tasks = self.videos.dependants(snapshot)
        if tasks and not done.followers:
            done.is_held = self.pace() is not None
        if done.is_held:
            return
        for task in tasks:
            self.queue.put(replace(task, once=f"follow {now:%Y%m%d%H}"))
        done.enqueued += len(tasks)
        done.followers += len(tasks)

    def _enqueue_unsettled(
        self, controller: Controller[Any, Any, Any], snapshot: Snapshot[Any, Any], now: datetime
    ) -> int:
        """
        Enqueue a thing that has a step to do, for which there may be no task.
        """
        record: Record | None = snapshot.record
        decision = apply_backoff(controller.decide(snapshot, now, observed=False), record, now)
        if not isinstance(decision, Step) or decision.name in (OBSERVE, LISTEN):
            # The record itself says when to observe.
            return 0
        self.queue.put(Task(controller.queue, snapshot.key))
        return 1
