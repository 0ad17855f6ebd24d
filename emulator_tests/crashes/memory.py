"""Crash enumeration in memory: break one effect of a story, then lose all tasks.

For cases that the processes of `simulator.py` would cover only more slowly. Faults of the real adapters are tested
there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from enum import StrEnum
from typing import TypeVar

from emulator_tests.memory import undisturbed
from emulator_tests.pure.deployment import Deployment, Killed
from shared.core.errors import BackendError, Doubtful, Transient

T = TypeVar("T")
Story = Callable[[Deployment], object]


class Way(StrEnum):
    """The ways in which an effect fails. Dying after an effect is the same as dying before the next one."""

    KILLED = "killed"
    ANSWER_LOST = "answer lost"
    REFUSED = "refused"


def broken(make: Callable[[], Deployment], story: Story, way: Way) -> Iterator[tuple[int, Deployment]]:
    """
    Play the story once for each of its effects, with that effect broken.

    Args:
        make: Returns a new deployment, in which nothing is broken yet.
        story: The acts to play. It may end early, because its actor dies or is refused.
        way: The way in which the effect fails.

    Yields:
        The number of the effect, and the deployment after the story, undisturbed again and without tasks.
    """
    number = 0
    while True:
        deployment, seen = make(), 0

        def breaking(operation: str, do: Callable[[], T], number: int = number) -> T:
            nonlocal seen
            seen += 1
            if seen - 1 != number:
                return do()
            if way is Way.KILLED:
                raise Killed
            if way is Way.ANSWER_LOST:
                do()
            kind = Doubtful if way is Way.ANSWER_LOST else Transient
            raise kind("It went wrong.", provider="memory", operation=operation, code="HTTP_503")

        deployment.disturb = breaking
        # The story ends early if its actor died, was refused, or did not find what it expected.
        with suppress(Killed, BackendError, AssertionError):
            story(deployment)
        deployment.disturb = undisturbed
        deployment.lose_tasks()
        if seen <= number:
            return
        yield number, deployment
        number += 1
