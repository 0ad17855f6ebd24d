"""The host port in memory."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from emulator_tests.memory.effect import Effect, undisturbed
from emulator_tests.memory.grants import playback_grant
from emulator_tests.memory.videos import PAGE_ITEMS_MAX
from shared.ports import (
    MANIFEST_URL,
    PROGRESSIVE_URL,
    THUMBNAIL_URL,
    Clock,
    ExternalIds,
    Grant,
    InventoryItem,
    MediaState,
    Observation,
    Source,
    Stage,
)


@dataclass(frozen=True, slots=True)
class MadeCopy:
    """
    A copy at an in-memory host.
    """

    reference: str
    source: str
    external_ids: ExternalIds
    created_at: datetime
    observation: Observation


class MemoryHost:
    """
    The host port in memory. A copy has the external id `copyId`.

    Args:
        waits: Whether the host waits for bytes, in three pieces per video. Otherwise it fetches the video itself, and a
            test sets its progress (`show`).
    """

    PIECES: Final = 3

    def __init__(self, clock: Clock, effect: Effect = undisturbed, *, name: str = "host", waits: bool = False) -> None:
        self.name = name
        self._clock = clock
        self._effect = effect
        self._waits = waits
        self._lock = threading.Lock()
        self._made: dict[str, MadeCopy] = {}
        self._numbers = itertools.count(1)

    def alive(self) -> tuple[MadeCopy, ...]:
        """
        Return every copy, oldest first.
        """
        with self._lock:
            return tuple(self._made.values())

    def show(self, external_ids: ExternalIds, observation: Observation) -> None:
        """
        Set what a copy is observed as from now on.
        """
        with self._lock:
            self._made[external_ids["copyId"]] = replace(self._made[external_ids["copyId"]], observation=observation)

    def vanish(self, part_id: str) -> None:
        """
        Delete a copy, as if from outside this project.
        """
        with self._lock:
            self._made.pop(part_id, None)

    def begin_copy(self, reference: str, source: Source) -> ExternalIds:
        def do() -> ExternalIds:
            with self._lock:
                external_ids = {"copyId": f"{self.name}-copy{next(self._numbers)}"}
                begun = (
                    Observation(MediaState.AWAITING_UPLOAD, 0, Stage.RECEIVING, received_bytes=0)
                    if self._waits
                    else Observation(MediaState.PROCESSING, 0)
                )
                self._made[external_ids["copyId"]] = MadeCopy(reference, source.url, external_ids, self._clock(), begun)
                return dict(external_ids)

        return self._effect("begin_copy", do)

    def find_copy(self, reference: str) -> ExternalIds:
        def do() -> ExternalIds:
            with self._lock:
                return next((dict(one.external_ids) for one in self._made.values() if one.reference == reference), {})

        return self._effect("find_copy", do)

    def observe_copy(self, external_ids: ExternalIds) -> Observation:
        def do() -> Observation:
            with self._lock:
                made = self._made.get(external_ids["copyId"])
                return Observation(MediaState.GONE) if made is None else made.observation

        return self._effect("observe_copy", do)

    def send_more(self, external_ids: ExternalIds, source: Source) -> Observation:
        def do() -> Observation:
            with self._lock:
                made = self._made.get(external_ids["copyId"])
                if made is None:
                    return Observation(MediaState.GONE)
                received = (made.observation.received_bytes or 0) + 1
                seen = (
                    Observation(MediaState.READY, 100)
                    if received >= self.PIECES
                    else replace(made.observation, received_bytes=received, percent=100 * received // self.PIECES)
                )
                self._made[external_ids["copyId"]] = replace(made, observation=seen)
                return seen

        return self._effect("send_more", do)

    def delete_media(self, external_ids: ExternalIds) -> ExternalIds:
        def do() -> ExternalIds:
            with self._lock:
                self._made.pop(external_ids["copyId"], None)
                return {}

        return self._effect("delete_media", do)

    def playback_grant(self, external_ids: ExternalIds, lifetime_s: int) -> Grant:
        names = (PROGRESSIVE_URL,) if self._waits else (MANIFEST_URL, THUMBNAIL_URL)
        return playback_grant(self._clock(), lifetime_s, external_ids["copyId"], *names)

    def list_items(self, since: datetime, until: datetime) -> Sequence[InventoryItem]:
        def do() -> Sequence[InventoryItem]:
            with self._lock:
                made = (one for one in self._made.values() if since <= one.created_at < until)
                found = [
                    InventoryItem(
                        self.name,
                        one.reference,
                        one.external_ids,
                        one.created_at,
                        has_content=has_bytes(one.observation),
                    )
                    for one in made
                ]
                return found[:PAGE_ITEMS_MAX]

        return self._effect("strays", do)

    def has_content(self, item: InventoryItem) -> bool:
        def do() -> bool:
            with self._lock:
                made = self._made.get(item.external_ids["copyId"])
                return made is not None and has_bytes(made.observation)

        return self._effect("has_content", do)

    def delete_item(self, item: InventoryItem) -> ExternalIds:
        return self.delete_media(item.external_ids)


def has_bytes(seen: Observation) -> bool:
    """
    Tell whether the host has any bytes of a copy.
    """
    return seen.state is not MediaState.AWAITING_UPLOAD or bool(seen.received_bytes)
