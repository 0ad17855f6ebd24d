"""The reconcile loop that brings every resource to its spec: read, decide, claim, act, settle, requeue.

Called by the workers and callables of `functions/`, with the `Controller` of each resource. The controllers know the
spec, the next step and the provider; this file knows no provider and no document of theirs.

Correctness rests on these points:

- The claim is a conditional write.
- The lease of a step is longer than its worker can run, so that a worker whose lease has ended is certainly dead. A
  step that runs for long extends its lease (`heartbeat`).
- The state and the reference in the claim are written before the provider is called.
- Settling is conditional on the claim.
- A worker that finds a claim of another one requeues.

Duplicates, reordering, a change of mind and a crash anywhere are therefore the same case: read again.

A spec may be in the record's own document (`videos/{videoId}`), in separate fields that no record writes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from shared.core import log
from shared.core.errors import Conflict, Doubtful, Misconfigured, ProviderError
from shared.core.retry import RetryOnConflict
from shared.ports import Clock, Documents, Queue, Task
from shared.reconcile.backoff import apply_backoff, as_failure, failure_of
from shared.reconcile.controller import Controller
from shared.reconcile.heartbeat import Heartbeat
from shared.reconcile.model import (
    A,
    Claim,
    Done,
    Effect,
    Progress,
    R,
    Record,
    RequeueAt,
    Snapshot,
    Step,
    W,
    with_progress,
)

WORKER_TIMEOUT_S = 60
"""The timeout of callables, and of workers that declare no other, in seconds."""

_OVERTAKEN: Final = "Others changed the same document first. Try again."

STEPS_MAX = 12
"""The most steps of one run of a worker before it requeues."""

RECONCILE_BUDGET_S = 20.0
"""Seconds after which no new step is begun. Together with the slowest provider call it stays below
`WORKER_TIMEOUT_S`."""


TASK_AHEAD_MAX_S = 3600
"""The horizon for tasks, in seconds. The sweep finds what is due later by `dueAt`. Most of it is settled long before,
when a task would only ask the provider once more."""


Mapper = Callable[[Callable[[str], None], Sequence[str]], Iterable[None]]
"""Call a function for each of several keys: `map`, or that of an executor, which runs several at once."""


@dataclass(frozen=True, slots=True)
class Reconciler:
    """
    Brings things to their specs, with the documents and the queue of one deployment.

    Attributes:
        documents: The store of the things' documents.
        queue: Gets the tasks for later.
        clock: Now, in UTC.
        timeout_s: Seconds after which the function that runs this is stopped.
    """

    documents: Documents
    queue: Queue
    clock: Clock
    timeout_s: int = WORKER_TIMEOUT_S

    def reconcile(self, controller: Controller[W, R, A], key: str) -> Snapshot[W, R]:
        """
        Bring one thing as close to its spec as is possible now.

        Each further step in the loop replaces a task for the same key. If the worker dies, the record's `dueAt` keeps
        the work.

        Args:
            controller: The controller of this kind of thing.
            key: The thing's key.

        Returns:
            The last snapshot, in which nothing was left to do at once.

        Raises:
            Transient: The documents or the queue could not be reached (again).
            Conflict: Others wrote first each time (again).
        """
        snapshot = controller.read(key)
        observed = False
        ends_at = self.clock() + timedelta(seconds=RECONCILE_BUDGET_S)
        for _ in range(STEPS_MAX):
            now = self.clock()
            if now > ends_at:
                break
            decided = controller.decide(snapshot, now, observed=observed)
            match apply_backoff(decided, snapshot.record, now):
                case Step() as step:
                    try:
                        observed = self._take(controller, snapshot, step, observed=observed)
                    except Conflict:
                        log.conflict(controller.queue, key, step.name)
                    snapshot = controller.read(key)
                case RequeueAt(at, is_swept):
                    self._enqueue(controller.dependants(snapshot))
                    if not is_swept and not _is_left_to_the_sweep(snapshot.record, at, now):
                        self.queue.put(Task(controller.queue, key, at, once=at.isoformat()))
                    return snapshot
                case Done():
                    try:
                        self._tidy(controller, snapshot, now, observed=observed, backed_off=isinstance(decided, Step))
                    except Conflict:
                        log.conflict(controller.queue, key, "tidy")
                        snapshot = controller.read(key)
                        continue
                    self._enqueue(controller.dependants(snapshot))
                    return snapshot
        self.queue.put(Task(controller.queue, key))
        return snapshot

    def _take(
        self, controller: Controller[W, R, A], snapshot: Snapshot[W, R], step: Step[R], *, observed: bool
    ) -> bool:
        """
        Claim a step, do it, and write its outcome.

        Returns:
            Whether the worker now knows the thing's state at its provider; a failed step tells nothing.
        """
        if step.effect is Effect.WRITE:
            self._settle(controller, snapshot, step.record, self.clock(), observed=observed)
            return observed
        claimed = self._claim(controller, snapshot, step) if step.effect is Effect.CHANGE else snapshot
        job = Heartbeat(self, controller, claimed)
        try:
            with job.keeping(step.lease_s) if step.beats else nullcontext():
                outcome = controller.act(snapshot, step, self.clock())
        except (ProviderError, Misconfigured) as raised:
            now, error = self.clock(), as_failure(raised, step)
            failure = failure_of(error, step, step.record, snapshot.key, now)
            if isinstance(raised, Misconfigured):
                log.step_misconfigured(controller.queue, snapshot.key, step.name, raised)
                # The step counts as not begun: it uses up none of the tries that its record counts.
                left = step.rollback if snapshot.record is None else snapshot.record
            else:
                log.step_failed(
                    controller.queue, snapshot.key, step.name, error, failure.tries, final=failure.retry_at is None
                )
                left = step.record if isinstance(error, Doubtful) else step.rollback
            if failure.alarmed and not _was_alarmed(step):
                log.step_stuck(controller.queue, snapshot.key, step.name, error, failure.tries, failure.since)
            self.settle_claimed(
                controller, job.claimed, with_progress(left, Progress(failure=failure)), now, observed=False
            )
            return observed
        now = self.clock()
        log.step_done(controller.queue, snapshot.key, step.name)
        informed = observed or step.observes
        record = with_progress(controller.settle(snapshot, step, outcome, now), Progress())
        self.settle_claimed(controller, job.claimed, record, now, observed=informed)
        return informed

    def _claim(self, controller: Controller[W, R, A], snapshot: Snapshot[W, R], step: Step[R]) -> Snapshot[W, R]:
        """
        Claim a step, before its provider is called.

        Returns:
            The snapshot with the claim.

        Raises:
            Conflict: Others wrote first (again).
            ValueError: Its lease could end while its worker still runs (never).
        """
        if step.lease_s <= self.timeout_s and not step.beats:
            raise ValueError(
                f"The lease of the step {step.name} of {controller.queue} is {step.lease_s} s. Make it longer than the "
                f"timeout of its worker, {self.timeout_s} s, so that no two workers can do the step at once."
            )
        now = self.clock()
        until = now + timedelta(seconds=step.lease_s)
        progress = Progress(Claim(step.name, until), step.record.progress.failure, due_at=until)
        record = with_progress(step.record, progress)
        version, *_ = self.documents.commit(*controller.record_writes(snapshot, record, snapshot.version, now))
        return controller.claimed(snapshot, record, version)

    def _tidy(
        self,
        controller: Controller[W, R, A],
        snapshot: Snapshot[W, R],
        now: datetime,
        *,
        observed: bool,
        backed_off: bool,
    ) -> None:
        """
        Remove the due time if nothing is left to do, and the failure unless it holds the next step back and clients see
        it. Writes nothing if nothing changes.
        """
        if snapshot.record is not None:
            kept = Progress(failure=snapshot.record.progress.failure if backed_off else None)
            self._settle(controller, snapshot, with_progress(snapshot.record, kept), now, observed=observed)

    def settle_claimed(
        self, controller: Controller[W, R, A], claimed: Snapshot[W, R], record: R, now: datetime, *, observed: bool
    ) -> None:
        """
        Write the outcome of a step. Meanwhile a spec may have been written into the record's own document, or the view
        changed or deleted; neither affects the claim. The outcome is then written anyway, not left until the lease
        ends, and the next read sees the rest.

        Args:
            claimed: The snapshot when the step was begun.
            record: The outcome.

        Raises:
            Conflict: Another writer wrote the record itself (again, after reading again).
        """
        retry = RetryOnConflict(_OVERTAKEN)
        while True:
            with retry:
                self._settle(controller, claimed, record, now, observed=observed)
                return
            again = controller.read(claimed.key)
            if not _is_still_claimed(claimed.record, again.record):
                raise Conflict(_OVERTAKEN)
            claimed = again

    def _settle(
        self, controller: Controller[W, R, A], snapshot: Snapshot[W, R], record: R, now: datetime, *, observed: bool
    ) -> None:
        """
        Write a record with its new due time, and show it to clients in the same commit.
        """
        freed = with_progress(record, Progress(failure=record.progress.failure))
        match apply_backoff(controller.decide(controller.after(snapshot, freed), now, observed=observed), freed, now):
            case Done():
                due_at = None
            case RequeueAt(at):
                due_at = at
            case Step():
                due_at = now
        settled = with_progress(freed, Progress(failure=freed.progress.failure, due_at=due_at))
        views = controller.view_writes(snapshot, settled)
        if settled == snapshot.record and not views:
            return
        writes = controller.record_writes(snapshot, settled, snapshot.version, now)
        self.documents.commit(*writes, *views)
        self._enqueue(controller.follow_ups(snapshot, settled))

    def _enqueue(self, tasks: Iterable[Task]) -> None:
        for task in tasks:
            self.queue.put(task)


def _is_left_to_the_sweep(record: Record | None, at: datetime, now: datetime) -> bool:
    """
    Tell whether what is due at an instant needs no task, because it is far off and the record has the due time. Pure.
    """
    due_at = None if record is None else record.progress.due_at
    return due_at is not None and due_at <= at and at - now > timedelta(seconds=TASK_AHEAD_MAX_S)


def _is_still_claimed(claimed: R | None, present: R | None) -> bool:
    """
    Tell whether a record is as it was when its step was claimed. A spec that is written meanwhile also makes the record
    due, so that the sweep finds it if the task is lost. Pure.
    """
    if claimed is None or claimed.progress.claim is None or present is None:
        return False
    due_at = claimed.progress.due_at
    return with_progress(present, replace(present.progress, due_at=due_at)) == claimed


def _was_alarmed(step: Step[R]) -> bool:
    last = step.record.progress.failure
    return last is not None and (last.step, last.spec) == (step.name, step.spec) and last.alarmed
