"""The full check of sessions and videos: does each document still say what follows from the others?

Called by `shared/operations/full_check.py`. It finds what nothing else would: an administrator's change without an
`updatedAt`, a record or a view that was edited by hand, a deleted session, a missing copy at a new host. It reads
sessions and their records in the order of their ids, with the videos of each session. Then, if there are videos that
belong to none of these sessions, it reads all videos.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, ClassVar, Final

from shared.core.errors import Conflict
from shared.core.paths import PAIRINGS, RECONCILE_VIDEO, SESSIONS, VIDEOS, session_path, video_path
from shared.ports import REMOVE, Condition, Document, Operator, Query, Task, Update
from shared.reconcile import Snapshot
from shared.reconcile.checks import enqueue_if_unsettled
from shared.reconcile.deployment import Deployment
from shared.reconcile.resource import Mark, Slice
from shared.sessions.controller import Sessions
from shared.sessions.controller import snapshot_of as look_at_session
from shared.sessions.session import Session
from shared.videos.controller import Videos
from shared.videos.controller import snapshot_of as look_at_video
from shared.videos.model import Video
from shared.videos.spec import VideoSpec

PAGE: Final = 500

IN_MAX: Final = 30
"""The number of sessions whose videos one query reads."""

FOLLOWERS_MAX: Final = 500
"""The approximate number of copies that one slice starts. If a host is new, starting all at once could reach
`TASKS_PER_HOUR_MAX`."""

SESSIONS_PHASE: Final = "sessions"
VIDEOS_PHASE: Final = "videos"


@dataclass(slots=True)
class SessionsAndVideos:
    """
    The full check of sessions and videos.

    Attributes:
        deployment: The deployment.
        sessions: The Controller of sessions.
        videos: The Controller of videos.
    """

    phases: ClassVar[tuple[str, ...]] = (SESSIONS_PHASE, VIDEOS_PHASE)

    deployment: Deployment
    sessions: Sessions
    videos: Videos
    _followers: int = 0

    def go_on(self, mark: Mark, done: Slice) -> Mark | None:
        """
        Check one page.
        """
        return self._videos(mark, done) if mark.phase == VIDEOS_PHASE else self._sessions(mark, done)

    # --- sessions -------------------------------------------------------------------------------------------------

    def _sessions(self, mark: Mark, done: Slice) -> Mark | None:
        """
        Check one page of sessions and of records, in the order of their ids, and the videos of these sessions.
        """
        sessions = self.deployment.documents.select(Query(SESSIONS, after_id=mark.after_id, limit=PAGE))
        records = self.deployment.documents.select(Query(PAIRINGS, after_id=mark.after_id, limit=PAGE))
        full = [page[-1].id for page in (sessions, records) if len(page) == PAGE]
        until = min(full) if full else None
        known = {document.id: document for document in sessions if until is None or document.id <= until}
        recorded = {document.id: document for document in records if until is None or document.id <= until}
        now = self.deployment.clock()
        for session_id in sorted(known.keys() | recorded.keys()):
            snapshot = look_at_session(session_id, known.get(session_id), recorded.get(session_id))
            done.enqueued += enqueue_if_unsettled(self.sessions, snapshot, self.deployment.queue, now)
        videos = list(self._videos_of(list(known)))
        self._look_at_videos(videos, {id_: Session.from_document(one) for id_, one in known.items()}, done)
        alive = {(video.fields["sessionId"], video.id) for video in videos}
        self._enqueue_stale_refs(known.values(), alive, done)
        done.looked += len(known) + len(recorded) + len(videos)
        counted = mark.counted + len(videos)
        if until is not None:
            return Mark(SESSIONS_PHASE, until, counted)
        everywhere = self.deployment.documents.count(Query(VIDEOS, (Condition("gone", Operator.EQUAL, False),)))
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
                page = self.deployment.documents.select(Query(VIDEOS, (of_these, alive), after_id=after_id, limit=PAGE))
                yield from page
                if len(page) < PAGE:
                    break
                after_id = page[-1].id

    def _enqueue_stale_refs(self, sessions: Iterable[Document], alive: set[tuple[str, str]], done: Slice) -> None:
        """
        Enqueue the videos that a session shows although they are gone. Remove a reference to a video that does not
        exist, or that belongs to another session, because no reconciliation would see it.
        """
        for document in sessions:
            shown = Session.from_document(document).videos
            stale = [video_id for video_id in shown if (document.id, video_id) not in alive]
            read = self.deployment.documents.read(*map(video_path, stale)) if stale else ()
            for video_id, video in zip(stale, read, strict=True):
                if video is not None and video.fields["sessionId"] == document.id:
                    self.deployment.queue.put(Task(RECONCILE_VIDEO, video_id))
                    done.enqueued += 1
                    continue
                with suppress(Conflict):
                    removed: Mapping[tuple[str, ...], Any] = {("videos", video_id): REMOVE}
                    self.deployment.documents.commit(Update(document.path, removed, if_version=document.version))

    # --- videos ---------------------------------------------------------------------------------------------------

    def _videos(self, mark: Mark, done: Slice) -> Mark | None:
        """
        Check one page of the videos that are not gone.
        """
        alive = (Condition("gone", Operator.EQUAL, False),)
        found = self.deployment.documents.select(Query(VIDEOS, alive, after_id=mark.after_id, limit=PAGE))
        session_ids = sorted({document.fields["sessionId"] for document in found})
        read = self.deployment.documents.read(*map(session_path, session_ids)) if session_ids else ()
        sessions = {document.id: Session.from_document(document) for document in read if document is not None}
        self._look_at_videos(found, sessions, done)
        done.looked += len(found) + len(session_ids)
        return replace(mark, after_id=found[-1].id) if len(found) == PAGE else None

    def _look_at_videos(self, found: Iterable[Document], sessions: Mapping[str, Session], done: Slice) -> None:
        now = self.deployment.clock()
        for document in found:
            snapshot = look_at_video(document, sessions.get(document.fields["sessionId"]))
            if enqueue_if_unsettled(self.videos, snapshot, self.deployment.queue, now):
                done.enqueued += 1
                continue
            if not done.is_full:
                self._enqueue_followers(snapshot, now, done)

    def _enqueue_followers(self, snapshot: Snapshot[VideoSpec, Video], now: datetime, done: Slice) -> None:
        """
        Enqueue the missing copies of a settled video. If the page is read again within the hour, the tasks merge. If
        bulk work waits, the next slice does it.
        """
        tasks = self.videos.dependants(snapshot)
        if not tasks:
            return
        if not self._followers and self.deployment.pace() is not None:
            done.is_full = True
            return
        for task in tasks:
            self.deployment.queue.put(replace(task, once=f"follow {now:%Y%m%d%H}"))
        done.enqueued += len(tasks)
        self._followers += len(tasks)
        done.is_full = self._followers >= FOLLOWERS_MAX
