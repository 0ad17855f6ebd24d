"""Every effect of archiving, replacing and restoring, disturbed once: nothing is lost, and all ends as if undisturbed.

In memory, because the order of effects is what counts here; the contract suites show that the real ports do the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, TypeVar

import pytest

from emulator_tests.pure.archiving import FILM, OTHER_FILM, PLACEHOLDER, Archiving, archiving
from emulator_tests.pure.deployment import Killed
from shared.archive.model import ArchiveState, Target
from shared.core.errors import Doubtful, Transient
from shared.ports import Tier

T = TypeVar("T")

HOUR_S: Final = 3600

HOURS: Final = 3
"""Hours after each wish: everything happens in the first two. Later ones only repeat the third one's effects."""

READS: Final = frozenset({"read", "select", "count", "find", "page", "source", "address", "digest", "total"})
"""The effects that change nothing: it makes no difference whether they are refused or their answer is lost."""


class Fault(StrEnum):
    """
    What happens at one effect: the process dies after it, it is refused, or its answer is lost. A process that dies
    before an effect dies after the one before.
    """

    KILLED_AFTER = "killedAfter"
    REFUSED = "refused"
    ANSWER_LOST = "answerLost"


@dataclass(slots=True)
class Disturbance:
    """
    Disturbs one effect, counted from 1, and looks at everything before each.
    """

    world: Archiving
    at: int = 0
    fault: Fault | None = None
    seen: list[str] = field(default_factory=list)
    is_looking: bool = False

    def __call__(self, operation: str, do: Callable[[], T]) -> T:
        if self.is_looking:
            return do()
        self.look()
        self.seen.append(operation)
        if len(self.seen) != self.at:
            return do()
        match self.fault:
            case Fault.REFUSED:
                raise Transient("Try again later.", provider="memory", operation=operation, code="HTTP_503")
        do()
        if self.fault is Fault.KILLED_AFTER:
            raise Killed
        raise Doubtful("The answer was lost.", provider="memory", operation=operation, code="TIMEOUT")

    def look(self) -> None:
        """
        Require that nothing is lost.
        """
        self.is_looking = True
        try:
            self.world.require_nothing_lost()
        finally:
            self.is_looking = False


def live(world: Archiving, *targets: Target, hours: int = HOURS) -> None:
    """
    Ask for one thing after another, and let each end.
    """
    for target in targets:
        _survive(lambda target=target: world.ask(target, tier=Tier.EXPEDITED))  # type: ignore[misc]  # mypy cannot infer it
        for _ in range(hours):
            _survive(lambda: world.deployment.originals.finish(world.entry.id))
            _survive(lambda: world.deployment.run(HOUR_S))
            _survive(world.sweep)


def _survive(do: Callable[[], None]) -> None:
    with suppress(Killed, Transient):
        do()


STORIES: Final[dict[str, tuple[Target, ...]]] = {
    "archive": (Target.ARCHIVED,),
    "replace": (Target.ARCHIVED, Target.PLACE_HOLDER),
    "restore": (Target.ARCHIVED, Target.PLACE_HOLDER, Target.ARCHIVED),
}


def played(
    story: str, at: int = 0, fault: Fault | None = None, *, is_replaced: bool = False, hours: int = HOURS
) -> Disturbance:
    """
    Play a story, with a disturbance of its last part.
    """
    world = archiving()
    *before, last = STORIES[story]
    live(world, *before)
    if is_replaced:
        world.replaced_outside(OTHER_FILM)
    disturbance = Disturbance(world, at, fault)
    world.deployment.disturb = disturbance
    live(world, last, hours=hours)
    if fault is not None:
        # What was asked for may not have been recorded.
        live(world, last)
    disturbance.look()
    return disturbance


def cases() -> Iterator[tuple[str, int, Fault, bool]]:
    """
    Yield every effect of every story, with every fault that can make a difference.
    """
    for story in STORIES:
        for is_replaced in (False, True):
            for at, operation in enumerate(played(story, is_replaced=is_replaced).seen, 1):
                for fault in Fault:
                    if operation not in READS or fault is Fault.REFUSED:
                        yield story, at, fault, is_replaced


@pytest.mark.parametrize(("story", "at", "fault", "is_replaced"), list(cases()))
def test_nothing_is_lost_and_all_ends_well(story: str, at: int, fault: Fault, is_replaced: bool) -> None:
    world = played(story, at, fault, is_replaced=is_replaced).world
    expected = OTHER_FILM if is_replaced else FILM
    is_held = story == "replace"
    assert world.record.state is (ArchiveState.PLACE_HOLDER if is_held else ArchiveState.ARCHIVED)
    assert world.content() == (PLACEHOLDER.content if is_held else expected)
    world.require_settled()
    assert world.deployment.cold_store.unfinished() <= 1


@pytest.mark.parametrize("is_replaced", [False, True])
@pytest.mark.parametrize("story", STORIES)
def test_more_hours_would_only_repeat_the_last_one(story: str, is_replaced: bool) -> None:
    seen, more = (
        # States are counted every three hours, which changes nothing.
        [one for one in played(story, is_replaced=is_replaced, hours=hours).seen if one != "count"]
        for hours in (HOURS, HOURS + 1)
    )
    another_hour = more[len(seen) :]
    assert another_hour
    assert seen[-len(another_hour) :] == another_hour
