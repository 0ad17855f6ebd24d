"""A deployment with all its resources, and what goes through them: its workers, the sweep, the search for orphans.

Called by `functions/wiring.py`, and by tests that run use cases. The caller chooses the adapters; this file knows none
of them. What each resource needs, it builds itself: `app.get(build)`, with a function of its `resource.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from shared.reconcile import Controller, Mapper
from shared.reconcile.deployment import Deployment
from shared.reconcile.resource import Resource
from shared.reconcile.traces import Trace
from shared.registry import BELONGINGS, RECORDER, RESOURCES, TRACES, WORKERS

if TYPE_CHECKING:
    from shared.operations.orphans import Orphans
    from shared.operations.orphans.adoption import Adoption
    from shared.operations.sweep import Sweep


@dataclass
class App(Deployment):
    """
    A deployment with all its resources. See `Deployment`.
    """

    _: KW_ONLY
    traces: Sequence[Trace] = TRACES
    belongings: Sequence[tuple[str, str]] = BELONGINGS
    recorder: Callable[[Any], Any] = RECORDER
    resources: Sequence[Resource] = RESOURCES

    def controller(self, queue: str) -> Controller[Any, Any, Any]:
        """
        Return the Controller of the resource that a queue's worker reconciles.

        Raises:
            ValueError: No resource has this queue (never).
        """
        for resource in self.resources:
            if resource.worker.queue == queue:
                return self.get(resource.open)
        raise ValueError(f"No resource is reconciled by a worker named {queue}.")

    @cached_property
    def orphans(self) -> Orphans:
        """
        Finds and releases orphans.
        """
        from shared.operations.orphans import Orphans

        return Orphans(self, self.resources)

    @cached_property
    def adoption(self) -> Adoption:
        """
        Gives orphans back to their sessions.
        """
        from shared.operations.orphans.adoption import Adoption

        return Adoption(self, self.resources)

    @cached_property
    def sweep(self) -> Sweep:
        """
        Finds what was lost.
        """
        from shared.operations.sweep import Sweep

        return Sweep(self, self.resources, self.orphans)

    def work(self, queue: str, key: str, each: Mapper = map) -> None:
        """
        Do a task of a queue.

        Args:
            queue: The name of the queue.
            key: The key of the task.
            each: Runs the reconciliations of several things of one task.

        Raises:
            Transient, Conflict: It is not finished (again).
            ValueError: There is no such queue (never).
        """
        worker = WORKERS.get(queue)
        if worker is None:
            raise ValueError(f"There is no worker {queue}.")
        if worker.work is not None:
            worker.work(self, key, each)
        else:
            self.reconciler(worker.timeout_s).reconcile(self.controller(queue), key)
