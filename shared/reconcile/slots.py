"""Merges the tasks of one key by time slot: however often a thing is changed, its worker is called twice per slot.

`enqueue` is called by triggers and callables, once the change is written; `next_multiple` by the `decide` of whatever
waits for something that tells nobody when it is done. Leaves to the queue that tasks of one name merge, and to the
worker that it reads what there is by then.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from shared.ports import Clock, Queue, Task

SLOT_S: Final = 5
"""
Long enough that the busiest key costs 1,440 tasks an hour, of the 100,000 that a deployment does by default; short
enough that whoever changes a thing twice in a row sees the second change while they still look at it.
"""

CLOCKS_APART_S: Final = 1
"""
The task at the end of a slot comes so much later. An instance whose clock is behind still counts a change to a slot
that is over; the task sees it all the same.
"""


def enqueue(queue: Queue, worker: str, key: str, clock: Clock) -> None:
    """
    Have a worker look at a key: at once for the first change of a slot, just after the slot for all later ones.

    The task at the end is made after the change was written and runs after the slot, so it sees the change, whatever
    becomes of the first task. Slots are counted from the epoch, so that all instances agree on them.

    Args:
        queue: For the task.
        worker: Its public name, e.g. `reconcileSession`.
        key: The key to look at.
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
    Return the next instant that is a multiple of so many seconds, on which those who wait from different times agree.
    Pure.
    """
    epoch_s = int(now.timestamp())
    return datetime.fromtimestamp(epoch_s - epoch_s % seconds + seconds, UTC)
