"""The sweep: the floor under lost events, lost notes, dead chains, and things at a provider that nobody recorded.

Called by the schedule. It works nothing itself but leaves notes; what a provider has and nobody recorded is given up by
`shared/orphans.py`. Each run reads a bounded number of documents and goes on where the last one stopped, so that
everything is looked at in turn.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Self

from shared import log
from shared.errors import Conflict, ProviderError
from shared.hosts.health import Checks
from shared.orphans import BEGINNING, Orphans
from shared.paths import (
    ADMISSIONS,
    CHECK_HOST,
    COPIES,
    DELETIONS,
    KEYS_SEPARATOR,
    PAIRINGS,
    RECONCILE_ADMISSION,
    REMOVALS,
    SESSIONS,
    VIDEOS,
    VISIT_COPY,
    VISIT_DELETION,
    VISIT_REMOVAL,
    VISIT_SESSION,
    VISIT_VIDEO,
    operation_path,
    session_path,
)
from shared.ports import (
    Clock,
    Condition,
    Create,
    Document,
    Documents,
    MediaState,
    Note,
    Operator,
    Query,
    Queue,
    Update,
)
from shared.reconcile import Look, Record, Step, Subject, hold_back
from shared.sessions import Sessions
from shared.sessions import look_at as look_at_session
from shared.sessions.decide import LISTEN
from shared.sessions.model import Session
from shared.videos import Videos, look_at
from shared.videos.decide import OBSERVE
from shared.videos.feed import Feed
from shared.videos.model import PENDING, Video, VideoState, VideoWish
from shared.videos.together import by_provider

PAGE: Final = 500
SCAN_PAGES: Final = 4
"""Pages of sessions, and of videos, that one run looks through: 2,000 of each every five minutes."""

FOLLOWERS_MAX: Final = 500
"""About so many copies one run sets going: where a host is new, all at once could reach `TASKS_PER_HOUR_MAX`."""

MISSED_AFTER_S: Final = 600
"""Of a video that nobody has looked at for so long the provider is asked, in case the feed has missed something."""

_PATH: Final = operation_path("sweep")
_MEANT: Final = {VideoState.UPLOADING: MediaState.AWAITING_UPLOAD, VideoState.PROCESSING: MediaState.PROCESSING}


@dataclass(frozen=True, slots=True)
class Marks:
    """
    Where the last run stopped: the document `operations/sweep`.

    Attributes:
        session_id: Sessions up to this id were looked at in this round.
        video_id: Videos likewise.
        strays_since: What each provider created before it is recorded, or given up.
    """

    session_id: str | None = None
    video_id: str | None = None
    strays_since: Mapping[str, datetime] = field(default_factory=dict)

    def to_fields(self) -> dict[str, Any]:
        """
        The document form. Pure.
        """
        return {"sessionId": self.session_id, "videoId": self.video_id, "straysSince": dict(self.strays_since)}

    @classmethod
    def from_document(cls, document: Document) -> Self:
        """
        Read back what `to_fields` wrote. Pure.
        """
        fields = document.fields
        since = fields["straysSince"]
        # An earlier release knew one provider; to look through everything once more does no harm.
        return cls(fields["sessionId"], fields["videoId"], since if isinstance(since, Mapping) else {})


@dataclass(frozen=True, slots=True)
class Sweep:
    """
    Everything that one run needs.

    Attributes:
        documents: Where everything is recorded.
        queue: For notes.
        sessions: Whose `decide` says whether a session is settled.
        videos: Likewise for videos.
        feeds: The chains that may have died, by provider.
        orphans: What is at the provider.
        checks: Which hosts are tried.
        clock: Now, in UTC.
    """

    documents: Documents
    queue: Queue
    sessions: Sessions
    videos: Videos
    feeds: Mapping[str, Feed]
    orphans: Orphans
    checks: Checks
    clock: Clock

    def run(self) -> None:
        """
        One run. Repeatable, and harmless beside another.

        Raises:
            Transient: Documents or queue could not be reached (again, at the next run).
        """
        (document,) = self.documents.read(_PATH)
        marks = Marks() if document is None else Marks.from_document(document)
        now = self.clock()
        overdue = (
            (PAIRINGS, VISIT_SESSION),
            (VIDEOS, VISIT_VIDEO),
            (COPIES, VISIT_COPY),
            (DELETIONS, VISIT_DELETION),
            (REMOVALS, VISIT_REMOVAL),
            (ADMISSIONS, RECONCILE_ADMISSION),
        )
        noted = sum(self._overdue(collection, queue_name, now) for collection, queue_name in overdue)
        for feed in self.feeds.values():
            feed.revive()
        for name in self.checks.names:
            self.queue.put(Note(CHECK_HOST, name))
        session_id, looked, left = self._scan_sessions(marks.session_id, now)
        video_id, looked_videos, left_videos = self._scan_videos(marks.video_id, now)
        strays_since, given_up = {}, 0
        for provider in self.orphans.places:
            since = marks.strays_since.get(provider, BEGINNING)
            strays_since[provider], count = self.orphans.give_up_new(provider, since)
            given_up += count
        fields = Marks(session_id, video_id, strays_since).to_fields()
        with suppress(Conflict):
            # Another run has written its own marks: they are as good as ours.
            self.documents.commit(Create(_PATH, fields) if document is None else Update(_PATH, fields))
        log.swept(noted + left + left_videos, looked + looked_videos, given_up)

    def _overdue(self, collection: str, queue_name: str, now: datetime) -> int:
        """
        Leave a note for everything that should have been looked at by now.
        """
        due = Query(collection, (Condition("dueAt", Operator.AT_MOST, now),), order_by="dueAt", limit=PAGE)
        found = self.documents.select(due)
        for document in found:
            self.queue.put(Note(queue_name, document.id))
        return len(found)

    def _scan_sessions(self, after_id: str | None, now: datetime) -> tuple[str | None, int, int]:
        """
        Look through sessions and pairings, in the order of their ids, for those that are not settled.

        Returns:
            Where to go on, how many were looked at, how many notes were left.
        """
        looked = noted = 0
        for _ in range(SCAN_PAGES):
            sessions = self.documents.select(Query(SESSIONS, after_id=after_id, limit=PAGE))
            pairings = self.documents.select(Query(PAIRINGS, after_id=after_id, limit=PAGE))
            full = [page[-1].id for page in (sessions, pairings) if len(page) == PAGE]
            until = min(full) if full else None
            known = {document.id: document for document in sessions if until is None or document.id <= until}
            recorded = {document.id: document for document in pairings if until is None or document.id <= until}
            for session_id in sorted(known.keys() | recorded.keys()):
                look = look_at_session(session_id, known.get(session_id), recorded.get(session_id))
                noted += self._note_unsettled(self.sessions, look, now)
            looked += len(known) + len(recorded)
            after_id = until
            if until is None:
                break
        return after_id, looked, noted

    def _scan_videos(self, after_id: str | None, now: datetime) -> tuple[str | None, int, int]:
        """
        Look through the videos that are not gone: whether they are settled, and whether the feed has missed something.
        """
        looked = noted = followed = 0
        for _ in range(SCAN_PAGES):
            alive = (Condition("gone", Operator.EQUAL, False),)
            found = self.documents.select(Query(VIDEOS, alive, after_id=after_id, limit=PAGE))
            session_ids = sorted({document.fields["sessionId"] for document in found})
            read = self.documents.read(*map(session_path, session_ids)) if session_ids else ()
            sessions = {document.id: Session.from_document(document) for document in read if document is not None}
            for document in found:
                look = look_at(document, sessions.get(document.fields["sessionId"]))
                if self._note_unsettled(self.videos, look, now):
                    noted += 1
                elif followed < FOLLOWERS_MAX:
                    followed += self._note_followers(look)
            noted += self._note_missed({document.id: Video.from_document(document) for document in found}, now)
            looked += len(found)
            after_id = found[-1].id if len(found) == PAGE else None
            if after_id is None:
                break
        return after_id, looked, noted + followed

    def _note_unsettled(self, subject: Subject[Any, Any, Any], look: Look[Any, Any], now: datetime) -> int:
        """
        Leave a note where something is to be done that no note may be left for.
        """
        record: Record | None = look.record
        decision = hold_back(subject.decide(look, now, observed=False), record, now)
        if not isinstance(decision, Step) or decision.name in (OBSERVE, LISTEN):
            # When to look stands in the record itself.
            return 0
        self.queue.put(Note(subject.queue, look.key))
        return 1

    def _note_followers(self, look: Look[VideoWish, Video]) -> int:
        """
        Leave notes for the copies of a settled video that have not followed it.
        """
        notes = self.videos.dependants(look)
        for note in notes:
            self.queue.put(note)
        return len(notes)

    def _note_missed(self, videos: Mapping[str, Video], now: datetime) -> int:
        """
        Ask the provider for pending videos that nobody has looked at for long, many at once, and leave a note for those
        that have moved on.
        """
        long_ago = now - timedelta(seconds=MISSED_AFTER_S)
        pending = {
            video_id: video
            for video_id, video in videos.items()
            if video.state in PENDING and (video.looked_at or video.asked_at) <= long_ago
        }
        moved: list[str] = []
        for provider, video_ids in by_provider(pending).items():
            asked = [pending[video_id] for video_id in video_ids]
            try:
                seen = self.videos.media(provider).observe([video.parts for video in asked])
            except ProviderError as error:
                log.sweep_hindered(error)
                continue
            meant = (_MEANT[video.state] for video in asked)
            moved += [
                video_id for video_id, should, one in zip(video_ids, meant, seen, strict=True) if should != one.state
            ]
        if moved:
            self.queue.put(Note(VISIT_VIDEO, KEYS_SEPARATOR.join(moved)))
        return len(moved)
