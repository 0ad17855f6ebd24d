"""Originals that an operator archives, with a placeholder in their place, and brings back."""

from __future__ import annotations

from functools import partial
from typing import Final, cast

from emulator_tests.cost.metered import OPERATOR, Instance, Metered
from emulator_tests.cost.places import DAY_S, MemoryPlace
from emulator_tests.cost.scenario import REGISTRY
from shared.archive.commands import Request
from shared.archive.model import By, Target
from shared.archive.resource import commands
from shared.ports import Entry, Tier

UNITS: Final = 25
FILM: Final = b"the film that a teacher has uploaded" * 100
HOUR_S: Final = 3600
ARCHIVED_WITHIN_H: Final = 6
BACK_WITHIN_H: Final = 24


def originals(metered: Metered, *, archives: bool, brings_back: bool) -> None:
    """
    Make entries, archive them, and bring them back.
    """
    place = cast(MemoryPlace, metered.place)
    place.open(metered.documents, metered.queue, metered.clock)
    entries = [place.originals.add(FILM) for _ in range(UNITS)]
    _all(metered, entries, Target.PLACE_HOLDER, hours=ARCHIVED_WITHIN_H, is_done=archives)
    _all(metered, entries, Target.ARCHIVED, hours=BACK_WITHIN_H, is_done=brings_back)


def _all(metered: Metered, entries: list[Entry], target: Target, *, hours: int, is_done: bool) -> None:
    place = cast(MemoryPlace, metered.place)
    for entry in entries if is_done else ():
        (now,) = [one for one in place.originals.alive() if one.id == entry.id]
        request = Request(target, By.OPERATOR, tier=Tier.BULK)
        metered.call(OPERATOR, partial(_ask, entry=now, request=request, provider=place.media.name))
    for _ in range(hours):
        for entry in entries:
            place.originals.finish(entry.id)
        metered.run(HOUR_S)
    if is_done:
        held = [place.originals.content(entry.id) != FILM for entry in entries]
        assert set(held) == {target is Target.PLACE_HOLDER}, f"Not all entries have got to {target}."


def _ask(instance: Instance, entry: Entry, request: Request, provider: str) -> None:
    instance.app.get(commands).ask(provider, entry, request)


@REGISTRY.add(
    "archived",
    "originals archived, a placeholder in their place",
    place="memory",
    units=UNITS,
    lasts_s=2 * DAY_S,
    without=partial(originals, archives=False, brings_back=False),
)
def archived(metered: Metered) -> None:
    """Play it."""
    originals(metered, archives=True, brings_back=False)


@REGISTRY.add(
    "restored",
    "archived originals brought back",
    place="memory",
    units=UNITS,
    lasts_s=2 * DAY_S,
    without=partial(originals, archives=True, brings_back=False),
)
def restored(metered: Metered) -> None:
    """Play it."""
    originals(metered, archives=True, brings_back=True)
