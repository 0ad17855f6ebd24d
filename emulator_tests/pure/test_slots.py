"""A6: tasks of one key merge by time slot. The real `enqueue` on the queue in memory; time is virtual."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import pytest

from emulator_tests.memory import BEGIN_AT, ManualClock, MemoryQueue
from emulator_tests.pure.deployment import SLOT_OVER_S
from shared.core.errors import Transient
from shared.core.paths import RECONCILE_SESSION, RECONCILE_VIDEO
from shared.ports import Task
from shared.reconcile.slots import CLOCKS_APART_S, SLOT_S, enqueue, next_multiple

T = TypeVar("T")


class Changed:
    """
    A thing that is changed, and whose worker reads what it is by then.
    """

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.queue = MemoryQueue(self.clock)
        self.title = 0
        self.changes: list[datetime] = []
        self.reads: list[tuple[datetime, int]] = []

    def change(self, at_s: float, clock_off_s: float = 0.0) -> None:
        """
        Change the title at an instant, as an instance notices whose clock is off by so much.
        """
        self.run_until(at_s)
        self.title += 1
        now = self.clock()
        self.changes.append(now)
        enqueue(self.queue, RECONCILE_SESSION, "s1", lambda: now + timedelta(seconds=clock_off_s))

    def run_until(self, at_s: float) -> None:
        """
        Let the worker work up to an instant.
        """
        self.queue.deliver_until(BEGIN_AT + timedelta(seconds=at_s), self._read)

    def _read(self, task: Task) -> None:
        self.reads.append((self.clock(), self.title))

    def longest_unseen_s(self) -> float:
        """
        How long a change has waited until it, or a later one, was read; fails where one never was.
        """
        waits = []
        for number, changed_at in enumerate(self.changes, 1):
            seen_at = next((at for at, title in self.reads if title >= number), None)
            assert seen_at is not None, f"Change {number} of {changed_at} is lost."
            waits.append(seen_at - changed_at)
        return max(waits).total_seconds()


def test_28_changes_a_second_for_a_minute_make_two_tasks_a_slot() -> None:
    """
    A6.
    """
    thing = Changed()
    for number in range(28 * 60):
        thing.change(number / 28)
    thing.run_until(60 + SLOT_OVER_S)

    of_slot = Counter((at - BEGIN_AT) // timedelta(seconds=SLOT_S) for at, _ in thing.reads)
    assert len(thing.reads) == 2 * 60 / SLOT_S
    assert max(of_slot.values()) == 2
    assert thing.reads[-1][1] == 28 * 60
    assert thing.longest_unseen_s() <= SLOT_OVER_S


def test_the_first_change_is_seen_at_once_and_the_second_just_after_the_slot() -> None:
    """
    A6.
    """
    thing = Changed()
    thing.change(0.5)
    thing.change(1.0)
    thing.run_until(60)

    seen_s = [((at - BEGIN_AT).total_seconds(), title) for at, title in thing.reads]
    assert seen_s == [(0.5, 1), (SLOT_S + CLOCKS_APART_S, 2)]


@pytest.mark.parametrize("off_s", [-CLOCKS_APART_S, 0.0, CLOCKS_APART_S], ids=["behind", "right", "ahead"])
@pytest.mark.parametrize("after_s", [-1.0, -0.1, -0.001, 0.0, 0.001, 0.1, 0.5, 0.999, 1.0, 1.001])
def test_a_change_at_the_border_of_a_slot_is_seen(after_s: float, off_s: float) -> None:
    """
    A6: also where the instance that notices it has a clock that is off, and others have used the slot up.
    """
    thing = Changed()
    thing.change(1)
    thing.change(2)
    thing.change(SLOT_S + after_s, off_s)
    thing.run_until(60)

    assert thing.longest_unseen_s() <= SLOT_OVER_S + CLOCKS_APART_S


@pytest.mark.parametrize("seed", range(20))
def test_nothing_is_lost_whatever_the_clocks_of_instances_say(seed: int) -> None:
    """
    A6: with clocks up to a second off to either side.
    """
    rng = random.Random(seed)
    thing = Changed()
    at_s = 0.0
    for _ in range(400):
        at_s += rng.expovariate(rng.choice((0.3, 3.0, 28.0)))
        thing.change(at_s, rng.uniform(-CLOCKS_APART_S, CLOCKS_APART_S))
    thing.run_until(at_s + 60)

    slots = at_s / SLOT_S + 2
    assert len(thing.reads) <= 2 * slots
    assert thing.longest_unseen_s() <= SLOT_OVER_S + CLOCKS_APART_S


def test_a_change_whose_first_task_fails_is_seen_with_the_next() -> None:
    """
    A6: the change is looked at again at the end of the slot, and not only when the queue tries the first task again.
    """
    thing = Changed()
    thing.change(0)
    assert thing.queue.take() == Task(RECONCILE_SESSION, "s1", once=f"slot {int(BEGIN_AT.timestamp()) // SLOT_S}")
    thing.change(1)
    thing.run_until(60)

    assert thing.longest_unseen_s() <= SLOT_OVER_S


def test_keys_and_workers_have_slots_of_their_own() -> None:
    """
    A6: nobody waits because of what others change.
    """
    thing = Changed()
    for worker, key in ((RECONCILE_SESSION, "s1"), (RECONCILE_SESSION, "s2"), (RECONCILE_VIDEO, "s1")):
        enqueue(thing.queue, worker, key, thing.clock)

    assert [(task.queue, task.key, task.at) for task in thing.queue.waiting()] == [
        (RECONCILE_SESSION, "s1", None),
        (RECONCILE_SESSION, "s2", None),
        (RECONCILE_VIDEO, "s1", None),
    ]


@pytest.mark.parametrize("lost", [1, 2], ids=["the first task", "the one at the end"])
def test_a_queue_that_cannot_be_reached_is_told_to_the_caller(lost: int) -> None:
    """
    A6: who asks again has their change seen.
    """
    thing = Changed()
    calls = 0

    def unreachable(operation: str, do: Callable[[], T]) -> T:
        nonlocal calls
        calls += 1
        if calls == lost:
            raise Transient("Not now.", provider="memory", operation=operation, code="HTTP_503")
        return do()

    thing.queue = MemoryQueue(thing.clock, unreachable)
    if lost == 2:
        thing.change(0)
        calls = 0
    with pytest.raises(Transient):
        thing.change(1)
    thing.change(1.5)
    thing.run_until(60)

    assert thing.longest_unseen_s() <= SLOT_OVER_S


@pytest.mark.parametrize(
    ("now", "seconds", "expected"),
    [
        (datetime(2026, 1, 5, 9, 0, 0, tzinfo=UTC), 30, datetime(2026, 1, 5, 9, 0, 30, tzinfo=UTC)),
        (datetime(2026, 1, 5, 9, 0, 29, 999999, tzinfo=UTC), 30, datetime(2026, 1, 5, 9, 0, 30, tzinfo=UTC)),
        (datetime(2026, 1, 5, 9, 0, 31, tzinfo=UTC), 600, datetime(2026, 1, 5, 9, 10, tzinfo=UTC)),
        (datetime(2026, 1, 5, 23, 59, 59, tzinfo=UTC), 3600, datetime(2026, 1, 6, tzinfo=UTC)),
    ],
    ids=["a multiple", "just before one", "ten minutes", "over midnight"],
)
def test_the_next_multiple_is_after_now_and_in_utc(now: datetime, seconds: int, expected: datetime) -> None:
    at = next_multiple(now, seconds)
    assert (at, at.tzinfo) == (expected, UTC)


def test_the_task_at_the_end_of_a_slot_names_the_slot() -> None:
    thing = Changed()
    for _ in range(3):
        enqueue(thing.queue, RECONCILE_SESSION, "s1", thing.clock)
    slot = int(BEGIN_AT.timestamp()) // SLOT_S
    at = datetime.fromtimestamp((slot + 1) * SLOT_S + CLOCKS_APART_S, UTC)
    assert thing.queue.waiting() == (
        Task(RECONCILE_SESSION, "s1", once=f"slot {slot}"),
        Task(RECONCILE_SESSION, "s1", at, once=f"slot {slot} end"),
    )
    assert [task.at.tzinfo for task in thing.queue.waiting() if task.at is not None] == [UTC]
