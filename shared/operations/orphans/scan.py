"""Read what exists at a provider or host, page by page, and tell which orphans have content.

Called by the search for orphans. What documents say about a thing is left to `claims`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from shared.ports import InventoryItem, Places, holder_of
from shared.reconcile.owned import Claim, Claimed

PAGE: Final = 500
BEGINNING: Final = datetime(2020, 1, 1, tzinfo=UTC)

AHEAD: Final = timedelta(days=1)
"""The most by which a provider's clock may be ahead of ours."""


@dataclass(frozen=True, slots=True)
class Scan:
    """
    The reading of all providers and hosts.

    Attributes:
        places: All providers and hosts, with their inventories.
    """

    places: Places

    def pages(self, provider: str, since: datetime, until: datetime) -> Iterator[Sequence[InventoryItem]]:
        """
        Yield everything that was made at a provider in a period, page by page, the oldest first.
        """
        inventory = holder_of(self.places, provider).inventory
        known: set[tuple[str, str]] = set()
        while since < until:
            page = inventory.list_items(since, until)
            new = [one for one in page if _identity(one) not in known]
            known = {_identity(one) for one in page}
            yield new
            if len(page) < PAGE:
                return
            since = max(page[-1].created_at, since + timedelta(seconds=1))

    def orphans_among(self, found: Sequence[Claimed]) -> list[Claimed]:
        """
        Return the orphans among things, each with its `has_content` known. A copy counts as empty if its video's
        document names the original. A part counts as having content if the thing that it belongs to has.
        """
        orphans = [one for one in found if one.claim in (Claim.NOBODY, Claim.SPARE)]
        holding = {(one.item.provider, str(one.reference)) for one in orphans if one.item.has_content}

        def with_content_known(one: Claimed) -> Claimed:
            item = one.item
            if one.claim is Claim.SPARE:
                return replace(one, item=replace(item, has_content=False))
            if item.has_content is not None:
                return one
            holds = (item.provider, str(one.reference)) in holding
            holds = holds or holder_of(self.places, item.provider).inventory.has_content(item)
            return replace(one, item=replace(item, has_content=holds))

        return [with_content_known(one) for one in orphans]


def _identity(item: InventoryItem) -> tuple[str, str]:
    return item.reference, str(sorted(item.external_ids.items()))
