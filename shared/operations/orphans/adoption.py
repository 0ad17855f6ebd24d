"""The adoption of orphans: giving them back to their sessions.

Called by the operator's command. How it is done is left to each resource (`Owned.adopt`): a document names the orphan
again, and ordinary reconciliations do the rest. The thing itself tells which session it belonged to: by the record that
its reference leads to, or by the stamp that was stored with it (`SessionIdentity.stamp`). For things that an earlier
release made, the operator has to say it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from shared.core import log
from shared.core.errors import Conflict, Refused
from shared.core.retry import RetryOnConflict
from shared.operations.orphans.claims import things_by_kind
from shared.ports import ExternalIds, InventoryItem
from shared.reconcile.deployment import Deployment
from shared.reconcile.owned import Claimed
from shared.reconcile.resource import Resource


@dataclass(frozen=True, slots=True)
class Adopted:
    """
    The result for one orphan.

    Attributes:
        item: The orphan.
        path: The document that names it now; `None` if it was not given back.
        sentence: Why it was not given back; empty if it was.
    """

    item: InventoryItem
    path: str | None
    sentence: str = ""


@dataclass(frozen=True, slots=True)
class Adoption:
    """
    The adoption of orphans by their sessions.

    Attributes:
        deployment: The deployment.
        resources: All resources.
    """

    deployment: Deployment
    resources: Sequence[Resource]

    def adopt(
        self, orphans: Sequence[Claimed], wanted: Collection[str] = (), session_id: str | None = None
    ) -> list[Adopted]:
        """
        Give back the orphans that have content. Repeatable: an adopted orphan is no longer one.

        Args:
            orphans: All orphans.
            wanted: Only these references; empty is all.
            session_id: The session to give them to, if they do not name it themselves.

        Raises:
            Transient: Documents, queue or provider could not be reached; the rest are still orphans (again).
        """
        told: list[Adopted] = []
        for one in orphans:
            if not one.item.has_content or one.item.is_part or (wanted and str(one.reference) not in wanted):
                continue
            try:
                path = self._adopt(one, _whole(one, orphans), session_id)
            except (Refused, Conflict) as error:
                told.append(Adopted(one.item, None, str(error)))
                continue
            log.orphan_adopted(one.item.provider, str(one.reference), path)
            told.append(Adopted(one.item, path))
        return told

    def _adopt(self, one: Claimed, external_ids: ExternalIds, session_id: str | None) -> str:
        """
        Give back one orphan.

        Args:
            one: The orphan.
            external_ids: The ids of all its parts.
            session_id: The session that the operator has named.

        Returns:
            The document that names the orphan now.

        Raises:
            Refused: It cannot be given back (never, or later: the message says which).
            Conflict: Others wrote the same documents every time (again).
        """
        things = things_by_kind(self.resources)[one.reference.kind]
        retry = RetryOnConflict("Others write its documents all the time. Try again.")
        while True:
            with retry:
                things.adopt(self.deployment, one, external_ids, session_id)
                return one.reference.path


def _whole(one: Claimed, orphans: Sequence[Claimed]) -> ExternalIds:
    """
    Return the ids of all parts of an orphan: its own, and those of orphans that belong to it.
    """
    hanging = [
        other.item.external_ids
        for other in orphans
        if other.item.is_part and (other.item.provider, str(other.reference)) == (one.item.provider, str(one.reference))
    ]
    external_ids = dict(one.item.external_ids)
    for more in hanging:
        external_ids = {**more, **external_ids}
    return external_ids
