"""Copies of ready videos at other hosts, `copies/{videoId}-{host}`.

The document is the status of a copy. Its spec is the version of the video that plays now, if this deployment has the
host. Called by `functions/` (the worker). Leaves the choice of the next step to `decide`, to `table` from which host a
video is played, to `shared/operations/host_checks.py` whether a host can be reached, and to `shared/deletions/` the
deletion of released copies.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, ClassVar

from shared.core.errors import Transient
from shared.core.identity import SessionIdentity
from shared.core.paths import COPIES, RECONCILE_COPY, RECONCILE_DELETION, copy_path, video_path
from shared.deletions.model import Reason, deletion_id, given_up
from shared.hosts import decide as decisions
from shared.hosts.decide import CopySpec, Film
from shared.hosts.model import Copy, CopyState, shown, shown_in
from shared.ports import (
    REMOVE,
    Condition,
    Create,
    Delete,
    Document,
    Documents,
    ExternalIds,
    Hosts,
    Observation,
    Operator,
    ProviderAccounts,
    Query,
    Source,
    Task,
    Update,
    Version,
    Write,
    holder_of,
)
from shared.reconcile import Controller, Decision, Snapshot, Step, await_late_commit
from shared.reconcile.epoch import Holds, nothing_is_held

PLACEHOLDER_PLAYS = frozenset({"place_holder", "restoring"})
"""The values of `archive.state` in a video's document while a placeholder plays."""

SOURCE_LIFETIME_S = 6 * 3600
"""Seconds for which a host that fetches the video on its own may do so."""


@dataclass(frozen=True, slots=True)
class Copies(Controller[CopySpec, Copy, ExternalIds | Observation]):
    """
    The Controller of copies.

    Attributes:
        documents: Where the documents are stored.
        provider_accounts: The providers that have the videos.
        hosts: The hosts that get copies.
        late_commit_s: Seconds after which a copy cannot appear any more if the answer of its creation was lost.
        holds: Tells whether deletions are held.
    """

    queue: ClassVar[str] = RECONCILE_COPY

    documents: Documents
    provider_accounts: ProviderAccounts
    hosts: Hosts
    late_commit_s: int
    holds: Holds = nothing_is_held

    def read(self, key: str) -> Snapshot[CopySpec, Copy]:
        """
        Read the copy and its video: two documents.
        """
        document, video = self.documents.read(copy_path(key), video_path(_video_in(key)))
        if video is None:
            spec = CopySpec(None, has_video=False, is_waiting=document is not None and self.holds())
        else:
            spec = self._wish(video, decisions.host_in(key))
        if document is None:
            return Snapshot(key, spec, None, None)
        return Snapshot(key, spec, Copy.from_document(document), document.version)

    def decide(self, snapshot: Snapshot[CopySpec, Copy], now: datetime, *, observed: bool) -> Decision[Copy]:
        """
        Return the next step. Pure.
        """
        return decisions.decide(snapshot, now, observed=observed)

    def act(self, snapshot: Snapshot[CopySpec, Copy], step: Step[Copy], now: datetime) -> ExternalIds | Observation:
        """
        Make the one call of a step at the host. If the step needs the video's address, the provider is asked for it
        first.

        Raises:
            Transient: This deployment does not have the host at the moment, or the video's address cannot be had yet
                (again).
        """
        record = step.record
        host = holder_of(self.hosts, decisions.host_in(snapshot.key))
        match step.name:
            case decisions.MAKE:
                return host.begin_copy(record.reference or "", self._source(snapshot))
            case decisions.FIND:
                external_ids = host.find_copy(record.reference or "")
                if not external_ids and record.tried_at is not None:
                    await_late_commit(record.tried_at, now, self.late_commit_s)
                return external_ids
            case decisions.SEND:
                return host.send_more(record.external_ids, self._source(snapshot))
        return host.observe_copy(record.external_ids)

    def settle(
        self, snapshot: Snapshot[CopySpec, Copy], step: Step[Copy], outcome: ExternalIds | Observation, now: datetime
    ) -> Copy:
        """
        Return the record after a step that succeeded. Pure.
        """
        if isinstance(outcome, Observation):
            return decisions.observed(step.record, outcome, now)
        return decisions.copying(step.record, outcome) if outcome else decisions.not_made(step.record)

    def after(self, snapshot: Snapshot[CopySpec, Copy], record: Copy) -> Snapshot[CopySpec, Copy]:
        """
        Return the snapshot as it will be once `record` is written. Pure.
        """
        return replace(snapshot, record=record, spec=replace(snapshot.spec, shown=shown(record)))

    def record_writes(
        self, snapshot: Snapshot[CopySpec, Copy], record: Copy, version: Version | None, now: datetime
    ) -> tuple[Write, ...]:
        """
        Return the write of the copy's document, or its deletion once the copy is gone, and a pending deletion for what
        the record releases. Pure.
        """
        path = copy_path(snapshot.key)
        host = decisions.host_in(snapshot.key)
        dropped = tuple(
            given_up(host, reference, external_ids, _reason(record), now, _session_of(snapshot))
            for reference, external_ids in _dropped(snapshot, record).items()
        )
        if record.state is CopyState.GONE:
            return () if version is None else (Delete(path, if_version=version), *dropped)
        if version is None:
            return (Create(path, record.to_fields()),)
        return (Update(path, record.to_fields(), if_version=version), *dropped)

    def follow_ups(self, snapshot: Snapshot[CopySpec, Copy], record: Copy) -> tuple[Task, ...]:
        """
        Return tasks for the deletion of what the record releases. Pure.
        """
        return tuple(
            Task(RECONCILE_DELETION, deletion_id(reference, external_ids))
            for reference, external_ids in _dropped(snapshot, record).items()
        )

    def view_writes(self, snapshot: Snapshot[CopySpec, Copy], record: Copy) -> tuple[Write, ...]:
        """
        Return the write of what the video's document shows of the copy. Pure.
        """
        told = shown(record)
        if not snapshot.spec.has_video or told == snapshot.spec.shown:
            return ()
        view: Mapping[tuple[str, ...], Any] = {
            ("hosts", decisions.host_in(snapshot.key)): REMOVE if told is None else told.to_fields()
        }
        return (Update(video_path(_video_in(snapshot.key)), view),)

    def count(self, host: str, state: CopyState) -> int:
        """
        Return how many copies at a host are in a state.

        Raises:
            Transient: The documents could not be reached (again).
        """
        conditions = (Condition("host", Operator.EQUAL, host), Condition("state", Operator.EQUAL, state.value))
        return self.documents.total(Query(COPIES, conditions), "generation").count

    def _wish(self, video: Document, host: str) -> CopySpec:
        seen = shown_in(video).get(host)
        archive = video.fields.get("archive") or {}
        is_archived = archive.get("state") in PLACEHOLDER_PLAYS
        return CopySpec(film_of(video) if host in self.hosts else None, shown=seen, is_archived=is_archived)

    def _source(self, snapshot: Snapshot[CopySpec, Copy]) -> Source:
        """
        Return where the version to copy can be fetched.

        Raises:
            Transient: Nothing of the video is playable any more, and the next reconciliation notices that; or a
                placeholder plays, which must not be taken for the video (again).
        """
        if snapshot.spec.is_archived:
            raise Transient(
                "The original of this video is in the cold store. It is copied once it is back.",
                provider="",
                operation="source",
                code="ARCHIVED",
            )
        film = snapshot.spec.film
        if film is None:
            raise Transient("The video was deleted meanwhile.", provider="", operation="source", code="NO_FILM")
        return holder_of(self.provider_accounts, film.provider).media.source(film.external_ids, SOURCE_LIFETIME_S)


def film_of(video: Document) -> Film | None:
    """
    Return the version of a video that plays now, `None` if none does. Pure.
    """
    playable = video.fields["playable"]
    if playable is None or video.fields["gone"]:
        return None
    fields = video.fields
    session = SessionIdentity.from_fields(fields["sessionId"], fields)
    return Film(session, fields["provider"], playable["reference"], dict(playable["parts"]))


def _video_in(key: str) -> str:
    return key.partition("-")[0]


def _session_of(snapshot: Snapshot[CopySpec, Copy]) -> SessionIdentity | None:
    return None if snapshot.record is None else snapshot.record.session


def _dropped(snapshot: Snapshot[CopySpec, Copy], record: Copy) -> dict[str, ExternalIds]:
    """
    Return what the record named before, and does not name any more once this one is written.
    """
    before = snapshot.record
    if before is None or not before.external_ids or before.reference is None or before.reference == record.reference:
        return {}
    return {before.reference: before.external_ids}


def _reason(record: Copy) -> Reason:
    """
    Return why a copy is released.
    """
    if record.state is CopyState.GONE:
        return Reason.DELETED
    return Reason.FAILED if record.state is CopyState.FAILED else Reason.REPLACED
