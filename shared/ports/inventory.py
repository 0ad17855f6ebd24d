"""Everything that exists at a provider or host, by which orphans are found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from shared.ports.grants import ExternalIds


@dataclass(frozen=True, slots=True)
class InventoryItem:
    """
    A provider object made by us: perhaps nobody recorded it.

    Attributes:
        provider: Our name of the provider that has it.
        reference: Under which it was made.
        parts: Its ids, to delete it by.
        created_at: When.
        has_content: Whether it has bytes that were received, or was on the air; a part of a larger thing, whether that
            has. `None` where the list does not tell: then `Orphans.has_content` does.
        is_part: Whether it hangs on another thing of the same reference, and is nothing without that.
        stamp: Whose it is, as it was kept there when it was made; empty where nothing was.
        title: What viewers read, where it has content.
    """

    provider: str
    reference: str
    external_ids: ExternalIds
    created_at: datetime
    has_content: bool | None = None
    is_part: bool = False
    stamp: str = ""
    title: str = ""


class Inventory(Protocol):
    """
    Everything of ours at one provider account, by age. Raises as `Events` does.
    """

    def list_items(self, since: datetime, until: datetime) -> Sequence[InventoryItem]:
        """
        What was created by us in [since, until), oldest first, at most 500. References are as they stand there: whoever
        administers the account may have written anything.
        """
        ...

    def has_content(self, item: InventoryItem) -> bool:
        """
        Return whether a thing has content at this moment, as `Stray.has_content` says it: not from a list that may lag.
        What cannot be told counts as content, what is gone has none. Repeatable, changes nothing.
        """
        ...

    def delete_item(self, item: InventoryItem) -> ExternalIds:
        """
        Delete it. What is gone already counts as deleted. Repeatable.

        Returns:
            What of it is still there afterwards, as `Media.delete_media`.
        """
        ...
