"""Merge the tasks of one key by time slot: however often a thing changes, its worker is called twice per slot.

Triggers and callables call `enqueue` after they have written a change. The `decide` of a resource calls `next_multiple`
if it waits for something that sends no signal when it is done. The queue merges tasks of one name, and the worker reads
the documents as they are then.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from shared.ports import Clock, Queue, Task

SLOT_S: Final = 5
"""
The length of a slot in seconds. It is long enough that the busiest key costs 1,440 tasks an hour, of the 100,000 that a
deployment does by default. It is short enough that a person who changes a thing twice in a row soon sees the second
change.
"""

CLOCKS_APART_S: Final = 1
"""
Seconds by which the task at the end of a slot is late. An instance whose clock is behind still counts a change to a
slot that is over; the task sees that change too.
"""


def enqueue(queue: Queue, worker: str, key: str, clock: Clock) -> None:
    """
    Enqueue a task for a key: at once for the first change of a slot, just after the slot for all later ones.

    The later task is enqueued after the change was written and runs after the slot, so it sees the change even if the
    first task is lost. Slots are counted from the Unix epoch, so that all instances agree on them.

    Args:
        queue: Gets the task.
        worker: The worker's public name, e.g. `reconcileSession`.
        key: The key to reconcile.
        clock: Now, in UTC; read here, after the change was written.

    Raises:
        Transient: The queue could not be reached (again).
    """
    slot = int(clock().timestamp()) // SLOT_S
    if not queue.put(Task(worker, key, once=f"slot {slot}")):
        at = datetime.fromtimestamp((slot + 1) * SLOT_S + CLOCKS_APART_S, UTC)
        queue.put(Task(worker, key, at, once=f"slot {slot} end"))


def next_multiple(now: datetime, seconds: int) -> datetime:
    """
    Return the next instant that is a multiple of so many seconds, so that tasks from different times merge. Pure.
    """
    epoch_s = int(now.timestamp())
    return datetime.fromtimestamp(epoch_s - epoch_s % seconds + seconds, UTC)
