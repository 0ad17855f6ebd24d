"""Write records of earlier releases in the present form.

Called by the operator's command `migrate`. Workers read every earlier form, and write the present one whenever they
write a record; so nothing waits for a migration. It lets a later release stop reading the oldest forms.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from shared.core.errors import Conflict
from shared.ports import Document, Documents, Query
from shared.reconcile.model import SCHEMA_VERSION
from shared.reconcile.resource import Resource

if TYPE_CHECKING:
    from shared.reconcile.deployment import Deployment

PAGE: Final = 200
"""The documents that are read at once."""

VERSION: Final = "schemaVersion"


class Outcome(StrEnum):
    """
    What became of a record.
    """

    CURRENT = "current"
    """It had the present form."""

    WRITTEN = "written"
    """It was written in the present form; in a dry run: it would be."""

    BUSY = "busy"
    """A worker was at it. It writes the present form, or the next run does."""

    NEWER = "newer"
    """A newer release has written it. It was left as it is."""


@dataclass(slots=True)
class Migrated:
    """
    How many records of each collection had which outcome.
    """

    counts: dict[str, dict[Outcome, int]] = field(default_factory=dict)

    def add(self, collection: str, outcome: Outcome) -> None:
        """
        Count one record.
        """
        of_collection = self.counts.setdefault(collection, dict.fromkeys(Outcome, 0))
        of_collection[outcome] += 1

    def total(self, outcome: Outcome) -> int:
        """
        Return the number of records with an outcome.
        """
        return sum(of_collection[outcome] for of_collection in self.counts.values())


@dataclass(frozen=True, slots=True)
class Migration:
    """
    Writes the records of a deployment in the present form, each on condition that nobody else has written it.

    Attributes:
        deployment: The deployment.
        resources: All its resources.
        is_dry: Whether nothing is written.
    """

    deployment: Deployment
    resources: Sequence[Resource]
    is_dry: bool = False

    def total(self) -> int:
        """
        Return how many records there are. Raises as `run`.
        """
        return sum(self.deployment.documents.count(Query(one.collection)) for one in self.resources)

    def run(self, tell: Callable[[str], None] = lambda _: None) -> Migrated:
        """
        Go through all records once. Repeating it does no harm, and goes on after an interruption.

        Args:
            tell: Called with the collection of each record that was looked at.

        Raises:
            Transient: The documents could not be reached (again).
            Misconfigured: A resource has records, and its settings were removed (never, until they are set).
        """
        migrated = Migrated()
        for resource in self.resources:
            migrated.counts[resource.collection] = dict.fromkeys(Outcome, 0)
            for document in _all(self.deployment.documents, resource.collection):
                migrated.add(resource.collection, self._migrate(resource, document))
                tell(resource.collection)
        return migrated

    def _migrate(self, resource: Resource, document: Document) -> Outcome:
        outcome = outcome_of(document.fields.get(VERSION))
        if outcome is not Outcome.WRITTEN:
            return outcome
        # Only here, because a resource that is not set up has neither records nor a Controller.
        controller, now = self.deployment.get(resource.open), self.deployment.clock()
        snapshot = controller.read(document.id)
        if snapshot.record is None:
            # It was deleted meanwhile.
            return Outcome.CURRENT
        claim = snapshot.record.progress.claim
        if claim is not None and claim.until > now:
            return Outcome.BUSY
        if self.is_dry:
            return outcome
        try:
            self.deployment.documents.commit(
                *controller.record_writes(snapshot, snapshot.record, snapshot.version, now)
            )
        except Conflict:
            return Outcome.BUSY
        return outcome


def outcome_of(version: object) -> Outcome:
    """
    Return what is to become of a record, by its `schemaVersion`. Pure.
    """
    if version == SCHEMA_VERSION:
        return Outcome.CURRENT
    # Releases before 0.1.0 wrote none.
    is_newer = isinstance(version, int) and version > SCHEMA_VERSION
    return Outcome.NEWER if is_newer else Outcome.WRITTEN


def _all(documents: Documents, collection: str) -> Iterable[Document]:
    after_id: str | None = None
    while page := documents.select(Query(collection, after_id=after_id, limit=PAGE)):
        yield from page
        after_id = page[-1].id
