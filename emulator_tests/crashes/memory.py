"""Crash enumeration in memory: break one effect of a story, then lose all tasks.

For cases that the processes of `simulator.py` would cover only more slowly. Faults of the real adapters are tested
there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import TypeVar

from emulator_tests.crashes.digests import digest
from emulator_tests.crashes.forks import Forks
from emulator_tests.memory import undisturbed
from emulator_tests.pure.deployment import Deployment, Killed
from shared.core.errors import BackendError, Doubtful, Transient

T = TypeVar("T")
Story = Callable[[Deployment], object]
Judge = Callable[[int, Deployment], object]


class Way(StrEnum):
    """The ways in which an effect fails. Dying after an effect is the same as dying before the next one."""

    KILLED = "killed"
    ANSWER_LOST = "answer lost"
    REFUSED = "refused"


def break_each_effect(make: Callable[[], Deployment], story: Story, way: Way, judge: Judge) -> int:
    """
    Play a story, and at each of its effects break that effect in a copy of this process.

    Args:
        make: Returns a new deployment, in which nothing is broken.
        story: The acts to play. In a copy it may end early, because its actor dies or is refused.
        way: The way in which the effect fails.
        judge: Brings the deployment of a copy to its end and judges it, given the number of the effect. It is called
            after the story, when the deployment is undisturbed again and has no tasks. Two copies that are in the same
            state by then would end the same way, so only the first one is judged.

    Returns:
        The number of effects.

    Raises:
        AssertionError: A copy was judged to be wrong, or ended with an error.
    """
    deployment, forks, number = make(), Forks(), 0

    def breaking(operation: str, do: Callable[[], T]) -> T:
        nonlocal number
        if forks.failures or not forks.fork():
            number += 1
            return do()
        deployment.disturb = undisturbed
        if way is Way.KILLED:
            raise Killed
        if way is Way.ANSWER_LOST:
            do()
        kind = Doubtful if way is Way.ANSWER_LOST else Transient
        raise kind("It went wrong.", provider="memory", operation=operation, code="HTTP_503")

    deployment.disturb = breaking
    try:
        with _ending_early(forks):
            story(deployment)
        if forks.is_copy:
            deployment.lose_tasks()
            if forks.is_new(digest(deployment, story, judge)):
                judge(number, deployment)
    except BaseException as error:
        if forks.is_copy:
            forks.end(error)
        raise
    if forks.is_copy:
        forks.end()
    forks.raise_failure()
    return number


@contextmanager
def _ending_early(forks: Forks) -> Iterator[None]:
    """
    Let the story of a copy end early, because its actor died, was refused, or did not find what it expected.
    """
    try:
        yield
    except (Killed, BackendError, AssertionError):
        if not forks.is_copy:
            raise
