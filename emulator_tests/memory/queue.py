"""The queue port in memory."""

from __future__ import annotations

import itertools
import threading
from bisect import insort
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from emulator_tests.memory.clock import ManualClock
from emulator_tests.memory.effect import Effect, undisturbed
from shared.core.errors import BackendError
from shared.ports import Task

DELIVERIES_MAX: Final = 10_000


@dataclass(frozen=True, slots=True, order=True)
class _Waiting:
    at: datetime
    number: int
    task: Task = field(compare=False)
    tries: int = field(compare=False, default=0)


class MemoryQueue:
    """
    The queue port in memory.

    Tasks wait in the order of their time. Named tasks are merged as in Cloud Tasks: the name of a task that has run is
    still taken.

    Attributes:
        dropped: Tasks that failed `tries_max` times.
    """

    def __init__(
        self, clock: ManualClock, effect: Effect = undisturbed, *, tries_max: int = 5, retry_s: float = 1.0
    ) -> None:
        self.dropped: list[Task] = []
        self._clock = clock
        self._effect = effect
        self._tries_max = tries_max
        self._retry_s = retry_s
        self._lock = threading.Lock()
        self._waiting: list[_Waiting] = []
        self._names: set[tuple[str, str, str]] = set()
        self._numbers = itertools.count()

    def put(self, task: Task) -> bool:
        def do() -> bool:
            with self._lock:
                if task.once is not None:
                    name = (task.queue, task.key, task.once)
                    if name in self._names:
                        return False
                    self._names.add(name)
                insort(self._waiting, _Waiting(task.at or self._clock(), next(self._numbers), task))
                return True

        return self._effect("put", do)

    def waiting(self) -> tuple[Task, ...]:
        """
        Return the waiting tasks, soonest first.
        """
        with self._lock:
            return tuple(one.task for one in self._waiting)

    def take(self, index: int = 0) -> Task:
        """
        Remove one of the waiting tasks, for tests that deliver, reorder or lose tasks themselves.

        Raises:
            IndexError: There is no such task (never).
        """
        with self._lock:
            return self._waiting.pop(index).task

    def deliver_due(self, deliver: Callable[[Task], object]) -> int:
        """
        Deliver every task that is due, and those that are enqueued meanwhile.

        A task that ends with one of our errors is delivered again later, with a pause that doubles.

        Returns:
            The number of deliveries.

        Raises:
            AssertionError: Tasks keep enqueueing tasks without end.
        """
        return self.deliver_until(self._clock(), deliver)

    def deliver_until(self, until: datetime, deliver: Callable[[Task], object]) -> int:
        """
        Deliver every task up to an instant. The clock moves to each task's time, and to that instant at the end.
        """
        deliveries = 0
        while (one := self._next(until)) is not None:
            deliveries += 1
            assert deliveries <= DELIVERIES_MAX, f"Tasks for {one.task.queue} enqueue tasks without end."
            self._clock.move_to(max(one.at, self._clock()))
            try:
                deliver(one.task)
            except BackendError:
                self._again(one)
        self._clock.move_to(max(until, self._clock()))
        return deliveries

    def _next(self, until: datetime) -> _Waiting | None:
        with self._lock:
            if not self._waiting or self._waiting[0].at > until:
                return None
            return self._waiting.pop(0)

    def _again(self, one: _Waiting) -> None:
        tries = one.tries + 1
        with self._lock:
            if tries >= self._tries_max:
                self.dropped.append(one.task)
                return
            at = self._clock() + timedelta(seconds=self._retry_s * 2 ** (tries - 1))
            insort(self._waiting, replace(one, at=at, number=next(self._numbers), tries=tries))
