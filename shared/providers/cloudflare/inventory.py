"""List everything of this deployment at Cloudflare, by age, for the search for orphans.

Called by `shared/operations/orphans/` through `ports.Inventory`, which decides what is an orphan.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Final

from shared.limits.buckets import Priority
from shared.ports import ExternalIds, InventoryItem
from shared.providers.cloudflare import mapping
from shared.providers.cloudflare.account import NAME, UID, CloudflareAccount, Item

PAGE: Final = 500


@dataclass(frozen=True, slots=True)
class CloudflareInventory:
    """
    Fills `ports.Inventory`.
    """

    account: CloudflareAccount

    def list_items(self, since: datetime, until: datetime) -> Sequence[InventoryItem]:
        """
        See `ports.Inventory`. Things of others in the same account are skipped.
        """
        found = (
            InventoryItem(
                NAME,
                reference,
                {UID: str(video["uid"])},
                made_at,
                has_content=_has_content(video),
                stamp=mapping.of_meta(video, mapping.STAMP),
                title=mapping.of_meta(video, mapping.NAME),
            )
            for video in self.account.at(Priority.BULK).made_in(since, until)
            if (reference := self.account.ours(video)) and (made_at := mapping.instant(video.get("created")))
        )
        return list(islice(found, PAGE))

    def has_content(self, item: InventoryItem) -> bool:
        """
        See `ports.Inventory`.
        """
        video = self.account.at(Priority.BULK).get(item.external_ids[UID])
        return video is not None and _has_content(video)

    def delete_item(self, item: InventoryItem) -> ExternalIds:
        """
        See `ports.Inventory`.
        """
        return self.account.at(Priority.BULK).delete_and_look(item.external_ids[UID])


def _has_content(video: Item) -> bool:
    """
    Tell whether a file has arrived. A file that has arrived in part cannot be read without its address, and it is
    deleted when the address expires.
    """
    return mapping.state_of(video) != mapping.PENDING_UPLOAD
