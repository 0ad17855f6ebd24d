"""The one loop by which every resource moves: read, decide, claim, act, settle, enqueue.

Called by the workers and callables of `functions/`, with the `Controller` of each resource. Leaves to the controllers
what is wished, what is the next step and how a provider is asked; knows no provider and no document of theirs.

What carries the weight: the claim is a conditional write; the lease outlives any function, so that a busy worker is
either alive or dead, never both; what the claim records (state, reference) is written before the provider hears of
it; the write back is conditional on the claim; and a worker that finds another one busy comes back. Duplicates,
disorder, a change of mind and a crash anywhere are then all the same case: read again.

A spec may stand in the document of the record itself (`videos/{videoId}`), in fields of its own that no record writes.
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
"""How long a worker or a callable may run; `functions/` declares every one of them with it."""

LEASE_S = 90
"""How long a claim keeps others away; longer than any worker can live."""

STEPS_MAX = 12
"""How often one worker comes back at once before it leaves that to the queue."""

SETTLES_MAX = 5
"""How often the outcome of a step is written again where somebody wrote a spec into the same document meanwhile."""

RECONCILE_BUDGET_S = 20.0
"""No new step is begun after so many seconds; with the slowest provider call it stays under `WORKER_TIMEOUT_S`."""


TASK_AHEAD_MAX_S = 3600
"""What is due later than that gets no task: the sweep finds it by `dueAt`, and most of it is settled long before, when
a task would only come to ask the provider about it once more."""


Mapper = Callable[[Callable[[str], None], Sequence[str]], Iterable[None]]
"""Does the same for each of several: `map`, or that of an executor, which has several of them done at once."""


def reconcile(
    controller: Controller[W, R, A], key: str, documents: Documents, queue: Queue, clock: Clock
) -> Snapshot[W, R]:
    """
    Bring one thing as far as it can be brought now.

    "Come back now" is a task to ourselves, without the queue between: the record's `dueAt` keeps it if we die.

    Args:
        subject: The kind of thing.
        key: Which one.
        documents: Where its documents are.
        queue: Where a task is enqueued for later.
        clock: Now, in UTC.

    Returns:
        The last look, at which nothing was left to do at once.

    Raises:
        Transient: The documents or the queue could not be reached (again).
        Conflict: Others wrote first each time we tried (again).
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
    Whether what is due at an instant needs no task: it is far off, and the record says when. Pure.
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
    Claim a step, do it, and write back what came of it.

    Returns:
        Whether the worker now knows how the thing stands at its provider: a failed look tells nothing.
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
    Where nothing is left to do, leave no due time behind; nor a failure, unless it is what holds the next step back
    and is shown to clients. Writes nothing where all is as it should be.
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
    Write back what came of a step. A spec that somebody wrote into the record's own document meanwhile, and a view that
    was changed or deleted, alter nothing of what we claimed: then what the provider has done is written all the same,
    never left to the end of the lease, and the next look sees the rest.

    Args:
        claimed: As it was when the step was begun.
        record: What came of it.

    Raises:
        Conflict: The record itself was written by somebody else (again, after another look).
    """
    for _ in range(SETTLES_MAX):
        try:
            _settle(controller, claimed, record, documents, queue, now, observed=observed)
            return
        except Conflict:
            again = controller.read(claimed.key)
            if claimed.record is None or claimed.record.progress.claim is None or again.record is None:
                raise
            # Who writes a spec makes the record due, so that the sweep finds it whatever becomes of the task.
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
    Write a record with the instant at which it is due again, and show it to clients in the same commit.
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
    The record with another progress. Pure.
    """
    return replace(record, progress=progress)  # type: ignore[type-var]  # every record is a dataclass
