"""The scenarios that are counted: each registers itself, and is played twice, with what it is about and without.

The difference is its usage. So what a deployment does anyway, such as its sweeps, is counted once, by `idle`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from emulator_tests.cost.metered import Metered
from emulator_tests.cost.places import PLACES
from emulator_tests.cost.usage import Counts, minus

PER: Final = 1000
"""The page shows the usage of so many."""

EVERY_S: Final = 1200
"""Seconds from one to the next: some 2,000 a month."""

Play = Callable[[Metered], None]
CpuSeconds = dict[str, list[float]]
Act = tuple[float, Callable[[], object]]


@dataclass(frozen=True, slots=True)
class Scenario:
    """
    Something that a school does.

    Attributes:
        name: Its name.
        title: What is done, for the page.
        place: Where it runs, a name in `PLACES`.
        units: How often it is done while it is counted.
        lasts_s: Virtual seconds until everything has ended.
        play: Does it.
        without: Does everything else, for the difference.
    """

    name: str
    title: str
    place: str
    units: int
    lasts_s: float
    play: Play
    without: Play | None = None

    def count(self, new_place: Callable[[], Any], cpu_s: CpuSeconds | None = None) -> Counts:
        """
        Return the usage of `PER` of them.

        Args:
            new_place: Returns an empty place.
            cpu_s: Gets the CPU seconds of each call.
        """
        played, without = (self._played(play, new_place()) for play in (self.play, self.without))
        for name, seconds in played.cpu_s.items():
            if cpu_s is not None:
                cpu_s.setdefault(name, []).extend(seconds)
        difference = minus(played.end(), without.end())
        return {name: usage * (PER / self.units) for name, usage in difference.items()}

    def _played(self, play: Play | None, place: Any) -> Metered:
        metered = Metered(place)
        ends_at = metered.clock() + timedelta(seconds=self.lasts_s)
        if play is not None:
            play(metered)
        assert metered.clock() <= ends_at, f"{self.name} takes longer than {self.lasts_s} s."
        metered.run((ends_at - metered.clock()).total_seconds())
        return metered


@dataclass(slots=True)
class Registry:
    """
    All scenarios, by name, in the order in which they were registered.
    """

    scenarios: dict[str, Scenario] = field(default_factory=dict)

    def add(
        self, name: str, title: str, *, place: str, units: int, lasts_s: float, without: Play | None = None
    ) -> Callable[[Play], Play]:
        """
        Register a scenario. See `Scenario`.
        """

        def register(play: Play) -> Play:
            self.scenarios[name] = Scenario(name, title, place, units, lasts_s, play, without)
            return play

        return register


REGISTRY: Final = Registry()


def opened(place: str) -> AbstractContextManager[Callable[[], Any]]:
    """
    Open a place by its name.
    """
    found: AbstractContextManager[Callable[[], Any]] = PLACES[place]()
    return found


def act_at(metered: Metered, acts: Sequence[Act]) -> None:
    """
    Do acts at their times, in seconds from now.
    """
    begun_at = metered.clock()
    for at_s, act in sorted(acts, key=lambda one: one[0]):
        metered.run((begun_at + timedelta(seconds=at_s) - metered.clock()).total_seconds())
        act()
