"""The snapshot at everything, once a day: whether each document still says what follows from the others.

Called by the sweep, in slices that a function can do. It finds what nothing else would: an administrator's change
without a time, a record or a view that somebody wrote by hand, a session that is gone, a copy that a new host lacks. It
enqueues and works nothing itself. Sessions and their records are looked through in the order of their ids, with the
videos of each session; then, where videos are left that belong to none of these, all videos.
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
from shared.sessions.model import Session
from shared.videos import Videos
from shared.videos import snapshot_of as look_at_video
from shared.videos.decide import OBSERVE
from shared.videos.model import Video, VideoSpec

PAGE: Final = 500

IN_MAX: Final = 30
"""Sessions whose videos one query asks for."""

SLICE_S: Final = 40.0
"""No new page is begun after so many seconds: with the slowest page a slice stays under a minute."""

FOLLOWERS_MAX: Final = 500
"""About so many copies one slice sets going: where a host is new, all at once could reach `TASKS_PER_HOUR_MAX`."""

SESSIONS_PHASE: Final = "sessions"
VIDEOS_PHASE: Final = "videos"


@dataclass(frozen=True, slots=True)
class Mark:
    """
    Where a look goes on.

    Attributes:
        phase: What is looked through.
        after_id: Everything up to this id was.
        videos: How many videos the sessions so far have.
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
        Read back what `to_fields` wrote. Pure.

        Raises:
            KeyError, TypeError, ValueError: It is something else (never).
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
    What one slice has come to so far.
    """

    looked: int = 0
    enqueued: int = 0
    followers: int = 0
    is_held: bool = False

    @property
    def is_full(self) -> bool:
        """
        Whether as many copies were set going as may be: the rest of the page is for the next slice.
        """
        return self.is_held or self.followers >= FOLLOWERS_MAX


@dataclass(frozen=True, slots=True)
class FullCheck:
    """
    Looks at everything.

    Attributes:
        documents: Where everything is recorded.
        queue: For tasks.
        sessions: Whose `decide` says whether a session is settled.
        videos: Likewise for videos.
        clock: Now, in UTC.
        every_s: Seconds from the beginning of one look to that of the next.
        pace: Of bulk work.
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
        The hosts that ready videos are copied to.
        """
        return tuple(sorted(self.videos.hosts))

    def go_on(self, mark: Mark) -> tuple[Mark | None, int, int]:
        """
        Look through one slice.

        Returns:
            Where the next one begins, `None` where this was the last; how many documents were looked at, how many were
            enqueued.

        Raises:
            Transient: Documents or queue could not be reached (again, from the same mark).
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
            How many tasks that were.
        """
        return self._enqueue_unsettled(self.sessions, look_at_session(session_id, session, record), now)

    # --- sessions -------------------------------------------------------------------------------------------------

    def _sessions(self, mark: Mark, done: _Slice) -> Mark | None:
        """
        Look through one page of sessions and of records, in the order of their ids, and the videos of these sessions.
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
        The videos, not yet gone, of several sessions.
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
        Enqueue the videos that a session shows although they are gone. A ref to a video that is not there, or that is
        another session's, goes here: no reconciliation would see it.
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
        Look through one page of the videos that are not gone.
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
        Enqueue the copies of a settled video that have not followed it; a page that is looked through once more within
        the hour finds the same tasks on their way. Where bulk work waits, the next slice does it.
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
        Enqueue what has something to do that no task may be left for.
        """
        record: Record | None = snapshot.record
        decision = apply_backoff(controller.decide(snapshot, now, observed=False), record, now)
        if not isinstance(decision, Step) or decision.name in (OBSERVE, LISTEN):
            # When to look stands in the record itself.
            return 0
        self.queue.put(Task(controller.queue, snapshot.key))
        return 1
