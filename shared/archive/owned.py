"""Find the objects in the cold store that no record names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from shared.archive.model import ORIGINAL
from shared.core.paths import ENTRY_ID, RECONCILE_ARCHIVE
from shared.core.references import Reference
from shared.deletions.model import COLD_STORE, KEY
from shared.ports import Document, InventoryItem
from shared.reconcile.deployment import Deployment
from shared.reconcile.owned import Claim, Owned, Stored


class OriginalThings(Owned):
    """
    The objects in the cold store.
    """

    queue: ClassVar[str] = RECONCILE_ARCHIVE

    def claim(
        self, item: InventoryItem, reference: Reference, document: Document | None, others: Sequence[Document | None]
    ) -> Claim:
        return Claim.NOBODY if document is None else Claim.NAMED

    def stored(self, deployment: Deployment, after: str) -> Stored:
        """
        Return the next objects. Objects with other names than we give are not ours.
        """
        if deployment.cold_store is None:
            return Stored()
        found, following = deployment.cold_store().listed(after)
        items = [
            InventoryItem(COLD_STORE, f"{ORIGINAL}:{entry_id}:{number or 1}", {KEY: one.key}, one.stored_at, True)
            for one in found
            for entry_id, _, number in [one.key.partition(".")]
            if ENTRY_ID.fullmatch(entry_id)
        ]
        return Stored(items, following)
