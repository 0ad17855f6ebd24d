"""Check whether things are settled: the part of a full check that is the same for every resource."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from shared.ports import Documents, Query, Queue, Task
from shared.reconcile.backoff import apply_backoff
from shared.reconcile.controller import Controller
from shared.reconcile.deployment import Deployment
from shared.reconcile.model import Record, Snapshot, Step
from shared.reconcile.resource import Mark, Slice

PAGE: Final = 500


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


class EachRecord:
    """
    The full check of a resource whose records are few, or are read with few others: each is read as its Controller
    reads it.

    Args:
        deployment: The deployment.
        collection: The collection of the records.
        controller: Their Controller.
    """

    def __init__(self, deployment: Deployment, collection: str, controller: Controller[Any, Any, Any]) -> None:
        self.phases = (collection,)
        self._documents: Documents = deployment.documents
        self._deployment = deployment
        self._controller = controller

    def go_on(self, mark: Mark, done: Slice) -> Mark | None:
        """
        Check one page of records.
        """
        (collection,) = self.phases
        page = self._documents.select(Query(collection, after_id=mark.after_id, limit=PAGE))
        now = self._deployment.clock()
        for document in page:
            snapshot = self._controller.read(document.id)
            done.enqueued += enqueue_if_unsettled(self._controller, snapshot, self._deployment.queue, now)
        done.looked += len(page)
        return replace(mark, after_id=page[-1].id) if len(page) == PAGE else None
