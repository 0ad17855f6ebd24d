"""Sessions and their live events: the spec is in `sessions/{sessionId}`, the status in `kalturaSession/{sessionId}`.

Called by `functions/` (triggers, workers, callables, schedule). Leaves the choice of the next step to `decide`, and the
provider calls to `act`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, ClassVar, Final, Protocol

from shared.core.identity import Belonging, SessionIdentity
from shared.core.paths import ENROLMENTS, RECONCILE_SESSION, pairing_path, session_path
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
from shared.publishing.model import Types, tasks_of
from shared.reconcile import Controller, Decision, Snapshot, Step
from shared.reconcile.epoch import Holds, nothing_is_held
from shared.sessions import decide as decisions
from shared.sessions.act import Outcome, Watches, act, always
from shared.sessions.broadcasting import Window
from shared.sessions.happenings import happened
from shared.sessions.model import Pairing, PairingState
from shared.sessions.session import Session, marking, noting
from shared.sessions.spec import SessionSpec
from shared.sessions.view import shown

UNENROLLED_AT_ONCE: Final = 450
"""Enrolments of a deleted session that one commit deletes: Firestore writes at most 500 documents at once."""


class Recorder(Protocol):
    """
    Makes videos of the recordings of a session's events, or releases them if the session no longer exists. Pure.
    """

    def write(self, identity: SessionIdentity, spec: SessionSpec, recording: ExternalIds, now: datetime) -> Create:
        """
        Return the write that records a recording as a video, or releases it.
        """
        ...

    def task(self, session_id: str, spec: SessionSpec, recording: ExternalIds) -> Task:
        """
        Return the task that reconciles a recording after `write`.
        """
        ...


@dataclass(frozen=True, slots=True)
class Sessions(Controller[SessionSpec, Pairing, Outcome]):
    """
    The Controller of sessions.

    Attributes:
        documents: Where the documents are stored.
        events: The provider of live events.
        reap_grace_s: Seconds for which the event of an unpublished session is kept.
        late_commit_s: Seconds after which an event cannot appear any more if the answer of its creation was lost.
        window: How long before and after its planned times an event may be on the air.
        recorder: Decides what happens to recordings.
        holds: Tells whether deletions are held.
        watches: Tells whether an owner's events are observed at the usual pace.
        belongings: The collections of things that belong to sessions, each with the queue that reconciles them.
        types: The types of events that are published.
    """

    queue: ClassVar[str] = RECONCILE_SESSION
    polls: ClassVar[frozenset[str]] = frozenset({decisions.LISTEN})

    documents: Documents
    events: Events
    reap_grace_s: int
    late_commit_s: int
    window: Window
    recorder: Recorder
    holds: Holds = nothing_is_held
    watches: Watches = always
    belongings: Sequence[tuple[str, str]] = ()
    types: Types = ()

    def read(self, key: str) -> Snapshot[SessionSpec, Pairing]:
        """
        Read the session and its pairing: two documents, one round trip. For a deleted session, also look for what it
        has left behind.
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
        Return the next step. Pure.
        """
        return decisions.decide(snapshot, now, self.reap_grace_s, self.window, observed=observed)

    def act(self, snapshot: Snapshot[SessionSpec, Pairing], step: Step[Pairing], now: datetime) -> Outcome:
        """
        Make the one provider call of a step.
        """
        return act(self.events, snapshot, step, now, self.late_commit_s, self.watches)

    def settle(
        self, snapshot: Snapshot[SessionSpec, Pairing], step: Step[Pairing], outcome: Outcome, now: datetime
    ) -> Pairing:
        """
        Return the record after a step that succeeded. Pure.
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
        Return the snapshot after a pairing was written. The commit of a new pairing also notes it in the session's
        document. Pure.
        """
        is_new = snapshot.version is None
        spec = _noted(snapshot.spec) if is_new else snapshot.spec
        return replace(snapshot, record=record, version=version, spec=spec)

    def after(self, snapshot: Snapshot[SessionSpec, Pairing], record: Pairing) -> Snapshot[SessionSpec, Pairing]:
        """
        Return the snapshot as it will be once `record` is written. Pure.
        """
        seen = replace(_noted(snapshot.spec), shown=shown(snapshot.spec, record), left_enrolled=())
        return replace(snapshot, record=record, spec=seen)

    def record_writes(
        self, snapshot: Snapshot[SessionSpec, Pairing], record: Pairing, version: Version | None, now: datetime
    ) -> tuple[Write, ...]:
        """
        Return the write of the pairing, and of a video for each recording that this record takes over. If the session
        was deleted, its recordings are released instead. Pure.
        """
        path = pairing_path(snapshot.key)
        if _has_nothing(version, record):
            # The session has nothing at a provider, so it needs no pairing. Only its mark is written, or, if it was
            # deleted, its enrolments are deleted: see `view_writes`.
            return ()
        if version is None:
            return (Create(path, record.to_fields()), noting(record.identity, snapshot.spec.version))
        taken = (self.recorder.write(record.identity, snapshot.spec, one, now) for one in _taken_over(snapshot, record))
        return (Update(path, record.to_fields(), if_version=version), *taken)

    def follow_ups(self, snapshot: Snapshot[SessionSpec, Pairing], record: Pairing) -> tuple[Task, ...]:
        """
        Return tasks that reconcile the recordings taken over by this record, and that publish what happened. Pure.
        """
        taken = tuple(self.recorder.task(snapshot.key, snapshot.spec, one) for one in _taken_over(snapshot, record))
        return (*taken, *tasks_of(happened(snapshot.key, snapshot.record, record), self.types))

    def view_writes(self, snapshot: Snapshot[SessionSpec, Pairing], record: Pairing) -> tuple[Write, ...]:
        """
        Return the write of `kaltura` in the session's document, or of the session's mark alone, and the deletions of
        the enrolments that a deleted session has left. Pure.
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
        Return tasks for the things of a deleted session, so that they are deleted too. Pure.
        """
        return snapshot.spec.children

    def _children(self, session_id: str, successor: SessionIdentity | None) -> tuple[Task, ...]:
        """
        Return tasks for a deleted session's things that are not yet gone.

        Args:
            session_id: The id of the deleted session.
            successor: The session that has the same id now, if any. Its things are left out.
        """
        of_session = Condition("sessionId", Operator.EQUAL, session_id)
        alive = Condition("gone", Operator.EQUAL, False)
        return tuple(
            Task(queue, thing.id)
            for collection, queue in self.belongings
            for thing in self.documents.select(Query(collection, (of_session, alive)))
            if successor is None or _is_of_another(thing, successor)
        )

    def _left_enrolled(self, session_id: str, successor: SessionIdentity | None) -> tuple[Document, ...]:
        """
        Return enrolments of a deleted session, not necessarily all of them.

        Args:
            session_id: The id of the deleted session.
            successor: The session that has the same id now, if any. Enrolments made since its creation are its own.
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
        # A session with this id may have been created meanwhile, and these may be its enrolments. They belong to the
        # deleted session only if there is still no session.
        (session,) = self.documents.read(session_path(session_id)) if left else (None,)
        return left if session is None else ()


def snapshot_of(key: str, session: Document | None, pairing: Document | None) -> Snapshot[SessionSpec, Pairing]:
    """
    Return the snapshot of a session from its two documents. If the session has another owner or mark than the record,
    the record is not treated as this session's. Pure.
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
    Return the spec as it is once the session's document has its mark and says that it has a pairing: see `noting`.
    """
    identity = None if spec.identity is None else replace(spec.identity, is_marked=True)
    return replace(spec, is_paired=True, identity=identity)


def _has_nothing(version: Version | None, record: Pairing) -> bool:
    return version is None and record.state is PairingState.GONE


def _is_of_another(thing: Document, successor: SessionIdentity) -> bool:
    recorded = SessionIdentity.from_fields(successor.session_id, thing.fields)
    return recorded.belonging(successor) is Belonging.OTHER


def _taken_over(snapshot: Snapshot[SessionSpec, Pairing], record: Pairing) -> list[ExternalIds]:
    """
    Return the recordings that the writing of a record takes over.
    """
    before = () if snapshot.record is None else snapshot.record.recordings
    return [one for one in record.recordings if one not in before]
