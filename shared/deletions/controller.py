"""Pending deletions: `pendingDeletions/{deletionId}` names what is still to be deleted at a provider.

Called by `functions/` (the worker, and the callable by which an administrator requeues a deletion). Leaves the choice
of the next step to `decide`, and to `model` the write that releases a thing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import ClassVar, Final

from shared.core import log
from shared.core.callers import Caller, require_admin
from shared.core.errors import Conflict, NotFound, Permanent, Transient, WrongState
from shared.core.paths import RECONCILE_DELETION, deletion_path
from shared.core.references import parse
from shared.deletions import decide as decisions
from shared.deletions.decide import DeletionSpec
from shared.deletions.model import BUCKET, COLD_STORE, FOLDER, KEY, Deletion, DeletionState, Reason, names, requeues_of
from shared.ports import (
    Clock,
    ColdStore,
    Delete,
    Documents,
    ExternalIds,
    InventoryItem,
    Places,
    Queue,
    Storage,
    Update,
    Version,
    Write,
    holder_of,
)
from shared.reconcile import AT_ONCE, Controller, Decision, Snapshot, Step
from shared.reconcile.epoch import Holds, nothing_is_held
from shared.reconcile.slots import enqueue

OBJECTS_AT_ONCE: Final = 200
"""The objects of the bucket that one step deletes, in some ten seconds."""

VERSIONS_AT_ONCE: Final = 50
"""The versions of an object in the cold store that one step deletes."""


@dataclass(frozen=True, slots=True)
class Deletions(Controller[DeletionSpec, Deletion, ExternalIds]):
    """
    The Controller of deletions.

    Attributes:
        documents: Where the documents are stored.
        places: The provider accounts and hosts at which things may have to be deleted.
        holds: Tells whether deletions are held.
        storage: The bucket; `None` if there is none.
        cold_store: Returns the cold store; `None` if there is none.
    """

    queue: ClassVar[str] = RECONCILE_DELETION

    documents: Documents
    places: Places
    holds: Holds = nothing_is_held
    storage: Storage | None = None
    cold_store: Callable[[], ColdStore] | None = None

    def read(self, key: str) -> Snapshot[DeletionSpec, Deletion]:
        """
        Read the deletion, and the document that may name the thing again: one round trip.
        """
        reference = parse(key.rpartition(":")[0])
        document, *keeper = self.documents.read(deletion_path(key), *([] if reference is None else [reference.path]))
        if document is None:
            return Snapshot(key, DeletionSpec(), None, None)
        record = Deletion.from_document(document)
        is_named = any(one is not None and names(one, record.external_ids) for one in keeper)
        spec = DeletionSpec(requeues_of(document.fields), is_named, self.holds())
        return Snapshot(key, spec, record, document.version)

    def decide(
        self, snapshot: Snapshot[DeletionSpec, Deletion], now: datetime, *, observed: bool
    ) -> Decision[Deletion]:
        """
        Return the next step. Pure.
        """
        return decisions.decide(snapshot, now)

    def act(self, snapshot: Snapshot[DeletionSpec, Deletion], step: Step[Deletion], now: datetime) -> ExternalIds:
        """
        Delete the thing, and check that nothing of it is left. A thing that may only be deleted while it is empty is
        kept if it has content.

        Raises:
            Transient: The provider accepted the deletion, but something is left (again).
        """
        record = step.record
        if step.name == decisions.DROP:
            log.deletion_dropped(record.provider, record.reference)
            return {}
        if record.provider == BUCKET:
            return self._delete_folder(record)
        if record.provider == COLD_STORE:
            return self._delete_original(record)
        place = holder_of(self.places, record.provider)
        if record.reason is Reason.STRAY:
            item = InventoryItem(record.provider, record.reference, record.external_ids, record.created_at)
            if record.spares_content and place.inventory.has_content(item):
                log.orphan_spared(record.provider, record.reference)
                return {}
            left = place.inventory.delete_item(item)
        else:
            left = place.keeper.delete_media(record.external_ids)
        if left:
            raise _still_there(record, left)
        return {}

    def _delete_folder(self, record: Deletion) -> ExternalIds:
        """
        Delete the next objects of a folder in the bucket, as many as one task can. All things there have content.

        Raises:
            Transient: Some are left (again).
            Permanent: The folder is not that of the record's reference (never).
        """
        storage = holder_of({} if self.storage is None else {BUCKET: self.storage}, BUCKET)
        reference = parse(record.reference)
        if reference is None or record.external_ids != {FOLDER: reference.path}:
            raise _other_thing(record, BUCKET, "folder")
        if record.spares_content:
            log.orphan_spared(record.provider, record.reference)
            return {}
        found = storage.list_objects(f"{reference.path}/", OBJECTS_AT_ONCE + 1)
        for one in found[:OBJECTS_AT_ONCE]:
            storage.delete(one.name)
        if len(found) > OBJECTS_AT_ONCE:
            raise _more_left(f"{OBJECTS_AT_ONCE} objects of {reference.path} are deleted, and more are left.", BUCKET)
        return {}

    def _delete_original(self, record: Deletion) -> ExternalIds:
        """
        Delete the newest versions of an object in the cold store that no record names, as many as one task can.

        Raises:
            Transient: Some are left (again).
            Permanent: The object is not that of the record's reference (never).
        """
        open_store = holder_of({} if self.cold_store is None else {COLD_STORE: self.cold_store}, COLD_STORE)
        reference = parse(record.reference)
        key = record.external_ids.get(KEY, "")
        if reference is None or key.partition(".")[0] != reference.key:
            raise _other_thing(record, COLD_STORE, "object")
        if record.spares_content:
            log.orphan_spared(record.provider, record.reference)
            return {}
        store = open_store()
        for _ in range(VERSIONS_AT_ONCE):
            found = store.find(key)
            if found is None:
                return {}
            store.delete(found)
        raise _more_left(f"{VERSIONS_AT_ONCE} versions of {key} are deleted, and more are left.", COLD_STORE)

    def settle(
        self, snapshot: Snapshot[DeletionSpec, Deletion], step: Step[Deletion], outcome: ExternalIds, now: datetime
    ) -> Deletion:
        """
        Return the record after a deletion that succeeded. Pure.
        """
        return replace(step.record, gone=True)

    def record_writes(
        self, snapshot: Snapshot[DeletionSpec, Deletion], record: Deletion, version: Version | None, now: datetime
    ) -> tuple[Write, ...]:
        """
        Return the write of the deletion's document, or the deletion of that document once nothing is left to do. Pure.
        """
        path = deletion_path(snapshot.key)
        if version is None:
            raise Conflict(f"There is no {path}.")
        if record.gone:
            return (Delete(path, if_version=version),)
        return (Update(path, record.to_fields(), if_version=version),)


def _still_there(record: Deletion, left: ExternalIds) -> Transient:
    return Transient(
        f"The provider has accepted the deletion and still has: {', '.join(sorted(left))}.",
        provider=record.provider,
        operation="delete",
        code="STILL_THERE",
    )


def requeue_deletion(
    caller: Caller, deletion_id: str, documents: Documents, queue: Queue, clock: Clock
) -> DeletionState:
    """
    Have a deletion retried that is not retried automatically any more.

    Returns:
        Its state before.

    Raises:
        NotAllowed: The caller is not an administrator (never).
        NotFound: There is no such deletion; it may be done (never).
        WrongState: It is still being retried automatically (never).
        Conflict: Another worker wrote it at this moment (again).
    """
    require_admin(caller)
    path = deletion_path(deletion_id)
    (document,) = documents.read(path)
    if document is None:
        raise NotFound(
            "There is no such deletion. It may be done already: its document is deleted then.",
            reason="DELETION_NOT_FOUND",
        )
    state = Deletion.from_document(document).state
    if state is not DeletionState.DEAD:
        raise WrongState(
            "This deletion is still being retried. Nothing needs to be done.", reason="DELETION_NOT_GIVEN_UP"
        )
    spec = {"requeues": requeues_of(document.fields) + 1, "dueAt": AT_ONCE}
    documents.commit(Update(path, spec, if_version=document.version))
    enqueue(queue, RECONCILE_DELETION, deletion_id, clock)
    return state


def _other_thing(record: Deletion, where: str, what: str) -> Permanent:
    return Permanent(
        f"{record.reference} is not the reference of this {what}. Correct the document, or delete it.",
        provider=where,
        operation="delete",
        code="OTHER_THING",
    )


def _more_left(sentence: str, where: str) -> Transient:
    return Transient(sentence, provider=where, operation="delete", code="MORE_LEFT")
