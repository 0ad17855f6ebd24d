"""The reconcile loop that brings every resource to its spec: read, decide, claim, act, settle, requeue.

Called by the workers and callables of `functions/`, with the `Controller` of each resource. The controllers know the
spec, the next step and the provider; this file knows no provider and no document of theirs.

Correctness rests on these points:

- The claim is a conditional write.
- The lease is longer than any function can run, so that a worker whose lease has ended is certainly dead.
- The state and the reference in the claim are written before the provider is called.
- Settling is conditional on the claim.
- A worker that finds a claim of another one requeues.

Duplicates, reordering, a change of mind and a crash anywhere are therefore the same case: read again.

A spec may be in the record's own document (`videos/{videoId}`), in separate fields that no record writes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from shared.core import log
from shared.core.errors import Conflict, Doubtful, ProviderError
from shared.ports import Clock, Documents, Queue, Task
from shared.reconcile.backoff import apply_backoff, failure_of
from shared.reconcile.controller import Controller
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
)

WORKER_TIMEOUT_S = 60
"""The timeout of every worker and callable, in seconds; `functions/` declares it."""

LEASE_S = 90
"""The length of a lease in seconds; longer than any worker can run."""

STEPS_MAX = 12
"""The most steps of one run of a worker before it requeues."""

SETTLES_MAX = 5
"""The number of times that the outcome of a step is written, if each time a spec was written into the same document
meanwhile."""

RECONCILE_BUDGET_S = 20.0
"""Seconds after which no new step is begun. Together with the slowest provider call it stays below
`WORKER_TIMEOUT_S`."""


TASK_AHEAD_MAX_S = 3600
"""The horizon for tasks, in seconds. The sweep finds what is due later by `dueAt`. Most of it is settled long before,
when a task would only ask the provider once more."""


Mapper = Callable[[Callable[[str], None], Sequence[str]], Iterable[None]]
"""Call a function for each of several keys: `map`, or that of an executor, which runs several at once."""


def reconcile(
    controller: Controller[W, R, A], key: str, documents: Documents, queue: Queue, clock: Clock
) -> Snapshot[W, R]:
    """
    Bring one thing as close to its spec as is possible now.

    Each further step in the loop replaces a task for the same key. If the worker dies, the record's `dueAt` keeps the
    work.

    Args:
        controller: The controller of this kind of thing.
        key: The thing's key.
        documents: The store of its documents.
        queue: Gets the tasks for later.
        clock: Now, in UTC.

    Returns:
        The last snapshot, in which nothing was left to do at once.

    Raises:
        Transient: The documents or the queue could not be reached (again).
        Conflict: Others wrote first each time (again).
    """
    snapshot = controller.read(key)
    observed = False
    ends_at = clock() + timedelta(seconds=RECONCILE_BUDGET_S)
    for _ in range(STEPS_MAX):
        now = clock()
        if now > ends_at:
            break
        decided = controller.decide(snapshot, now, observed=observed)
        match apply_backoff(decided, snapshot.record, now):
            case Step() as step:
                try:
                    observed = _take(controller, snapshot, step, documents, queue, clock, observed=observed)
                except Conflict:
                    log.conflict(controller.queue, key, step.name)
                snapshot = controller.read(key)
            case RequeueAt(at, is_swept):
                for task in controller.dependants(snapshot):
                    queue.put(task)
                if not is_swept and not _is_left_to_the_sweep(snapshot.record, at, now):
                    queue.put(Task(controller.queue, key, at, once=at.isoformat()))
                return snapshot
            case Done():
                try:
                    _tidy(
                        controller,
                        snapshot,
                        documents,
                        queue,
                        now,
                        observed=observed,
                        backed_off=isinstance(decided, Step),
                    )
                except Conflict:
                    log.conflict(controller.queue, key, "tidy")
                    snapshot = controller.read(key)
                    continue
                for task in controller.dependants(snapshot):
                    queue.put(task)
                return snapshot
    queue.put(Task(controller.queue, key))
    return snapshot


def _is_left_to_the_sweep(record: Record | None, at: datetime, now: datetime) -> bool:
    """
    Tell whether what is due at an instant needs no task, because it is far off and the record has the due time. Pure.
    """
    due_at = None if record is None else record.progress.due_at
    return due_at is not None and due_at <= at and at - now > timedelta(seconds=TASK_AHEAD_MAX_S)


def _take(
    controller: Controller[W, R, A],
    snapshot: Snapshot[W, R],
    step: Step[R],
    documents: Documents,
    queue: Queue,
    clock: Clock,
    *,
    observed: bool,
) -> bool:
    """
    Claim a step, do it, and write its outcome.

    Returns:
        Whether the worker now knows the thing's state at its provider; a failed step tells nothing.
    """
    if step.effect is Effect.WRITE:
        _settle(controller, snapshot, step.record, documents, queue, clock(), observed=observed)
        return observed
    claimed = snapshot
    if step.effect is Effect.CHANGE:
        now = clock()
        until = now + timedelta(seconds=LEASE_S)
        record = _with(step.record, Progress(Claim(step.name, until), step.record.progress.failure, due_at=until))
        version, *_ = documents.commit(*controller.record_writes(snapshot, record, snapshot.version, now))
        claimed = controller.claimed(snapshot, record, version)
    try:
        outcome = controller.act(snapshot, step, clock())
    except ProviderError as error:
        now = clock()
        left = step.record if isinstance(error, Doubtful) else step.rollback
        failure = failure_of(error, step, step.record, snapshot.key, now)
        log.step_failed(controller.queue, snapshot.key, step.name, error, failure.tries, final=failure.retry_at is None)
        if failure.alarmed and not _was_alarmed(step):
            log.step_stuck(controller.queue, snapshot.key, step.name, error, failure.tries, failure.since)
        _settle_claimed(
            controller, claimed, _with(left, Progress(failure=failure)), documents, queue, now, observed=False
        )
        return observed
    now = clock()
    log.step_done(controller.queue, snapshot.key, step.name)
    informed = observed or step.observes
    record = _with(controller.settle(snapshot, step, outcome, now), Progress())
    _settle_claimed(controller, claimed, record, documents, queue, now, observed=informed)
    return informed


def _was_alarmed(step: Step[R]) -> bool:
    last = step.record.progress.failure
    return last is not None and (last.step, last.spec) == (step.name, step.spec) and last.alarmed


def _tidy(
    controller: Controller[W, R, A],
    snapshot: Snapshot[W, R],
    documents: Documents,
    queue: Queue,
    now: datetime,
    *,
    observed: bool,
    backed_off: bool,
) -> None:
    """
    Remove the due time if nothing is left to do, and the failure unless it holds the next step back and clients see it.
    Writes nothing if nothing changes.
    """
    if snapshot.record is not None:
        kept = Progress(failure=snapshot.record.progress.failure if backed_off else None)
        _settle(controller, snapshot, _with(snapshot.record, kept), documents, queue, now, observed=observed)


def _settle_claimed(
    controller: Controller[W, R, A],
    claimed: Snapshot[W, R],
    record: R,
    documents: Documents,
    queue: Queue,
    now: datetime,
    *,
    observed: bool,
) -> None:
    """
    Write the outcome of a step. Meanwhile a spec may have been written into the record's own document, or the view
    changed or deleted; neither affects the claim. The outcome is then written anyway, not left until the lease ends,
    and the next read sees the rest.

    Args:
        claimed: The snapshot when the step was begun.
        record: The outcome.

    Raises:
        Conflict: Another writer wrote the record itself (again, after reading again).
    """
    for _ in range(SETTLES_MAX):
        try:
            _settle(controller, claimed, record, documents, queue, now, observed=observed)
            return
        except Conflict:
            again = controller.read(claimed.key)
            if claimed.record is None or claimed.record.progress.claim is None or again.record is None:
                raise
            # A write of a spec also makes the record due, so that the sweep finds it if the task is lost.
            due_at = claimed.record.progress.due_at
            if _with(again.record, replace(again.record.progress, due_at=due_at)) != claimed.record:
                raise
            claimed = again
    raise Conflict("Others changed the same document at every try. Try again.")


def _settle(
    controller: Controller[W, R, A],
    snapshot: Snapshot[W, R],
    record: R,
    documents: Documents,
    queue: Queue,
    now: datetime,
    *,
    observed: bool,
) -> None:
    """
    Write a record with its new due time, and show it to clients in the same commit.
    """
    freed = _with(record, Progress(failure=record.progress.failure))
    match apply_backoff(controller.decide(controller.after(snapshot, freed), now, observed=observed), freed, now):
        case Done():
            due_at = None
        case RequeueAt(at):
            due_at = at
        case Step():
            due_at = now
    settled = _with(freed, Progress(failure=freed.progress.failure, due_at=due_at))
    views = controller.view_writes(snapshot, settled)
    if settled == snapshot.record and not views:
        return
    writes = controller.record_writes(snapshot, settled, snapshot.version, now)
    documents.commit(*writes, *views)
    for task in controller.follow_ups(snapshot, settled):
        queue.put(task)


def _with(record: R, progress: Progress) -> R:
    """
    Return the record with another progress. Pure.
    """
    return replace(record, progress=progress)  # type: ignore[type-var]  # every record is a dataclass
