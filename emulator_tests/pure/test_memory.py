"""What the in-memory parts do beyond their ports, for the tests that are built on them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

import pytest

from emulator_tests.memory import BEGIN_AT, ManualClock, MemoryDocuments, MemoryEvents, MemoryQueue
from shared.core.errors import Doubtful, Transient
from shared.ports import Create, EventSpec, Task, Update

T = TypeVar("T")

WISH = EventSpec("Opening lecture", None, None)


class Late:
    """
    Keeps every call of one operation, to be done later.
    """

    def __init__(self, operation: str) -> None:
        self.kept: list[Callable[[], object]] = []
        self._operation = operation

    def __call__(self, operation: str, do: Callable[[], T]) -> T:
        if operation != self._operation:
            return do()
        self.kept.append(do)
        raise Doubtful("The answer was lost.", provider="memory", operation=operation, code="TIMEOUT")


def _enqueue(key: str, after_s: float | None = None, once: str | None = None) -> Task:
    return Task("reconcileSession", key, None if after_s is None else BEGIN_AT + timedelta(seconds=after_s), once)


def _refuse(task: Task) -> None:
    raise Transient("Not now.", provider="worker", operation=task.queue, code="REFUSED")


def test_a_call_that_is_kept_commits_when_it_is_done() -> None:
    late = Late("create_event")
    events = MemoryEvents(ManualClock(), late)

    with pytest.raises(Doubtful):
        events.create_event("session:s1:1", WISH)
    assert events.find_event("session:s1:1") == {}

    late.kept[0]()
    assert events.find_event("session:s1:1") == events.alive()[0].external_ids


def test_a_write_that_is_kept_writes_what_was_handed_in_then() -> None:
    late = Late("commit")
    documents = MemoryDocuments(late)
    fields = {"list": [1]}

    with pytest.raises(Doubtful):
        documents.commit(Create("things/a", fields))
    fields["list"].append(2)
    with pytest.raises(Doubtful):
        documents.commit(Update("things/a", fields))
    late.kept[0]()

    (document,) = documents.read("things/a")
    assert document is not None
    assert document.fields == {"list": [1]}


def test_every_document_there_is_can_be_listed() -> None:
    documents = MemoryDocuments()
    documents.commit(Create("things/b", {}), Create("things/a", {}), Create("things/a/below/c", {}))

    assert documents.paths() == ("things/a", "things/a/below/c", "things/b")


def test_tasks_are_delivered_in_the_order_of_their_time_and_the_clock_goes_along() -> None:
    clock = ManualClock()
    queue = MemoryQueue(clock)
    seen: list[tuple[str, float]] = []
    for task in (_enqueue("later", 20), _enqueue("now"), _enqueue("soon", 10), _enqueue("too late", 31)):
        queue.put(task)

    deliveries = queue.deliver_until(
        BEGIN_AT + timedelta(seconds=30), lambda task: seen.append((task.key, (clock() - BEGIN_AT).total_seconds()))
    )

    assert deliveries == 3
    assert seen == [("now", 0), ("soon", 10), ("later", 20)]
    assert clock() == BEGIN_AT + timedelta(seconds=30)
    assert [task.key for task in queue.waiting()] == ["too late"]


def test_tasks_enqueued_during_delivery_are_delivered() -> None:
    queue = MemoryQueue(ManualClock())
    seen: list[str] = []

    def deliver(task: Task) -> None:
        seen.append(task.key)
        if task.key == "first":
            queue.put(_enqueue("second"))
            queue.put(_enqueue("another day", 86_400))

    queue.put(_enqueue("first"))
    queue.deliver_due(deliver)

    assert seen == ["first", "second"]
    assert [task.key for task in queue.waiting()] == ["another day"]


def test_a_task_that_is_always_refused_is_dropped_after_its_last_try() -> None:
    clock = ManualClock()
    queue = MemoryQueue(clock, tries_max=3, retry_s=10)
    queue.put(_enqueue("s1"))

    assert queue.deliver_until(BEGIN_AT + timedelta(seconds=29), _refuse) == 2
    assert queue.deliver_until(BEGIN_AT + timedelta(seconds=31), _refuse) == 1
    assert (queue.dropped, queue.waiting()) == ([_enqueue("s1")], ())


def test_unexpected_error_ends_the_delivery() -> None:
    queue = MemoryQueue(ManualClock())
    queue.put(_enqueue("s1"))

    with pytest.raises(ZeroDivisionError):
        queue.deliver_due(lambda task: len(task.key) // 0)


def test_tasks_that_leave_tasks_without_end_are_found_out() -> None:
    queue = MemoryQueue(ManualClock())
    queue.put(_enqueue("s1"))

    with pytest.raises(AssertionError, match="without end"):
        queue.deliver_due(queue.put)


def test_a_waiting_task_can_be_taken_out_of_turn() -> None:
    queue = MemoryQueue(ManualClock())
    queue.put(_enqueue("first", 1, once="1"))
    queue.put(_enqueue("second", 2))

    assert queue.take(1).key == "second"
    assert queue.take().key == "first"
    queue.put(_enqueue("first", 1, once="1"))
    assert queue.waiting() == ()


def test_a_clock_does_not_go_backwards() -> None:
    clock = ManualClock()
    clock.advance(2.5)
    assert clock() == BEGIN_AT + timedelta(seconds=2.5)

    with pytest.raises(ValueError, match="backwards"):
        clock.move_to(BEGIN_AT)
