"""The events port in memory."""

from __future__ import annotations

import itertools
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from emulator_tests.memory.effect import Effect, undisturbed
from emulator_tests.memory.grants import playback_grant
from shared.core.errors import Permanent, Transient
from shared.ports import (
    MANIFEST_URL,
    PROGRESSIVE_URL,
    THUMBNAIL_URL,
    Broadcast,
    Clock,
    EventIds,
    EventSpec,
    ExternalIds,
    Grant,
    Ingest,
    Refusal,
)


@dataclass(frozen=True, slots=True)
class MadeEvent:
    """
    An event at the in-memory provider.
    """

    reference: str
    spec: EventSpec
    external_ids: ExternalIds
    created_at: datetime


class MemoryEvents:
    """
    The events port in memory. An event has two external ids, `entryId` and `eventId`.

    Attributes:
        refuses: Returns why the second part can never be made for a spec, or `None` if it can.
    """

    name = "memory"

    def __init__(self, clock: Clock, effect: Effect = undisturbed) -> None:
        self.refuses: Callable[[EventSpec], Refusal | None] = lambda _: None
        self._clock = clock
        self._effect = effect
        self._lock = threading.Lock()
        self._made: list[MadeEvent] = []
        self._live: set[str] = set()
        self._aired: set[str] = set()
        self._recorded: set[str] = set()
        self._keys: dict[str, str] = {}
        self._numbers = itertools.count(1)

    def alive(self) -> tuple[MadeEvent, ...]:
        """
        Return every event of which a part is left, oldest first.
        """
        with self._lock:
            return tuple(self._made)

    def vanish(self, part_id: str) -> None:
        """
        Delete one part, as if from outside this project.
        """
        with self._lock:
            self._remove({part_id})

    def was_on_air(self, external_ids: ExternalIds) -> bool:
        """
        Tell whether an encoder ever sent to an event.
        """
        with self._lock:
            return not self._aired.isdisjoint(external_ids.values())

    def create_event(self, reference: str, spec: EventSpec) -> EventIds:
        def do() -> EventIds:
            with self._lock:
                return self._create(reference, spec)

        return self._effect("create_event", do)

    def find_event(self, reference: str) -> ExternalIds:
        def do() -> ExternalIds:
            with self._lock:
                return next((dict(made.external_ids) for made in self._made if made.reference == reference), {})

        return self._effect("find_event", do)

    def update_event(self, reference: str, external_ids: ExternalIds, spec: EventSpec) -> EventIds:
        def do() -> EventIds:
            with self._lock:
                for index, made in enumerate(self._made):
                    if "entryId" not in made.external_ids and set(made.external_ids.values()) & set(
                        external_ids.values()
                    ):
                        del self._made[index]
                        return EventIds({})
                    if set(made.external_ids.values()) & set(external_ids.values()):
                        outcome = self._outcome({**self._new_parts(), **made.external_ids}, spec, made.external_ids)
                        self._made[index] = replace(made, spec=spec, external_ids=outcome.external_ids)
                        return outcome
                return EventIds({})

        return self._effect("update_event", do)

    def delete_event(self, external_ids: ExternalIds) -> Broadcast:
        def do() -> Broadcast:
            with self._lock:
                if external_ids.get("entryId") in self._live:
                    raise Transient("It is live.", provider="memory", operation="delete_event", code="LIVE")
                self._remove(set(external_ids.values()))
                return Broadcast(is_live=False, recordings=self._recordings(external_ids))

        return self._effect("delete_event", do)

    def observe_broadcast(self, external_ids: ExternalIds) -> Broadcast | None:
        def do() -> Broadcast | None:
            with self._lock:
                entry_id = external_ids["entryId"]
                if not any(made.external_ids.get("entryId") == entry_id for made in self._made):
                    return None
                return Broadcast(entry_id in self._live, self._recordings(external_ids))

        return self._effect("observe_broadcast", do)

    def ingest(self, external_ids: ExternalIds) -> Ingest:
        def do() -> Ingest:
            with self._lock:
                self._require(external_ids, "ingest")
                key = self._keys.setdefault(external_ids["entryId"], secrets.token_hex(4))
                return Ingest(f"memory://ingest?t={key}", None, f"{external_ids['entryId']}_%i", key)

        return self._effect("ingest", do)

    def rotate_stream_key(self, external_ids: ExternalIds) -> Ingest:
        def do() -> None:
            with self._lock:
                self._require(external_ids, "rotate_stream_key")
                self._keys[external_ids["entryId"]] = secrets.token_hex(4)

        self._effect("rotate_stream_key", do)
        return self.ingest(external_ids)

    def broadcast(self, external_ids: ExternalIds, *, is_live: bool, records: bool = True) -> None:
        """
        Let an encoder begin to send, or stop. What it sends is recorded.
        """
        with self._lock:
            entry_id = external_ids["entryId"]
            if is_live:
                self._live.add(entry_id)
                self._aired.add(entry_id)
            else:
                self._live.discard(entry_id)
            if is_live and records:
                self._recorded.add(entry_id)

    def playback_grant(
        self, external_ids: ExternalIds, viewer_uid: str, lifetime_s: int, revocation_id: str | None = None
    ) -> Grant:
        names = (MANIFEST_URL, PROGRESSIVE_URL, THUMBNAIL_URL)
        return playback_grant(self._clock(), lifetime_s, external_ids["entryId"], *names, revocation_id=revocation_id)

    def _recordings(self, external_ids: ExternalIds) -> tuple[ExternalIds, ...]:
        entry_id = external_ids.get("entryId", "")
        return ({"entryId": f"{entry_id}-recorded"},) if entry_id in self._recorded else ()

    def _require(self, external_ids: ExternalIds, operation: str) -> None:
        if not any(made.external_ids.get("entryId") == external_ids["entryId"] for made in self._made):
            raise Permanent("It is gone.", provider="memory", operation=operation, code="ENTRY_ID_NOT_FOUND")

    def _create(self, reference: str, spec: EventSpec) -> EventIds:
        outcome = self._outcome(self._new_parts(), spec, {})
        self._made.append(MadeEvent(reference, spec, outcome.external_ids, self._clock()))
        return outcome

    def _outcome(self, external_ids: ExternalIds, spec: EventSpec, known: ExternalIds) -> EventIds:
        """
        Return the parts of an event for this spec. A refused part exists only if it existed before.
        """
        refusal = self.refuses(spec)
        if refusal is None:
            return EventIds(dict(external_ids))
        there = {name: id_ for name, id_ in external_ids.items() if name != "eventId" or name in known}
        return EventIds(there, {"eventId": refusal})

    def _new_parts(self) -> ExternalIds:
        number = next(self._numbers)
        return {"entryId": f"0_live{number}", "eventId": f"event{number}"}

    def _remove(self, part_ids: set[str]) -> None:
        left = (
            replace(made, external_ids={name: id_ for name, id_ in made.external_ids.items() if id_ not in part_ids})
            for made in self._made
        )
        self._made = [made for made in left if made.external_ids]
