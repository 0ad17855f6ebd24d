"""Sessions and their live events: `sessions/{sessionId}` is wished, `kalturaSession/{sessionId}` is recorded.

Called by `functions/` (triggers, workers, callables, schedule). Leaves to `decide` what is next and to `act` how the
provider is asked.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, ClassVar, Final, Protocol

from shared.core.identity import Belonging, SessionIdentity
from shared.core.paths import ENROLMENTS, RECONCILE_SESSION, RECONCILE_VIDEO, VIDEOS, pairing_path, session_path
from shared.ports import (
    REMOVE,
    Broadcast,
    Condition,
    Create,
    Delete,
    Document,
    Documents,
    Events,
    ExternalIds,
    Operator,
    Query,
    Task,
    Update,
    Version,
    Write,
)
from shared.reconcile import Controller, Decision, Snapshot, Step
from shared.reconcile.epoch import Holds, nothing_is_held
from shared.sessions import decide as decisions
from shared.sessions.act import Outcome, Watches, act, always
from shared.sessions.broadcasting import Window
from shared.sessions.model import Pairing, PairingState, Session, SessionSpec, marking, noting, shown

UNENROLLED_AT_ONCE: Final = 450
"""Enrolments of a deleted session that go in one commit: Firestore writes 500 documents at once."""


class Recorder(Protocol):
    """
    Makes videos of what was recorded of a session's events, or gives it up where there is no session any more. Pure.
    """

    def write(self, identity: SessionIdentity, spec: SessionSpec, recording: ExternalIds, now: datetime) -> Create:
        """
        The write by which a recording is taken over.
        """
        ...

    def task(self, session_id: str, spec: SessionSpec, recording: ExternalIds) -> Task:
        """
        The task for it.
        """
        ...


@dataclass(frozen=True, slots=True)
class Sessions(Controller[SessionSpec, Pairing, Outcome]):
    """
    The Controller of sessions: a `Controller`, and what the sweep asks.

    Attributes:
        documents: Where the documents are.
        events: The provider of live events.
        reap_grace_s: Seconds for which an unpublished event is kept.
        late_commit_s: Seconds after which a lost creation is certain not to come.
        window: When events may be on the air.
        recorder: What becomes of recordings.
        holds: Whether deletions are held.
        watches: Whether events of an owner are looked at again soon.
    """

    queue: ClassVar[str] = RECONCILE_SESSION

    documents: Documents
    events: Events
    reap_grace_s: int
    late_commit_s: int
    window: Window
    recorder: Recorder
    holds: Holds = nothing_is_held
    watches: Watches = always

    def read(self, key: str) -> Snapshot[SessionSpec, Pairing]:
        """
        Read the session and its pairing: two documents, one round trip; what a deleted session has left, too.
        """
        session, pairing = self.documents.read(session_path(key), pairing_path(key))
        snapshot = snapshot_of(key, session, pairing)
        spec, record = snapshot.spec, snapshot.record
        if spec.exists or spec.is_held:
            return snapshot
        if record is not None and record.state is not PairingState.GONE and self.holds():
            return replace(snapshot, spec=replace(spec, is_waiting=True))
        children = () if record is None else self._children(key, spec.identity)
        is_last = not children and (record is None or record.state is PairingState.GONE)
        left_enrolled = self._left_enrolled(key, spec.identity) if is_last and not self.holds() else ()
        return replace(snapshot, spec=replace(spec, children=children, left_enrolled=left_enrolled))

    def decide(self, snapshot: Snapshot[SessionSpec, Pairing], now: datetime, *, observed: bool) -> Decision[Pairing]:
        """
        The next step. Pure.
        """
        return decisions.decide(snapshot, now, self.reap_grace_s, self.window, observed=observed)

    def act(self, snapshot: Snapshot[SessionSpec, Pairing], step: Step[Pairing], now: datetime) -> Outcome:
        """
        The one provider call of a step.
        """
        return act(self.events, snapshot, step, now, self.late_commit_s, self.watches)

    def settle(
        self, snapshot: Snapshot[SessionSpec, Pairing], step: Step[Pairing], outcome: Outcome, now: datetime
    ) -> Pairing:
        """
        What is recorded after a step that succeeded. Pure.
        """
        record = step.record
        if step.name == decisions.HOLD:
            return decisions.held(record, now)
        if isinstance(outcome, decisions.Sighting):
            return decisions.listened(record, outcome, snapshot.spec.event, now, self.window)
        if outcome is None or isinstance(outcome, Broadcast):
            left = () if outcome is None else outcome.recordings
            return decisions.deleted(decisions.took_over(record, left), now)
        if not outcome.external_ids:
            return decisions.not_created(record, now)
        if step.name == decisions.FIND:
            return decisions.created(record, outcome, None, now)
        if step.name == decisions.UPDATE and snapshot.record is not None:
            return decisions.updated(snapshot.record, record, outcome, snapshot.spec.event, now, self.late_commit_s)
        return decisions.created(record, outcome, snapshot.spec.event, now)

    def claimed(
        self, snapshot: Snapshot[SessionSpec, Pairing], record: Pairing, version: Version
    ) -> Snapshot[SessionSpec, Pairing]:
        """
        Return the snapshot once a pairing is written: with a new one goes what its session says of it. Pure.
        """
        is_new = snapshot.version is None
        spec = _noted(snapshot.spec) if is_new else snapshot.spec
        return replace(snapshot, record=record, version=version, spec=spec)

    def after(self, snapshot: Snapshot[SessionSpec, Pairing], record: Pairing) -> Snapshot[SessionSpec, Pairing]:
        """
        The snapshot as it will be once `record` is written. Pure.
        """
        seen = replace(_noted(snapshot.spec), shown=shown(snapshot.spec, record), left_enrolled=())
        return replace(snapshot, record=record, spec=seen)

    def record_writes(
        self, snapshot: Snapshot[SessionSpec, Pairing], record: Pairing, version: Version | None, now: datetime
    ) -> tuple[Write, ...]:
        """
        The write of the pairing, and of a video for each recording that it takes over; what a deleted session has left
        is given up. Pure.
        """
        path = pairing_path(snapshot.key)
        if _has_nothing(version, record):
            # It has nothing at a provider, so it needs no record. What is written is its mark, or where it is deleted
            # the going of the enrolments that it has left.
            return ()
        if version is None:
            return (Create(path, record.to_fields()), noting(record.identity, snapshot.spec.version))
        taken = (self.recorder.write(record.identity, snapshot.spec, one, now) for one in _taken_over(snapshot, record))
        return (Update(path, record.to_fields(), if_version=version), *taken)

    def follow_ups(self, snapshot: Snapshot[SessionSpec, Pairing], record: Pairing) -> tuple[Task, ...]:
        """
        What was taken over is reconciled. Pure.
        """
        return tuple(self.recorder.task(snapshot.key, snapshot.spec, one) for one in _taken_over(snapshot, record))

    def view_writes(self, snapshot: Snapshot[SessionSpec, Pairing], record: Pairing) -> tuple[Write, ...]:
        """
        The write of `kaltura` in the session document, or of its mark alone; the going of what a deleted session has
        left enrolled. Pure.
        """
        spec, told = snapshot.spec, shown(snapshot.spec, record)
        unenrolled = tuple(Delete(one.path, if_version=one.version) for one in spec.left_enrolled)
        changes: dict[str, Any] = {}
        if spec.identity is not None and told != spec.shown:
            changes["kaltura"] = REMOVE if told is None else told
        if spec.identity is not None and (not spec.exists or snapshot.version is None) and decisions.lacks_mark(spec):
            return (*unenrolled, marking(spec.identity, spec.version, **changes))
        if spec.exists and not decisions.is_noted(spec):
            return (noting(record.identity, spec.version, **changes),)
        return (*unenrolled, Update(session_path(snapshot.key), changes)) if changes else unenrolled

    def dependants(self, snapshot: Snapshot[SessionSpec, Pairing]) -> tuple[Task, ...]:
        """
        A deleted session's videos follow it. Pure.
        """
        return tuple(Task(RECONCILE_VIDEO, child) for child in snapshot.spec.children)

    def _children(self, session_id: str, successor: SessionIdentity | None) -> tuple[str, ...]:
        """
        Return the ids of the videos, not yet gone, of a session that is not there any more.

        Args:
            session_id: Its id.
            successor: The session that has its id now, if any: that one's videos are not among them.
        """
        left = self.documents.select(
            Query(
                VIDEOS,
                (Condition("sessionId", Operator.EQUAL, session_id), Condition("gone", Operator.EQUAL, False)),
            )
        )
        return tuple(video.id for video in left if successor is None or _is_of_another(video, successor))

    def _left_enrolled(self, session_id: str, successor: SessionIdentity | None) -> tuple[Document, ...]:
        """
        Return enrolments, not necessarily all, of a session that is not there any more.

        Args:
            session_id: Its id.
            successor: The session that has its id now, if any: what was given since its creation is that one's.
        """
        of_session = Condition("sessionId", Operator.EQUAL, session_id)
        if successor is not None:
            earlier = Condition("createdAt", Operator.LESS, successor.created_at)
            return tuple(
                self.documents.select(
                    Query(ENROLMENTS, (of_session, earlier), order_by="createdAt", limit=UNENROLLED_AT_ONCE)
                )
            )
        left = tuple(self.documents.select(Query(ENROLMENTS, (of_session,), limit=UNENROLLED_AT_ONCE)))
        # A session that was created meanwhile may have enrolments: only if there is none even now, these are old ones.
        (session,) = self.documents.read(session_path(session_id)) if left else (None,)
        return left if session is None else ()


def snapshot_of(key: str, session: Document | None, pairing: Document | None) -> Snapshot[SessionSpec, Pairing]:
    """
    The snapshot at a session whose documents were read: a session with another owner or mark than the record is none of
    the record's. Pure.
    """
    present = None if session is None else Session.from_document(session)
    record = None if pairing is None else Pairing.from_document(pairing)
    spec = SessionSpec(exists=False) if present is None else SessionSpec.of(present)
    if present is not None and record is not None:
        match record.identity.belonging(present.identity):
            case Belonging.OTHER:
                spec = SessionSpec(
                    exists=False, shown=present.shown, identity=present.identity, version=present.version
                )
            case Belonging.OWNER_CHANGED:
                spec = SessionSpec(exists=False, shown=present.shown, identity=present.identity, is_held=True)
    return Snapshot(key, spec, record, None if pairing is None else pairing.version)


def _noted(spec: SessionSpec) -> SessionSpec:
    """
    Return what is wished once the session's document says that it has a pairing, and its mark: see `noting`.
    """
    identity = None if spec.identity is None else replace(spec.identity, is_marked=True)
    return replace(spec, is_paired=True, identity=identity)


def _has_nothing(version: Version | None, record: Pairing) -> bool:
    return version is None and record.state is PairingState.GONE


def _is_of_another(video: Document, successor: SessionIdentity) -> bool:
    recorded = SessionIdentity.from_fields(successor.session_id, video.fields)
    return recorded.belonging(successor) is Belonging.OTHER


def _taken_over(snapshot: Snapshot[SessionSpec, Pairing], record: Pairing) -> list[ExternalIds]:
    """
    The recordings that are taken over with the writing of a record.
    """
    before = () if snapshot.record is None else snapshot.record.recordings
    return [one for one in record.recordings if one not in before]
