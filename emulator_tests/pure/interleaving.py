"""Every order in which workers can move, for workers with few enough effects to try all orders.

Used by the tests of the readiness poller. `races/scheduler.py` runs one worker at a time. The race model draws random
orders instead.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from emulator_tests.memory import BEGIN_AT
from emulator_tests.pure.races.scheduler import Scheduler, Worker

T = TypeVar("T")


class Order:
    """
    One order of moves. A move is one effect, with all that follows it up to the next.
    """

    def __init__(self, scheduler: Scheduler, choices: Sequence[int]) -> None:
        self._scheduler = scheduler
        self._choices = choices
        self._taken: list[tuple[int, int]] = []

    def effect(self, operation: str, do: Callable[[], T]) -> T:  # the shape of every Effect
        """
        Wait for the worker's turn, then make the call. This is the `Effect` of the in-memory ports.
        """
        if self._scheduler.current is not None:
            self._scheduler.pause()
        return do()

    def play(self, *jobs: Callable[[], object]) -> None:
        """
        Run all jobs at once, in this order of moves.
        """
        moving = [Worker(f"worker {number}", _silent(job), BEGIN_AT) for number, job in enumerate(jobs)]
        for worker in moving:
            self._scheduler.resume(worker)
        while moving:
            worker = moving[self._choose(len(moving))] if len(moving) > 1 else moving[0]
            self._scheduler.resume(worker)
            if worker.ended:
                if worker.error is not None:
                    raise worker.error
                moving.remove(worker)

    def following(self) -> Sequence[int] | None:
        """
        Return the choices of the next order, `None` after the last.
        """
        left = list(self._taken)
        while left and left[-1][0] + 1 == left[-1][1]:
            left.pop()
        if not left:
            return None
        *same, (last, _) = left
        return [*(choice for choice, _ in same), last + 1]

    def _choose(self, count: int) -> int:
        turn = len(self._taken)
        choice = self._choices[turn] if turn < len(self._choices) else 0
        self._taken.append((choice, count))
        return choice


def play_every_order(play: Callable[[Order], None]) -> int:
    """
    Call `play` once for each order. It creates its world anew each time, and checks it.

    Returns:
        The number of orders.
    """
    scheduler, played = Scheduler(), 0
    choices: Sequence[int] | None = ()
    while choices is not None:
        order = Order(scheduler, choices)
        play(order)
        played += 1
        choices = order.following()
    return played


def _silent(job: Callable[[], object]) -> Callable[[], None]:
    def do() -> None:
        job()

    return do
