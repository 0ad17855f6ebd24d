"""Find the objects in the bucket that no record names. A media that has a record deletes its objects by itself."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar, Final

from shared.core.paths import RECONCILE_SLIDES, SLIDES
from shared.core.references import Reference
from shared.deletions.model import BUCKET, FOLDER
from shared.ports import Document, InventoryItem
from shared.reconcile.deployment import Deployment
from shared.reconcile.owned import Claim, Owned, Stored
from shared.slides.model import MEDIA

LISTED: Final = 500
"""Objects that are listed at once. The rest of the last media's objects is skipped."""

AFTER_FOLDER: Final = chr(ord("/") + 1)
"""The character after the slash: a list that continues at a folder with this character skips what is in the folder."""


class MediaThings(Owned):
    """
    The objects of shared live media.
    """

    queue: ClassVar[str] = RECONCILE_SLIDES

    def claim(
        self, item: InventoryItem, reference: Reference, document: Document | None, others: Sequence[Document | None]
    ) -> Claim:
        return Claim.NOBODY if document is None else Claim.NAMED

    def stored(self, deployment: Deployment, after: str) -> Stored:
        """
        Return the next media that have objects. A media is as old as the newest of its objects that was listed.
        """
        if deployment.storage is None:
            return Stored()
        found = deployment.storage.list_objects(f"{SLIDES}/", LISTED, after)
        newest: dict[str, datetime] = {}
        for one in found:
            media_id = one.name.split("/")[1]
            newest[media_id] = max(one.created_at, newest.get(media_id, one.created_at))
        items = [
            InventoryItem(BUCKET, f"{MEDIA}:{media_id}:1", {FOLDER: f"{SLIDES}/{media_id}"}, made_at, has_content=True)
            for media_id, made_at in newest.items()
        ]
        return Stored(items, None if len(found) < LISTED else items[-1].external_ids[FOLDER] + AFTER_FOLDER)
