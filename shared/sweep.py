"""The sweep: the floor under lost events, lost notes, dead chains, and things at a provider that nobody recorded.

Called by the schedule. It works nothing itself but leaves notes; only what a provider has and nobody recorded it
deletes, once that is older than any creation can still be under way. Each run reads a bounded number of documents and
goes on where the last one stopped, so that everything is looked at in turn.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Self

from shared import log
from shared.errors import Conflict, ProviderError
from shared.paths import (
    PAIRINGS,
    SESSIONS,
    VIDEOS,
    VISIT_SESSION,
    VISIT_VIDEO,
    operation_path,
    pairing_path,
    session_path,
    video_path,
)
from shared.ports import (
    Clock,
    Condition,
    Create,
    Document,
    Documents,
    Note,
    Operator,
    Query,
    Queue,
    Stray,
    Strays,
    Update,
)
from shared.reconcile import Look, Record, Step, Subject, hold_back
from shared.sessions import Sessions
from shared.sessions.model import Pairing, PairingState, Session, SessionWish, wanted
from shared.videos import Videos, wish_of
from shared.videos.decide import OBSERVE
from shared.videos.feed import Feed
from shared.videos.model import PENDING, Video, VideoState

PAGE: Final = 500
SCAN_PAGES: Final = 4
"""Pages of sessions, and of videos, that one run looks through: 2,000 of each every five minutes."""

_PATH: Final = operation_path("sweep")
_BEGINNING: Final = datetime(2020, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Marks:
    """
    Where the last run stopped: the document `operations/sweep`.

    Attributes:
        session_id: Sessions up to this id were looked at in this round.
        video_id: Videos likewise.
        strays_since: What a provider created before it is recorded, or deleted.
    """

    session_id: str | None = None
    video_id: str | None = None
    strays_since: datetime = _BEGINNING

    def to_fields(self) -> dict[str, Any]:
        """
        The document form. Pure.
        """
        return {"sessionId": self.session_id, "videoId": self.video_id, "straysSince": self.strays_since}

    @classmethod
    def from_document(cls, document: Document) -> Self:
        """
        Read back what `to_fields` wrote. Pure.
        """
        fields = document.fields
        return cls(fields["sessionId"], fields["videoId"], fields["straysSince"])


@dataclass(frozen=True, slots=True)
class Sweep:
    """
    Everything that one run needs.

    Attributes:
        documents: Where everything is recorded.
        queue: For notes.
        sessions: Whose `decide` says whether a session is settled.
        videos: Likewise for videos.
        feed: The chain that may have died.
        strays: What is at the provider.
        clock: Now, in UTC.
        stray_age_s: Nothing younger is deleted.
    """

    documents: Documents
    queue: Queue
    sessions: Sessions
    videos: Videos
    feed: Feed
    strays: Strays
    clock: Clock
    stray_age_s: int

    def run(self) -> None:
        """
        One run. Repeatable, and harmless beside another.

        Raises:
            Transient: Documents or queue could not be reached (again, at the next run).
        """
        (document,) = self.documents.read(_PATH)
        marks = Marks() if document is None else Marks.from_document(document)
        now = self.clock()
        noted = self._overdue(PAIRINGS, VISIT_SESSION, now) + self._overdue(VIDEOS, VISIT_VIDEO, now)
        self.feed.revive()
        session_id, looked, left = self._scan_sessions(marks.session_id, now)
        video_id, looked_videos, left_videos = self._scan_videos(marks.video_id, now)
        strays_since, deleted = self._reap_strays(marks.strays_since, now - timedelta(seconds=self.stray_age_s))
        fields = Marks(session_id, video_id, strays_since).to_fields()
        with suppress(Conflict):
            # Another run has written its own marks: they are as good as ours.
            self.documents.commit(Create(_PATH, fields) if document is None else Update(_PATH, fields))
        log.swept(noted + left + left_videos, looked + looked_videos, deleted)

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
                look = _session_look(session_id, known.get(session_id), recorded.get(session_id))
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
        looked = noted = 0
        for _ in range(SCAN_PAGES):
            alive = (Condition("gone", Operator.EQUAL, False),)
            found = self.documents.select(Query(VIDEOS, alive, after_id=after_id, limit=PAGE))
            videos = {document.id: (Video.from_document(document), document.version) for document in found}
            session_ids = sorted({video.session_id for video, _ in videos.values()})
            read = self.documents.read(*map(session_path, session_ids)) if session_ids else ()
            sessions = dict(zip(session_ids, read, strict=True))
            for video_id, (video, version) in videos.items():
                session = sessions[video.session_id]
                wish = wish_of(video_id, None if session is None else Session.from_document(session))
                noted += self._note_unsettled(self.videos, Look(video_id, wish, video, version), now)
            noted += self._note_missed({video_id: video for video_id, (video, _) in videos.items()})
            looked += len(videos)
            after_id = found[-1].id if len(found) == PAGE else None
            if after_id is None:
                break
        return after_id, looked, noted

    def _note_unsettled(self, subject: Subject[Any, Any, Any], look: Look[Any, Any], now: datetime) -> int:
        """
        Leave a note where something is to be done that no note may be left for.
        """
        record: Record | None = look.record
        decision = hold_back(subject.decide(look, now, observed=False), record, now)
        if not isinstance(decision, Step) or decision.name == OBSERVE:
            return 0
        self.queue.put(Note(subject.queue, look.key))
        return 1

    def _note_missed(self, videos: Mapping[str, Video]) -> int:
        """
        Ask the provider for the states of pending videos, 500 at once, and leave a note for each that has moved on.
        """
        pending = [(video_id, video) for video_id, video in videos.items() if video.state in PENDING]
        try:
            states = self.videos.media.observe_many([video.parts for _, video in pending])
        except ProviderError as error:
            log.sweep_hindered(error)
            return 0
        moved = [
            video_id for (video_id, video), state in zip(pending, states, strict=True) if _MEANT[video.state] != state
        ]
        for video_id in moved:
            self.queue.put(Note(VISIT_VIDEO, video_id))
        return len(moved)

    def _reap_strays(self, since: datetime, until: datetime) -> tuple[datetime, int]:
        """
        Delete what the provider has of ours, made in that span, and nobody recorded.

        Returns:
            Up to when everything is recorded or deleted, and how many were deleted.
        """
        deleted = 0
        left_at = until
        try:
            while since < until:
                page = self.strays.strays(since, until)
                for stray in page:
                    gone = self._reap(stray)
                    if gone is None:
                        left_at = min(left_at, stray.created_at)
                    deleted += bool(gone)
                if len(page) < PAGE:
                    return left_at, deleted
                since = max(page[-1].created_at, since + timedelta(seconds=1))
        except ProviderError as error:
            log.sweep_hindered(error)
        return min(since, left_at), deleted

    def _reap(self, stray: Stray) -> bool | None:
        """
        Delete a thing that nobody has recorded.

        Returns:
            Whether it was deleted; `None` where it must be looked at again: somebody may yet adopt it, or the provider
            did not let it go.
        """
        claims = self._claims(stray)
        if claims != "nobody":
            return None if claims == "underway" else False
        try:
            self.strays.delete_stray(stray)
        except ProviderError as error:
            log.sweep_hindered(error)
            return None
        log.stray_deleted(self.videos.media.name, stray.reference)
        return True

    def _claims(self, stray: Stray) -> str:
        """
        Whether somebody has recorded a thing at the provider (`recorded`), may yet do so (`underway`), or neither.
        """
        kind, key, _ = stray.reference.split(":")
        (document,) = self.documents.read(pairing_path(key) if kind == "session" else video_path(key))
        if document is None:
            return "nobody"
        record = Pairing.from_document(document) if kind == "session" else Video.from_document(document)
        if stray.parts.items() <= record.parts.items():
            return "recorded"
        trying = record.state in (PairingState.CREATING, VideoState.PREPARING)
        return "underway" if trying and record.reference == stray.reference else "nobody"


_MEANT: Final = {VideoState.UPLOADING: "awaitingUpload", VideoState.PROCESSING: "processing"}


def _session_look(session_id: str, session: Document | None, pairing: Document | None) -> Look[SessionWish, Pairing]:
    """
    The look at a session whose documents were read in a page. Pure.
    """
    known = None if session is None else Session.from_document(session)
    wish = (
        SessionWish(exists=False) if known is None else SessionWish(exists=True, event=wanted(known), shown=known.shown)
    )
    record = None if pairing is None else Pairing.from_document(pairing)
    return Look(session_id, wish, record, None if pairing is None else pairing.version)
