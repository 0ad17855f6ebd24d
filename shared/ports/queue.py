"""The task queue."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Task:
    """
    "Something may have changed: look at this key."

    Attributes:
        queue: The public name of the worker that will look, e.g. `reconcileSession`.
        key: What to look at; never what happened.
        at: Not before this instant; `None` is now.
        once: Tasks of one queue and key with the same `once` may be merged by the queue. `None` never merges.
    """

    queue: str
    key: str
    at: datetime | None = None
    once: str | None = None


class Queue(Protocol):
    """
    Tasks for workers; at least once, in no order.
    """

    def put(self, task: Task) -> bool:
        """
        Enqueue a task. One that merges with an earlier one is no error.

        Returns:
            `False` where it merged: a task of its `once` waits, or existed a short while ago and may have come already.
            Also where the call was repeated because its answer was lost. A task without `once` is always new.

        Raises:
            Transient: The queue could not be reached (again).
        """
        ...
