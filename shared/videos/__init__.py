"""Uploaded videos: `videos/{videoId}` is recorded, its session's existence is wished.

Called by `functions/` (workers, callables, schedule). Leaves to `decide` what is next, to `policy` what may be
uploaded, to `grant` what a caller may get, and to `feed` when to look.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, ClassVar

from shared.errors import Conflict
from shared.paths import VISIT_VIDEO, session_path, video_path
from shared.ports import REMOVE, Documents, Fields, Media, Note, Observation, Parts, Update, Version, Write
from shared.reconcile import Decision, Look, Step, await_late_commit
from shared.sessions.model import Session
from shared.videos import decide as decisions
from shared.videos.model import Video, VideoWish, shown
from shared.videos.policy import Policy


@dataclass(frozen=True, slots=True)
class Videos:
    """
    The Controller of videos: a `Subject` of the visit.

    Attributes:
        documents: Where the documents are.
        media: The provider of uploaded videos.
        policy: The limits.
        late_commit_s: Seconds after which a lost creation is certain not to come.
    """

    queue: ClassVar[str] = VISIT_VIDEO

    documents: Documents
    media: Media
    policy: Policy
    late_commit_s: int

    def look(self, key: str) -> Look[VideoWish, Video]:
        """
        Read the video and its session: two documents.
        """
        (document,) = self.documents.read(video_path(key))
        if document is None:
            return Look(key, VideoWish(wanted=False), None, None)
        video = Video.from_document(document)
        (session,) = self.documents.read(session_path(video.session_id))
        wish = wish_of(key, None if session is None else Session.from_document(session))
        return Look(key, wish, video, document.version)

    def decide(self, look: Look[VideoWish, Video], now: datetime, *, observed: bool) -> Decision[Video]:
        """
        The next step. Pure.
        """
        return decisions.decide(look, now, observed=observed)

    def act(self, look: Look[VideoWish, Video], step: Step[Video], now: datetime) -> Parts | Observation:
        """
        The one provider call of a step.
        """
        record = step.record
        match step.name:
            case decisions.PREPARE:
                return self.media.prepare_upload(record.reference or "", record.upload)
            case decisions.FIND:
                parts = self.media.find_upload(record.reference or "", record.upload)
                if not parts and record.tried_at is not None:
                    await_late_commit(record.tried_at, now, self.late_commit_s)
                return parts
            case decisions.OBSERVE:
                return self.media.observe(record.parts)
            case _:
                self.media.delete_media(record.parts)
                return {}

    def settle(
        self, look: Look[VideoWish, Video], step: Step[Video], outcome: Parts | Observation, now: datetime
    ) -> Video:
        """
        What is recorded after a step that succeeded. Pure.
        """
        record = step.record
        if isinstance(outcome, Observation):
            return decisions.observed(record, outcome, now, self.policy)
        if step.name == decisions.REAP:
            return decisions.reaped(record)
        if step.name == decisions.DELETE:
            return decisions.deleted(record, now)
        return decisions.prepared(record, outcome, now, self.policy) if outcome else decisions.not_prepared(record, now)

    def after(self, look: Look[VideoWish, Video], record: Video) -> Look[VideoWish, Video]:
        """
        The look as it will be once `record` is written. Pure.
        """
        return replace(look, record=record, wish=replace(look.wish, shown=shown(record)))

    def record_write(self, look: Look[VideoWish, Video], record: Video, version: Version | None) -> Write:
        """
        The write of the video's document. Pure.

        Raises:
            Conflict: The document is gone; only a callable may make one (again).
        """
        if version is None:
            raise Conflict(f"There is no {video_path(look.key)}.")
        return Update(video_path(look.key), record.to_fields(), if_version=version)

    def view_writes(self, look: Look[VideoWish, Video], record: Video) -> tuple[Write, ...]:
        """
        The write of the video's ref in the session document. Pure.
        """
        told = shown(record)
        if not look.wish.wanted or told == look.wish.shown:
            return ()
        ref: dict[tuple[str, ...], Any] = {("videos", look.key): REMOVE if told is None else told}
        return (Update(session_path(record.session_id), ref),)

    def dependants(self, look: Look[VideoWish, Video]) -> tuple[Note, ...]:
        """
        Nothing follows a video. Pure.
        """
        return ()


def wish_of(video_id: str, session: Session | None) -> VideoWish:
    """
    What a session wishes of one of its videos. Pure.
    """
    if session is None:
        return VideoWish(wanted=False)
    ref: Fields | None = session.videos.get(video_id)
    return VideoWish(wanted=True, shown=ref)
