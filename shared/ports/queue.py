"""The task queue."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Task:
    """
    A message that says: something may have changed, reconcile this key.

    Attributes:
        queue: The public name of the worker that runs it, e.g. `reconcileSession`.
        key: The key of the thing to reconcile; never what happened.
        at: Not before this instant; `None` is now.
        once: The key for merging: the queue may merge tasks of one queue and key with the same `once`. `None` never
            merges.
    """

    queue: str
    key: str
    at: datetime | None = None
    once: str | None = None


class Queue(Protocol):
    """
    The task queues: delivery at least once, in no order.
    """

    def put(self, task: Task) -> bool:
        """
        Enqueue a task. Merging with an earlier one is not an error.

        Returns:
            `False` if it merged: a task with the same `once` waits, or existed a short while ago and may have run
                already. Also `False` if the call was repeated because its answer was lost. A task without `once` is
                always new.

        Raises:
            Transient: The queue could not be reached (again).
        """
        ...
