"""The things that a resource makes at providers: what its documents say about each, for the search for orphans.

Each resource that makes things implements `Owned`. The search knows none of them by name.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from shared.core.errors import Conflict, WrongState
from shared.core.history import History
from shared.core.references import Reference
from shared.ports import Document, ExternalIds, InventoryItem, Task, Update

if TYPE_CHECKING:
    from shared.reconcile.deployment import Deployment

Part = tuple[str, str, str]
"""One part of a thing: its provider, the name of the part, the provider's id."""


class Claim(StrEnum):
    """
    The statement of the documents about a thing.

    `NAMED`: a document or a pending deletion names it. `UNDER_WAY`: a document may yet name it. `SPARE`: it is a copy,
    and the document of its original names that, or says that it was deleted. `NOBODY`: no document says anything about
    it.
    """

    NAMED = "named"
    UNDER_WAY = "underWay"
    SPARE = "spare"
    NOBODY = "nobody"


@dataclass(frozen=True, slots=True)
class Claimed:
    """
    A thing, with the statement of the documents about it.

    Attributes:
        item: The thing.
        reference: Its parsed reference.
        claim: The statement.
        document: The document that would name it, as it was read.
    """

    item: InventoryItem
    reference: Reference
    claim: Claim
    document: Document | None


@dataclass(frozen=True, slots=True)
class Missing:
    """
    A document that names a thing that its provider does not have.

    Attributes:
        path: The document's path.
        external_ids: The provider's ids of the missing thing.
    """

    path: str
    external_ids: ExternalIds


@dataclass(frozen=True, slots=True)
class Stored:
    """
    Some of the things in the bucket.

    Attributes:
        items: The things.
        after: Where the next ones begin; `None` if these were the last.
    """

    items: Sequence[InventoryItem] = ()
    after: str | None = None


class Owned(Protocol):
    """
    What a resource says about the things that were made for it. Implementations inherit from it, and leave out methods
    whose default fits.
    """

    @property
    def queue(self) -> str:
        """
        Return the worker that reconciles a document whose thing is missing.
        """
        ...

    def other_paths(self, key: str) -> tuple[str, ...]:
        """
        Return the paths of other documents that `claim` needs. Pure.
        """
        return ()

    def claim(
        self, item: InventoryItem, reference: Reference, document: Document | None, others: Sequence[Document | None]
    ) -> Claim:
        """
        Return what the documents say about a thing. Pure.

        Args:
            item: The thing.
            reference: Its reference.
            document: The document that would name it.
            others: The documents of `other_paths`.
        """
        ...

    def stored(self, deployment: Deployment, after: str) -> Stored:
        """
        Return the next things in the bucket of this deployment, in the order of their names.

        Args:
            deployment: The deployment.
            after: Where to continue; empty for the beginning.

        Raises:
            Transient: The bucket could not be reached (again).
            Misconfigured: It cannot be used (never, until the operator changes it).
        """
        return Stored()

    def missing(
        self, deployment: Deployment, page: Sequence[Document], listed: set[Part], old_enough: datetime
    ) -> list[Missing]:
        """
        Return the documents whose things their provider does not have. What was not listed is looked up by its id
        before it counts as missing, because a list may leave something out.

        Args:
            deployment: The deployment.
            page: Documents of the resource's collection.
            listed: The parts of everything that the providers listed.
            old_enough: Documents that have changed since are not checked.

        Raises:
            Transient: A provider could not be asked (again).
        """
        return []

    def repair(self, deployment: Deployment, document: Document) -> None:
        """
        Have a document reconciled whose thing is missing.

        Raises:
            Transient: The queue could not be reached (again).
        """
        deployment.queue.put(Task(self.queue, document.id))

    def keep_taken(self, deployment: Deployment, orphan: Claimed) -> None:
        """
        Keep the reference of an orphan taken that is not deleted, so that nothing else is made under it. A restored
        database continues with an older generation than its provider has seen. Without this, the next thing would get
        the orphan's own reference, and a search by it would find the orphan. Repeatable.

        Raises:
            Transient: The documents could not be reached (again).
        """
        document, generation = orphan.document, orphan.reference.generation
        if document is None or document.fields["generation"] >= generation or document.fields["claim"] is not None:
            return
        with suppress(Conflict):
            # If another writer writes the record at this moment, the next search does it.
            write = Update(document.path, {"generation": generation}, if_version=document.version)
            deployment.documents.commit(write)

    def adopt(self, deployment: Deployment, orphan: Claimed, external_ids: ExternalIds, session_id: str | None) -> None:
        """
        Give an orphan back to its session: a document names it again, and ordinary reconciliations do the rest.

        Args:
            deployment: The deployment.
            orphan: The orphan.
            external_ids: The ids of all its parts.
            session_id: The session that the operator has named.

        Raises:
            Refused: It cannot be given back (never, or later: the message says which).
            Conflict: Others wrote the same documents (again).
        """
        raise WrongState(
            f"Things of the kind {orphan.reference.kind} cannot be given back. Delete it: --delete-content.",
            reason="ORPHAN_NOT_ADOPTABLE",
        )


def parts_of(provider: str, external_ids: ExternalIds) -> set[Part]:
    """
    Return the parts of a thing. Pure.
    """
    return {(provider, name, part_id) for name, part_id in external_ids.items()}


def is_among(item: InventoryItem, named: Iterable[ExternalIds]) -> bool:
    """
    Tell whether one of several named things is this one, or has it as a part. Pure.
    """
    return any(item.external_ids.items() <= external_ids.items() for external_ids in named)


def is_settled(history: History, old_enough: datetime) -> bool:
    """
    Tell whether a document has been in its state for long enough. Pure.
    """
    return not history or history[-1].at < old_enough
