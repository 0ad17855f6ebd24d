"""The inventory port in memory."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from emulator_tests.memory.effect import Effect, undisturbed
from emulator_tests.memory.hosts import has_bytes
from emulator_tests.memory.live import MadeEvent, MemoryEvents
from emulator_tests.memory.videos import PAGE_ITEMS_MAX, MadeMedia, MemoryMedia
from shared.ports import ExternalIds, InventoryItem


class MemoryInventory:
    """
    The inventory port over the in-memory events and videos of one account.
    """

    def __init__(self, events: MemoryEvents | None, media: MemoryMedia, effect: Effect = undisturbed) -> None:
        self._events = events
        self._media = media
        self._effect = effect

    def list_items(self, since: datetime, until: datetime) -> Sequence[InventoryItem]:
        def do() -> Sequence[InventoryItem]:
            made: list[MadeEvent | MadeMedia] = [*self._media.alive()]
            if self._events is not None:
                made = [*self._events.alive(), *made]
            found = [
                InventoryItem(
                    self._media.name,
                    one.reference,
                    dict(one.external_ids),
                    one.created_at,
                    has_content=self._has_content(one),
                    stamp=one.spec.stamp,
                    title=one.spec.title,
                )
                for one in made
                if since <= one.created_at < until
            ]
            return sorted(found, key=lambda item: item.created_at)[:PAGE_ITEMS_MAX]

        return self._effect("strays", do)

    def has_content(self, item: InventoryItem) -> bool:
        def do() -> bool:
            made: list[MadeEvent | MadeMedia] = [*self._media.alive()]
            if self._events is not None:
                made = [*self._events.alive(), *made]
            mine = (one for one in made if item.external_ids.items() <= one.external_ids.items())
            return any(self._has_content(one) for one in mine)

        return self._effect("has_content", do)

    def _has_content(self, made: MadeEvent | MadeMedia) -> bool:
        if isinstance(made, MadeMedia):
            return has_bytes(made.observation)
        return self._events is not None and self._events.was_on_air(made.external_ids)

    def delete_item(self, item: InventoryItem) -> ExternalIds:
        def do() -> ExternalIds:
            for part_id in item.external_ids.values():
                if self._events is not None:
                    self._events.vanish(part_id)
                self._media.vanish(part_id)
            return {}

        return self._effect("delete_stray", do)
