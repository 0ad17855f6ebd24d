"""Uploaded videos: `videos/{videoId}` is recorded; wished is what its teacher last asked of it, and that its session is
there.

Called by `functions/` (workers, callables, schedule). Leaves to `decide` what is next, to `policy` what may be
uploaded, to `transitions` what is recorded after a step, to `grant` what a caller may get, to `readiness` when to look, to
`shared/hosts/` its copies, and to `shared/deletions/` what nobody names any more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, ClassVar

from shared.deletions.model import Reason, deletion_id, given_up
from shared.epoch import Holds, nothing_is_held
from shared.errors import Conflict
from shared.hosts.model import shown_in
from shared.identity import Belonging
from shared.paths import (
    FEED_WAKE,
    TICK_FEED,
    VISIT_COPY,
    VISIT_DELETION,
    VISIT_VIDEO,
    copy_key,
    session_path,
    video_path,
)
from shared.ports import (
    REMOVE,
    Document,
    Documents,
    Holders,
    Media,
    MediaState,
    Observation,
    Parts,
    Task,
    Update,
    Version,
    Write,
    holder_of,
)
from shared.reconcile import Decision, Look, Step, Subject, await_late_commit
from shared.sessions.model import Session
from shared.videos import decide as decisions
from shared.videos import transitions
from shared.videos.model import PENDING, Video, VideoState, VideoWish, Wish, named, shown
from shared.videos.policy import Policy
from shared.videos.turns import free_place


@dataclass(frozen=True, slots=True)
class Seen:
    """
    What the provider has just told of a video, together with others.

    Attributes:
        parts: The provider's ids of what it is about.
        observation: How that stands.
        at: When the provider was asked; how it stands is not older than that.
    """

    parts: Parts
    observation: Observation
    at: datetime


@dataclass(frozen=True, slots=True)
class Videos(Subject[VideoWish, Video, Parts | Observation]):
    """
    The Controller of videos: a `Subject` of the visit.

    Attributes:
        documents: Where the documents are.
        holders: The providers that have them.
        policy: The limits.
        late_commit_s: Seconds after which a lost creation is certain not to come.
        hosts: Where ready videos are copied to.
        holds: Whether deletions are held.
        seen: What need not be asked again, by video id; see `batch.py`.
    """

    queue: ClassVar[str] = VISIT_VIDEO

    documents: Documents
    holders: Holders
    policy: Policy
    late_commit_s: int
    hosts: tuple[str, ...] = ()
    holds: Holds = nothing_is_held
    seen: Mapping[str, Seen] = field(default_factory=dict)

    def look(self, key: str) -> Look[VideoWish, Video]:
        """
        Read the video and its session: two documents; of one that has no place yet, what gives it one too.
        """
        (document,) = self.documents.read(video_path(key))
        if document is None:
            return Look(key, VideoWish(None, has_session=False), None, None)
        (session,) = self.documents.read(session_path(document.fields["sessionId"]))
        look = look_at(document, None if session is None else Session.from_document(session))
        if look.record is None:
            return look
        if not look.wish.has_session and not look.wish.is_held and self.holds():
            return replace(look, wish=replace(look.wish, is_waiting=True))
        told = self._told(key, look.record) is not None
        place = None
        if look.record.order is None and look.wish.identity is not None:
            place = free_place(self.documents, look.wish.identity)
        return replace(look, wish=replace(look.wish, told=told, place=place))

    def decide(self, look: Look[VideoWish, Video], now: datetime, *, observed: bool) -> Decision[Video]:
        """
        The next step. Pure.
        """
        return decisions.decide(look, now, self.policy, self.late_commit_s, observed=observed)

    def act(self, look: Look[VideoWish, Video], step: Step[Video], now: datetime) -> Parts | Observation:
        """
        The one provider call of a step; to rename a video takes one for each thing that it names.
        """
        record = step.record
        media = self.media(record.provider)
        upload = replace(record.upload, stamp=record.session.stamp())
        match step.name:
            case decisions.RENAME:
                for reference, parts in named(record).items():
                    media.rename(reference, parts, replace(upload, title=_title_of(record, reference)))
                return record.parts
            case decisions.PREPARE | decisions.FIND if upload.recording is not None:
                return media.adopt_recording(record.reference or "", upload)
            case decisions.PREPARE:
                return media.prepare_upload(record.reference or "", upload)
            case decisions.FIND:
                parts = media.find_upload(record.reference or "", upload)
                if not parts and record.tried_at is not None:
                    await_late_commit(record.tried_at, now, self.late_commit_s)
                return parts
            case decisions.REPROCESS:
                media.reprocess(record.parts)
                return record.parts
        seen = self._observe(look.key, record)
        if step.name == decisions.CHECK and seen.state is MediaState.ERROR and record.tried_at is not None:
            await_late_commit(record.tried_at, now, self.late_commit_s)
        return seen

    def media(self, provider: str) -> Media:
        """
        The videos of one provider.

        Raises:
            Transient: As `holder_of` (again).
        """
        return holder_of(self.holders, provider).media

    def _observe(self, key: str, record: Video) -> Observation:
        told = self._told(key, record)
        if told is not None:
            return told
        (observation,) = self.media(record.provider).observe([watched(record) or {}])
        return observation

    def _told(self, key: str, record: Video) -> Observation | None:
        """
        What the provider has told of a video already, as far as it is about what is recorded now.
        """
        seen = self.seen.get(key)
        if seen is None or seen.parts != watched(record):
            return None
        # Of what has failed before, it may have been told before it was tried again.
        may_be_old = bool(record.failures and record.history) and seen.at <= record.history[-1].at
        return None if may_be_old else seen.observation

    def settle(
        self, look: Look[VideoWish, Video], step: Step[Video], outcome: Parts | Observation, now: datetime
    ) -> Video:
        """
        What is recorded after a step that succeeded. Pure.
        """
        record = step.record
        if isinstance(outcome, Observation):
            return transitions.observed(record, outcome, now, self.policy, asked=not step.at_hand)
        if step.name == decisions.RENAME:
            return replace(record, rename_at=None)
        if step.name == decisions.REPROCESS:
            return transitions.processing(record, now, self.policy)
        if not outcome:
            return transitions.not_prepared(record, now)
        if record.upload.recording is not None:
            return transitions.processing(replace(record, parts=outcome), now, self.policy)
        return transitions.prepared(record, outcome, now, self.policy)

    def after(self, look: Look[VideoWish, Video], record: Video) -> Look[VideoWish, Video]:
        """
        The look as it will be once `record` is written. Pure.
        """
        told = shown(record) if look.wish.has_session else None
        return replace(look, record=record, wish=replace(look.wish, shown=told))

    def record_writes(
        self, look: Look[VideoWish, Video], record: Video, version: Version | None, now: datetime
    ) -> tuple[Write, ...]:
        """
        The write of the video's document, of a pending deletion for everything that it names no more, and of the turn
        in which it was given its place. Of a tombstone the wish is written too, for it holds titles. Pure.

        Raises:
            Conflict: The document is gone; only a callable may make one (again).
        """
        if version is None:
            raise Conflict(f"There is no {video_path(look.key)}.")
        fields = record.to_fields()
        if record.state is VideoState.GONE and look.wish.wish is not None:
            fields["wish"] = look.wish.wish.nameless().to_fields()
        recorded = Update(video_path(look.key), fields, if_version=version)
        place = look.wish.place
        takes_place = look.record is not None and look.record.order is None and record.order is not None
        turn = (place.turn,) if place is not None and takes_place else ()
        dropped = (
            given_up(record.provider, reference, parts, _reason(look, record, reference), now, record.session)
            for reference, parts in _dropped(look, record).items()
        )
        return (recorded, *dropped, *turn)

    def follow_ups(self, look: Look[VideoWish, Video], record: Video) -> tuple[Task, ...]:
        """
        What is named no more is deleted; what its provider works on from now on is watched by the feed; copies follow a
        video that has another owner. Pure.
        """
        deletions = tuple(
            Task(VISIT_DELETION, deletion_id(reference, parts)) for reference, parts in _dropped(look, record).items()
        )
        before = None if look.record is None else look.record.state
        if look.record is not None and look.record.session != record.session and record.state is not VideoState.GONE:
            return tuple(Task(VISIT_COPY, copy_key(look.key, host)) for host in look.wish.copies)
        if before not in PENDING and record.state is VideoState.PROCESSING:
            return (*deletions, Task(TICK_FEED, f"{record.provider}:{FEED_WAKE}"))
        return deletions

    def view_writes(self, look: Look[VideoWish, Video], record: Video) -> tuple[Write, ...]:
        """
        The write of the video's ref in the session document. Pure.
        """
        told = shown(record) if look.wish.has_session else None
        if told == look.wish.shown:
            return ()
        ref: dict[tuple[str, ...], Any] = {("videos", look.key): REMOVE if told is None else told}
        return (Update(session_path(record.session.session_id), ref),)

    def dependants(self, look: Look[VideoWish, Video]) -> tuple[Task, ...]:
        """
        Its copies follow what plays, where they do not already. Pure.
        """
        playable = None if look.record is None else look.record.playable
        film = None if playable is None else playable.reference
        copies = look.wish.copies
        wished = {host: film if host in self.hosts else None for host in sorted({*self.hosts, *copies})}
        return tuple(
            Task(VISIT_COPY, copy_key(look.key, host))
            for host, one in wished.items()
            if one != (copies[host].film if host in copies else None)
        )


def look_at(document: Document, session: Session | None) -> Look[VideoWish, Video]:
    """
    The look at a video whose documents were read: a session with another owner or mark than the video recorded is not
    its session. Pure.
    """
    record = Video.from_document(document)
    belonging = None if session is None else record.session.belonging(session.identity)
    has_session = session is not None and belonging is Belonging.SAME
    wish = VideoWish(
        Wish.from_document(document),
        has_session,
        None if session is None else session.videos.get(document.id),
        shown_in(document),
        session.identity if session is not None and has_session else None,
        is_held=belonging is Belonging.OWNER_CHANGED,
    )
    return Look(document.id, wish, record, document.version)


def watched(video: Video) -> Parts | None:
    """
    What at the provider a look at a video is a look at; `None` where there is nothing to see. Pure.
    """
    if video.state in (*PENDING, VideoState.RETRYING, VideoState.FAILED):
        return video.parts or None
    if video.state is VideoState.READY and video.playable is not None:
        return video.playable.parts
    return None


def _title_of(record: Video, reference: str) -> str:
    """
    The title of one thing that a video names: of what plays, or of its latest upload.
    """
    plays = record.playable
    return plays.title if plays is not None and plays.reference == reference else record.upload.title


def _dropped(look: Look[VideoWish, Video], record: Video) -> dict[str, Parts]:
    """
    What the record named and, once this is written, names no more.
    """
    before = {} if look.record is None else named(look.record)
    left = named(record)
    return {reference: parts for reference, parts in before.items() if reference not in left}


def _reason(look: Look[VideoWish, Video], record: Video, reference: str) -> Reason:
    """
    Why a thing is named no more.
    """
    if record.state is VideoState.GONE:
        return Reason.DELETED
    before = None if look.record is None else look.record.playable
    if before is not None and before.reference == reference:
        return Reason.REPLACED
    return Reason.FAILED if record.state is VideoState.FAILED else Reason.CANCELLED
