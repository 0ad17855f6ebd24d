"""One effect of a story in memory gone wrong, and all tasks for what was left lost with it.

For what the processes of `simulator.py` would only say more slowly: there the real parts are broken in every way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from enum import StrEnum
from typing import TypeVar

from emulator_tests.fakes import undisturbed
from emulator_tests.pure.deployment import Deployment, Killed
from shared.core.errors import BackendError, Doubtful, Transient

T = TypeVar("T")
Story = Callable[[Deployment], object]


class Way(StrEnum):
    """In what way an effect goes wrong. To die after it is to die before the next one."""

    KILLED = "killed"
    ANSWER_LOST = "answer lost"
    REFUSED = "refused"


def broken(make: Callable[[], Deployment], story: Story, way: Way) -> Iterator[tuple[int, Deployment]]:
    """
    The story played once for each of its effects, the one of that number broken.

    Args:
        make: A new deployment, in which nothing is broken yet.
        story: May end early, as whoever plays it dies or is refused.
        way: In which the effect goes wrong.

    Yields:
        The number, and the deployment as the story has left it: undisturbed again, and with no tasks.
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
        # It has no end where it died, was refused or did not find what it looked for.
        with suppress(Killed, BackendError, AssertionError):
            story(deployment)
        deployment.disturb = undisturbed
        deployment.lose_tasks()
        if seen <= number:
            return
        yield number, deployment
        number += 1
