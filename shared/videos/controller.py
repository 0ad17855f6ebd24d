"""Uploaded videos and their Controller. The record is `videos/{videoId}`; the spec is the teacher's last request, and
the existence of the session.

Called by `functions/` (workers, callables, schedule). `decide` chooses the next step, `policy` what may be uploaded,
`transitions` the record after a step, `upload_tokens` and `playback` the grants of a caller, `readiness` when to
observe. `shared/hosts/` makes copies, and `shared/deletions/` deletes what no document names any more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, ClassVar

from shared.core.errors import Conflict
from shared.core.paths import (
    FEED_WAKE,
    POLL_READINESS,
    RECONCILE_ARCHIVE,
    RECONCILE_COPY,
    RECONCILE_DELETION,
    RECONCILE_VIDEO,
    copy_key,
    session_path,
    video_path,
)
from shared.deletions.model import Reason, deletion_id, given_up
from shared.hosts.model import shown_in
from shared.ports import (
    ENTRY_PART,
    REMOVE,
    Document,
    Documents,
    ExternalIds,
    Media,
    MediaState,
    Observation,
    ProviderAccounts,
    Task,
    Update,
    Version,
    Write,
    holder_of,
)
from shared.publishing.model import Types, tasks_of
from shared.reconcile import Controller, Decision, Snapshot, Step, await_late_commit
from shared.reconcile.epoch import Holds, nothing_is_held
from shared.sessions.session import Session, session_of
from shared.videos import decide as decisions
from shared.videos import transitions
from shared.videos.happenings import happened
from shared.videos.model import PENDING, Video, VideoState, named
from shared.videos.settings import Policy
from shared.videos.spec import Spec, VideoSpec
from shared.videos.turns import free_place
from shared.videos.view import shown


@dataclass(frozen=True, slots=True)
class Seen:
    """
    The observation of a video that was made together with those of others.

    Attributes:
        external_ids: The provider's ids of the thing that was observed.
        observation: Its state.
        at: When the provider was asked; the state is not older than that.
    """

    external_ids: ExternalIds
    observation: Observation
    at: datetime


@dataclass(frozen=True, slots=True)
class Videos(Controller[VideoSpec, Video, ExternalIds | Observation]):
    """
    The Controller of videos.

    Attributes:
        documents: The store of the documents.
        provider_accounts: The providers that have the videos.
        policy: The limits.
        late_commit_s: Seconds after which a lost creation certainly does not happen.
        hosts: The hosts that ready videos are copied to.
        holds: Tells whether deletions are held.
        seen: Observations that need not be made again, by video id; see `batch.py`.
        types: The types of events that are published.
    """

    queue: ClassVar[str] = RECONCILE_VIDEO
    polls: ClassVar[frozenset[str]] = frozenset({decisions.OBSERVE})

    documents: Documents
    provider_accounts: ProviderAccounts
    policy: Policy
    late_commit_s: int
    hosts: tuple[str, ...] = ()
    holds: Holds = nothing_is_held
    seen: Mapping[str, Seen] = field(default_factory=dict)
    types: Types = ()

    def read(self, key: str) -> Snapshot[VideoSpec, Video]:
        """
        Read the video and its session: two documents. If the video has no place in its session yet, also read what that
        needs.
        """
        (document,) = self.documents.read(video_path(key))
        if document is None:
            return Snapshot(key, VideoSpec(None, has_session=False), None, None)
        (session,) = self.documents.read(session_path(document.fields["sessionId"]))
        snapshot = snapshot_of(document, None if session is None else Session.from_document(session))
        if snapshot.record is None:
            return snapshot
        if not snapshot.spec.has_session and not snapshot.spec.is_held and self.holds():
            return replace(snapshot, spec=replace(snapshot.spec, is_waiting=True))
        told = self._told(key, snapshot.record) is not None
        place = None
        if snapshot.record.order is None and snapshot.spec.identity is not None:
            place = free_place(self.documents, snapshot.spec.identity)
        return replace(snapshot, spec=replace(snapshot.spec, told=told, place=place))

    def decide(self, snapshot: Snapshot[VideoSpec, Video], now: datetime, *, observed: bool) -> Decision[Video]:
        """
        Return the next step. Pure.
        """
        return decisions.decide(snapshot, now, self.policy, self.late_commit_s, observed=observed)

    def act(self, snapshot: Snapshot[VideoSpec, Video], step: Step[Video], now: datetime) -> ExternalIds | Observation:
        """
        Make the one provider call of a step. Renaming a video takes one call for each thing that it names.
        """
        record = step.record
        media = self.media(record.provider)
        upload = replace(record.upload, stamp=record.session.stamp())
        match step.name:
            case decisions.RENAME:
                for reference, external_ids in named(record).items():
                    media.rename(reference, external_ids, replace(upload, title=_title_of(record, reference)))
                return record.external_ids
            case decisions.PREPARE | decisions.FIND if upload.recording is not None:
                return media.adopt_recording(record.reference or "", upload)
            case decisions.PREPARE:
                return media.prepare_upload(record.reference or "", upload)
            case decisions.FIND:
                external_ids = media.find_upload(record.reference or "", upload)
                if not external_ids and record.tried_at is not None:
                    await_late_commit(record.tried_at, now, self.late_commit_s)
                return external_ids
            case decisions.REPROCESS:
                media.reprocess(record.external_ids)
                return record.external_ids
        seen = self._observe(snapshot.key, record)
        if step.name == decisions.CHECK and seen.state is MediaState.ERROR and record.tried_at is not None:
            await_late_commit(record.tried_at, now, self.late_commit_s)
        return seen

    def media(self, provider: str) -> Media:
        """
        Return the videos of one provider.

        Raises:
            Transient: As `holder_of` (again).
        """
        return holder_of(self.provider_accounts, provider).media

    def _observe(self, key: str, record: Video) -> Observation:
        told = self._told(key, record)
        if told is not None:
            return told
        (observation,) = self.media(record.provider).observe([watched(record) or {}])
        return observation

    def _told(self, key: str, record: Video) -> Observation | None:
        """
        Return an observation that was already made of a video, if it is of what is recorded now.
        """
        seen = self.seen.get(key)
        if seen is None or seen.external_ids != watched(record):
            return None
        # If the video has failed before, the observation may be from before the retry.
        may_be_old = bool(record.failures and record.history) and seen.at <= record.history[-1].at
        return None if may_be_old else seen.observation

    def settle(
        self, snapshot: Snapshot[VideoSpec, Video], step: Step[Video], outcome: ExternalIds | Observation, now: datetime
    ) -> Video:
        """
        Return the record after a step that succeeded. Pure.
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
            return transitions.processing(replace(record, external_ids=outcome), now, self.policy)
        return transitions.prepared(record, outcome, now, self.policy)

    def after(self, snapshot: Snapshot[VideoSpec, Video], record: Video) -> Snapshot[VideoSpec, Video]:
        """
        Return the snapshot as it will be once `record` is written. Pure.
        """
        told = shown(record, snapshot.spec) if snapshot.spec.has_session else None
        return replace(snapshot, record=record, spec=replace(snapshot.spec, shown=told))

    def record_writes(
        self, snapshot: Snapshot[VideoSpec, Video], record: Video, version: Version | None, now: datetime
    ) -> tuple[Write, ...]:
        """
        Return the writes of the video's document, of a pending deletion for each thing that it no longer names, and of
        the turn in which it was given its place. A tombstone's spec is written too, because the spec contains titles.
        Pure.

        Raises:
            Conflict: The document is gone; only a callable may create one (again).
        """
        if version is None:
            raise Conflict(f"There is no {video_path(snapshot.key)}.")
        fields = record.to_fields()
        if record.state is VideoState.GONE and snapshot.spec.spec is not None:
            fields["wish"] = snapshot.spec.spec.nameless().to_fields()
        recorded = Update(video_path(snapshot.key), fields, if_version=version)
        place = snapshot.spec.place
        takes_place = snapshot.record is not None and snapshot.record.order is None and record.order is not None
        turn = (place.turn,) if place is not None and takes_place else ()
        dropped = (
            given_up(
                record.provider, reference, external_ids, _reason(snapshot, record, reference), now, record.session
            )
            for reference, external_ids in _dropped(snapshot, record).items()
        )
        return (recorded, *dropped, *turn)

    def follow_ups(self, snapshot: Snapshot[VideoSpec, Video], record: Video) -> tuple[Task, ...]:
        """
        Return tasks to delete the things that are no longer named, to have the readiness poller watch a video that its
        provider now works on, to give a video's copies its new owner, and to publish what happened. Pure.
        """
        deletions = tuple(
            Task(RECONCILE_DELETION, deletion_id(reference, external_ids))
            for reference, external_ids in _dropped(snapshot, record).items()
        )
        events = tasks_of(happened(snapshot.key, snapshot.record, record), self.types)
        before = None if snapshot.record is None else snapshot.record.state
        if (
            snapshot.record is not None
            and snapshot.record.session != record.session
            and record.state is not VideoState.GONE
        ):
            copies = (Task(RECONCILE_COPY, copy_key(snapshot.key, host)) for host in snapshot.spec.copies)
            return (*copies, *events)
        if before not in PENDING and record.state is VideoState.PROCESSING:
            return (*deletions, Task(POLL_READINESS, f"{record.provider}:{FEED_WAKE}"), *events)
        return (*deletions, *events)

    def view_writes(self, snapshot: Snapshot[VideoSpec, Video], record: Video) -> tuple[Write, ...]:
        """
        Return the write of the video's ref in the session document. Pure.
        """
        told = shown(record, snapshot.spec) if snapshot.spec.has_session else None
        if told == snapshot.spec.shown:
            return ()
        ref: dict[tuple[str, ...], Any] = {("videos", snapshot.key): REMOVE if told is None else told}
        return (Update(session_path(record.session.session_id), ref),)

    def dependants(self, snapshot: Snapshot[VideoSpec, Video]) -> tuple[Task, ...]:
        """
        Return tasks for the copies that differ from the playable version, and for the archiving of an earlier one.
        Pure.
        """
        playable = None if snapshot.record is None else snapshot.record.playable
        film = None if playable is None else playable.reference
        copies = snapshot.spec.copies
        wished = {host: film if host in self.hosts else None for host in sorted({*self.hosts, *copies})}
        archive = snapshot.spec.archive
        entry_id = None if playable is None else playable.external_ids.get(ENTRY_PART)
        keeps = snapshot.spec.spec is not None and snapshot.spec.spec.keep
        is_left = archive is not None and (archive["entryId"] != entry_id or archive["isKept"] != keeps)
        return (
            *(
                Task(RECONCILE_COPY, copy_key(snapshot.key, host))
                for host, one in wished.items()
                if one != (copies[host].film if host in copies else None)
            ),
            *((Task(RECONCILE_ARCHIVE, archive["entryId"]),) if archive is not None and is_left else ()),
        )


def snapshot_of(document: Document, session: Session | None) -> Snapshot[VideoSpec, Video]:
    """
    Return the snapshot of a video whose documents were read. A session whose owner or `createdAt` differs from the
    video's record is not its session. Pure.
    """
    record = Video.from_document(document)
    identity, is_held = session_of(record.session, session)
    spec = VideoSpec(
        Spec.from_document(document),
        identity is not None,
        None if session is None else session.videos.get(document.id),
        shown_in(document),
        document.fields.get("archive"),
        identity,
        is_held=is_held,
    )
    return Snapshot(document.id, spec, record, document.version)


def watched(video: Video) -> ExternalIds | None:
    """
    Return the external ids to observe; `None` if there is nothing to observe. Pure.
    """
    if video.state in (*PENDING, VideoState.RETRYING, VideoState.FAILED):
        return video.external_ids or None
    if video.state is VideoState.READY and video.playable is not None:
        return video.playable.external_ids
    return None


def _title_of(record: Video, reference: str) -> str:
    """
    Return the title of one thing that a video names: of its playable version, or of its latest upload.
    """
    plays = record.playable
    return plays.title if plays is not None and plays.reference == reference else record.upload.title


def _dropped(snapshot: Snapshot[VideoSpec, Video], record: Video) -> dict[str, ExternalIds]:
    """
    Return the things that the record named and no longer names once this is written.
    """
    before = {} if snapshot.record is None else named(snapshot.record)
    left = named(record)
    return {reference: external_ids for reference, external_ids in before.items() if reference not in left}


def _reason(snapshot: Snapshot[VideoSpec, Video], record: Video, reference: str) -> Reason:
    """
    Return the reason why a thing is no longer named.
    """
    if record.state is VideoState.GONE:
        return Reason.DELETED
    before = None if snapshot.record is None else snapshot.record.playable
    if before is not None and before.reference == reference:
        return Reason.REPLACED
    return Reason.FAILED if record.state is VideoState.FAILED else Reason.CANCELLED
