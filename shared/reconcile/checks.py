"""Check whether things are settled: the part of a full check that is the same for every resource."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from shared.ports import Queue, Task
from shared.reconcile.backoff import apply_backoff
from shared.reconcile.controller import Controller
from shared.reconcile.model import Record, Snapshot, Step


def enqueue_if_unsettled(
    controller: Controller[Any, Any, Any], snapshot: Snapshot[Any, Any], queue: Queue, now: datetime
) -> int:
    """
    Enqueue a thing that has a step to do, for which there may be no task. When to observe it, the record itself says.

    Returns:
        The number of tasks enqueued.

    Raises:
        Transient: The queue could not be reached (again).
    """
    record: Record | None = snapshot.record
    decision = apply_backoff(controller.decide(snapshot, now, observed=False), record, now)
    if not isinstance(decision, Step) or decision.name in controller.polls:
        return 0
    queue.put(Task(controller.queue, snapshot.key))
    return 1
