"""The Controller of transfers: the documents that a transfer reads and writes, and the tasks that it enqueues.

Called by the reconciler. Leaves the choice of the next step to `decide`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import ClassVar, Final

from shared.core.errors import Conflict
from shared.core.identity import Belonging, SessionIdentity
from shared.core.paths import (
    COPIES,
    DELETIONS,
    ENROLMENTS,
    RECONCILE_ADMISSION,
    RECONCILE_COPY,
    RECONCILE_SESSION,
    RECONCILE_TRANSFER,
    admission_key,
    admission_path,
    pairing_path,
    session_path,
    transfer_path,
)
from shared.ports import (
    REMOVE,
    Condition,
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
from shared.sessions.model import Pairing, PairingState
from shared.sessions.session import Session
from shared.transfers import decide as decisions
from shared.transfers.decide import TransferSpec
from shared.transfers.model import Transfer, TransferState

PAGE: Final = 450
"""Documents of one page. With the transfer's own document and the session they stay below the 500 that Firestore writes
at once."""

_HAS_KEY: Final = (PairingState.READY, PairingState.RETIRING, PairingState.DELETING)
"""The states of an event whose stream key a former owner may know."""


@dataclass(frozen=True, slots=True)
class Transfers(Controller[TransferSpec, Transfer, None]):
    """
    The Controller of transfers.

    Attributes:
        documents: Where the documents are stored.
        events: The provider of live events.
        belongings: The collections of things that belong to sessions, each with the queue that reconciles them.
    """

    queue: ClassVar[str] = RECONCILE_TRANSFER

    documents: Documents
    events: Events
    belongings: Sequence[tuple[str, str]] = ()

    def read(self, key: str) -> Snapshot[TransferSpec, Transfer]:
        """
        Read the transfer, its session and event, and the documents that still name a former owner.
        """
        job, found, pairing = self.documents.read(transfer_path(key), session_path(key), pairing_path(key))
        if job is None:
            return Snapshot(key, TransferSpec(), None, None)
        record = Transfer.from_document(job)
        session = None if found is None else Session.from_document(found)
        if session is None or record.session.belonging(session.identity) is Belonging.OTHER:
            return Snapshot(key, TransferSpec(), record, job.version)
        spec = TransferSpec(
            is_there=True,
            is_owned=session.owner_uid == record.session.owner_uid,
            shown=session.former_owner_uids,
            version=session.version,
            event=_event_of(session, pairing),
        )
        if spec.is_owned and spec.shown == record.former_owner_uids:
            spec = replace(
                spec,
                page=self._page(key, record),
                following=(*self._following(record, session.identity, pairing), *self._held(record, session)),
            )
        return Snapshot(key, spec, record, job.version)

    def decide(
        self, snapshot: Snapshot[TransferSpec, Transfer], now: datetime, *, observed: bool
    ) -> Decision[Transfer]:
        """
        Return the next step. Pure.
        """
        return decisions.decide(snapshot, now)

    def act(self, snapshot: Snapshot[TransferSpec, Transfer], step: Step[Transfer], now: datetime) -> None:
        """
        Rotate the stream key, so that the former owner's key stops working.
        """
        if snapshot.spec.event is not None:
            self.events.rotate_stream_key(snapshot.spec.event)

    def settle(
        self, snapshot: Snapshot[TransferSpec, Transfer], step: Step[Transfer], outcome: None, now: datetime
    ) -> Transfer:
        """
        Return the record after the key was rotated. Pure.
        """
        return replace(step.record, is_key_rotated=True)

    def after(self, snapshot: Snapshot[TransferSpec, Transfer], record: Transfer) -> Snapshot[TransferSpec, Transfer]:
        """
        Return the snapshot as it will be once `record` is written, as far as that is known. Pure.
        """
        return replace(snapshot, record=record, spec=replace(snapshot.spec, shown=record.former_owner_uids))

    def record_writes(
        self, snapshot: Snapshot[TransferSpec, Transfer], record: Transfer, version: Version | None, now: datetime
    ) -> tuple[Write, ...]:
        """
        Return the write of the transfer's document, with the page of documents that moves in the same commit. A
        transfer that is done is deleted instead. Pure.
        """
        path = transfer_path(snapshot.key)
        if version is None:
            raise Conflict(f"There is no {path}.")
        if record.state is TransferState.DONE:
            return (Delete(path, if_version=version),)
        has_moved = snapshot.record is not None and record.moved != snapshot.record.moved
        return (Update(path, record.to_fields(), if_version=version), *(snapshot.spec.page if has_moved else ()))

    def view_writes(self, snapshot: Snapshot[TransferSpec, Transfer], record: Transfer) -> tuple[Write, ...]:
        """
        Return the write of the former owners into the session's document, or of their removal once there are none.
        Pure.
        """
        spec, former = snapshot.spec, record.former_owner_uids
        if not (spec.is_there and spec.is_owned) or spec.shown == former:
            return ()
        shown = {"formerOwnerUids": list(former) if former else REMOVE}
        return (Update(session_path(snapshot.key), shown, if_version=spec.version),)

    def dependants(self, snapshot: Snapshot[TransferSpec, Transfer]) -> tuple[Task, ...]:
        """
        Return tasks for the things that take over the owner of their session when they are reconciled. Pure.
        """
        return snapshot.spec.following

    def _page(self, session_id: str, record: Transfer) -> tuple[Write, ...]:
        """
        Return the writes that give the next enrolments and pending deletions their new owner. No reconciliation does
        that for them.
        """
        found: list[Document] = []
        for collection in (ENROLMENTS, DELETIONS):
            for uid in record.former_owner_uids:
                if len(found) < PAGE:
                    left = Query(collection, _naming(session_id, uid), limit=PAGE - len(found))
                    found += self.documents.select(left)
        return tuple(Update(one.path, {"ownerUid": record.session.owner_uid}) for one in found)

    def _following(self, record: Transfer, session: SessionIdentity, pairing: Document | None) -> tuple[Task, ...]:
        """
        Return tasks for the event, the belongings and the copies of the session that still name a former owner.
        """
        tasks: list[Task] = []
        if pairing is not None and _lags(pairing, session):
            tasks.append(Task(RECONCILE_SESSION, session.session_id))
        alive = Condition("gone", Operator.EQUAL, False)
        for uid in record.former_owner_uids:
            named = _naming(session.session_id, uid)
            belonging = [(queue, Query(collection, (*named, alive))) for collection, queue in self.belongings]
            for queue, query in (*belonging, (RECONCILE_COPY, Query(COPIES, named))):
                tasks += [Task(queue, one.id) for one in self.documents.select(query) if _lags(one, session)]
        return tuple(tasks)

    def _held(self, record: Transfer, session: Session) -> tuple[Task, ...]:
        """
        Return tasks for the admissions that former owners have as moderators, which they are not any more.
        """
        former = [uid for uid in record.former_owner_uids if not session.moderates(uid)]
        read = self.documents.read(*(admission_path(admission_key(session.id, uid)) for uid in former))
        held = [one for one in read if one is not None and one.fields["isModerator"]]
        return tuple(Task(RECONCILE_ADMISSION, one.id) for one in held)


def _naming(session_id: str, uid: str) -> tuple[Condition, ...]:
    return (Condition("sessionId", Operator.EQUAL, session_id), Condition("ownerUid", Operator.EQUAL, uid))


def _lags(thing: Document, session: SessionIdentity) -> bool:
    """
    Tell whether a thing belongs to this very session and still names another owner.
    """
    identity = SessionIdentity.from_fields(session.session_id, thing.fields)
    return identity.belonging(session) is Belonging.SAME and identity.owner_uid not in ("", session.owner_uid)


def _event_of(session: Session, pairing: Document | None) -> ExternalIds | None:
    record = None if pairing is None else Pairing.from_document(pairing)
    if record is None or record.state not in _HAS_KEY or not record.external_ids:
        return None
    return None if record.identity.belonging(session.identity) is Belonging.OTHER else record.external_ids
