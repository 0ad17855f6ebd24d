"""Everything of this deployment at Cloudflare, by age, for a search to compare with what is recorded.

Called by `shared/operations/orphans/` through `ports.Orphans`. Leaves to it what is an orphan.
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
    Fills `ports.Orphans`.
    """

    account: CloudflareAccount

    def list_items(self, since: datetime, until: datetime) -> Sequence[InventoryItem]:
        """
        See `ports.Orphans`. What others have in the same account is passed over.
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
        See `ports.Orphans`.
        """
        video = self.account.at(Priority.BULK).get(item.external_ids[UID])
        return video is not None and _has_content(video)

    def delete_item(self, item: InventoryItem) -> ExternalIds:
        """
        See `ports.Orphans`.
        """
        return self.account.at(Priority.BULK).delete_and_look(item.external_ids[UID])


def _has_content(video: Item) -> bool:
    """
    Whether a file has arrived. Of one that has arrived in part nothing can be had without its address, and what was
    sent of it goes when that expires.
    """
    return mapping.state_of(video) != mapping.PENDING_UPLOAD
