"""The inventory of a provider or host: everything of ours that exists there, to find orphans."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from shared.ports.grants import ExternalIds


@dataclass(frozen=True, slots=True)
class InventoryItem:
    """
    A thing of ours at a provider, which may be an orphan.

    Attributes:
        provider: Our name of the provider that has it.
        reference: The reference under which it was made.
        external_ids: Its ids, to delete it by.
        created_at: When it was created.
        has_content: Whether bytes of it were received, or it was broadcast; for a part of a larger thing, whether the
            larger thing has content. `None` if the list does not tell: then ask `Inventory.has_content`.
        is_part: Whether it belongs to another thing of the same reference, and is useless without it.
        stamp: The stamp that was stored with it when it was made (`SessionIdentity.stamp`); empty if none was.
        title: The title that viewers read, if it has content.
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
        Return the items that we created in [since, until), oldest first, at most 500. References are unparsed: the
        administrator of the account may have written anything there.
        """
        ...

    def has_content(self, item: InventoryItem) -> bool:
        """
        Tell whether a thing has content at this moment, in the sense of `InventoryItem.has_content`, and not from a
        list that may lag. Returns `True` if the provider does not tell, `False` if the thing is gone. Repeatable,
        changes nothing.
        """
        ...

    def delete_item(self, item: InventoryItem) -> ExternalIds:
        """
        Delete an item. One that is gone already counts as deleted. Repeatable.

        Returns:
            The external ids of what still exists afterwards, as in `Media.delete_media`.
        """
        ...
