"""The one reconciliation by which everything long-lived moves: look, decide, claim, act, settle, task.

Called by the workers and callables of `functions/`, with one `Controller` for each kind of thing. Leaves to the
subjects what is wished, what is the next step and how a provider is asked; knows no provider and no document of theirs.

What carries the weight: the claim is a conditional write; the lease outlives any function, so that a busy worker is
either alive or dead, never both; what the claim records (state, reference) is written before the provider hears of
it; the write back is conditional on the claim; and a worker who finds someone busy comes back. Duplicates, disorder,
a change of mind and a crash anywhere are then all the same case: look again.

A spec may stand in the document of the record itself (`videos/{videoId}`), in fields of its own that no record writes.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final, Generic, Protocol, Self, TypeVar

from shared import log
from shared.errors import Conflict, Doubtful, ProviderError, SecretRejected, Transient
from shared.ports import Clock, Documents, Queue, Task, Version, Write

WORKER_TIMEOUT_S = 60
"""How long a worker or a callable may run; `functions/` declares every one of them with it."""

LEASE_S = 90
"""How long a claim keeps others away; longer than any worker can live."""

STEPS_MAX = 12
"""How often one worker comes back at once before it leaves that to the queue."""

BACKOFF_MAX_S = 300.0
RETRY_AFTER_MAX_S = 3600.0

ALARM_AFTER_S = 24 * 3600
"""What has failed for so long, and is tried on, is worth waking a person for."""

SETTLES_MAX = 5
"""How often the outcome of a step is written again where somebody wrote a spec into the same document meanwhile."""

RECONCILE_BUDGET_S = 20.0
"""No new step is begun after so many seconds; with the slowest provider call it stays under `WORKER_TIMEOUT_S`."""


TASK_AHEAD_MAX_S = 3600
"""What is due later than that gets no task: the sweep finds it by `dueAt`, and most of it is settled long before, when
a task would only come to ask the provider about it once more."""


Mapper = Callable[[Callable[[str], None], Sequence[str]], Iterable[None]]
"""Does the same for each of several: `map`, or that of an executor, which has several of them done at once."""

AT_ONCE: Final = datetime(2020, 1, 1, tzinfo=UTC)
"""As due time of a record whose wish was just written: it has come. Should the task be lost, the sweep finds it."""


class Effect(StrEnum):
    """
    What a step does to the world outside the documents.
    """

    WRITE = "write"
    OBSERVE = "observe"
    CHANGE = "change"


@dataclass(frozen=True, slots=True)
class Claim:
    """
    "I am about to do this; leave it alone until then."
    """

    step: str
    until: datetime


@dataclass(frozen=True, slots=True)
class Failure:
    """
    Why the last step did not succeed, recorded with the spec that it failed for.

    Attributes:
        code: The provider's code or one of ours; never a secret.
        message: One sentence for whoever reads the document.
        retryable: Whether it is tried again by itself.
        step: The step that failed.
        wish: Fingerprint of what was wished; another wish is tried at once.
        tries: How often in a row.
        since: When the first of them was.
        retry_at: Not again before this instant; `None` for a final failure.
        alarmed: Whether it was logged as an alarm.
    """

    code: str
    message: str
    retryable: bool
    step: str
    spec: str
    tries: int
    since: datetime
    retry_at: datetime | None
    alarmed: bool = False

    def shown(self) -> dict[str, Any]:
        """
        The form in which clients read it. Pure.
        """
        return {"code": self.code, "message": self.message, "retryable": self.retryable}


@dataclass(frozen=True, slots=True)
class Progress:
    """
    The part of every record that belongs to the reconciliation.

    Attributes:
        claim: Who is at work, until when.
        failure: The last step's failure; a success clears it.
        due_at: When the record must be looked at again, whatever happens to tasks; `None` when it is settled.
    """

    claim: Claim | None = None
    failure: Failure | None = None
    due_at: datetime | None = None

    def to_fields(self) -> dict[str, Any]:
        """
        The document form: `claim`, `setback`, `dueAt`. Pure.
        """
        return {
            "claim": None if self.claim is None else {"step": self.claim.step, "until": self.claim.until},
            "setback": None
            if self.failure is None
            else {
                **self.failure.shown(),
                "step": self.failure.step,
                "wish": self.failure.spec,
                "tries": self.failure.tries,
                "since": self.failure.since,
                "retryAt": self.failure.retry_at,
                "alarmed": self.failure.alarmed,
            },
            "dueAt": self.due_at,
        }

    @classmethod
    def from_fields(cls, fields: Mapping[str, Any]) -> Self:
        """
        Read back what `to_fields` wrote. Pure.
        """
        claim, failure = fields.get("claim"), fields.get("setback")
        return cls(
            claim=None if claim is None else Claim(claim["step"], claim["until"]),
            failure=None
            if failure is None
            else Failure(
                code=failure["code"],
                message=failure["message"],
                retryable=failure["retryable"],
                step=failure["step"],
                spec=failure["wish"],
                tries=failure["tries"],
                since=failure["since"],
                retry_at=failure["retryAt"],
                alarmed=failure["alarmed"],
            ),
            due_at=fields.get("dueAt"),
        )


class Record(Protocol):
    """
    What a subject records of a thing: a frozen dataclass with its `progress`.
    """

    @property
    def progress(self) -> Progress:
        """
        The reconciliation's own part.
        """
        ...


W = TypeVar("W")
R = TypeVar("R", bound=Record)
A = TypeVar("A")


@dataclass(frozen=True, slots=True)
class Snapshot(Generic[W, R]):
    """
    The present, as read in one go.

    Attributes:
        key: Of the thing.
        wish: What is wanted, and what is shown to clients now.
        record: What is recorded; `None` where nothing ever was.
        version: Of the record's document, for conditional writes.
    """

    key: str
    spec: W
    record: R | None
    version: Version | None


@dataclass(frozen=True, slots=True)
class Done:
    """
    Nothing is left to do until the spec changes.
    """


@dataclass(frozen=True, slots=True)
class RequeueAt:
    """
    Nothing to do before that instant.

    Attributes:
        at: The instant.
        is_swept: Whether it is left to the sweep, which finds the record by its due time: what need not be in time, and
            of which there are many, gets no task.
    """

    at: datetime
    is_swept: bool = False


@dataclass(frozen=True, slots=True)
class Step(Generic[R]):
    """
    The next thing to do.

    Attributes:
        name: For the claim, the log and the subject's `act`.
        effect: What it does outside.
        record: What is recorded before a CHANGE; what is recorded by a WRITE; untouched by an OBSERVE.
        undone: What is recorded where the provider definitely did not do it.
        wish: Fingerprint of the spec it serves.
        insists: Whether even a final refusal is tried again; what exists at a provider is never given up.
        informs: Whether after it the worker knows how the thing stands at its provider.
        at_hand: Whether its outcome is known already: nobody is asked, so no failure's pause holds it back.
        tries_max: After so many failures in a row it is left to a person; `None` never is.
        pause_max_s: The longest pause between two tries.
    """

    name: str
    effect: Effect
    record: R
    rollback: R
    spec: str = ""
    retry_permanent: bool = False
    observes: bool = False
    at_hand: bool = False
    tries_max: int | None = None
    pause_max_s: float = BACKOFF_MAX_S


Decision = Done | RequeueAt | Step[R]


class Controller(Protocol[W, R, A]):
    """
    One kind of thing that is brought from what is recorded to what is wished. Whoever fills it inherits from it, and
    leaves out what is the same for most.
    """

    @property
    def queue(self) -> str:
        """
        The public name of the worker that reconciles things of this kind.
        """
        ...

    def read(self, key: str) -> Snapshot[W, R]:
        """
        Read the present documents.
        """
        ...

    def decide(self, snapshot: Snapshot[W, R], now: datetime, *, observed: bool) -> Decision[R]:
        """
        The next step. Pure. `observed` says that this very worker knows how the thing stands at its provider.
        """
        ...

    def act(self, snapshot: Snapshot[W, R], step: Step[R], now: datetime) -> A:
        """
        The one provider call of a step.
        """
        ...

    def settle(self, snapshot: Snapshot[W, R], step: Step[R], outcome: A, now: datetime) -> R:
        """
        What is recorded after a step that succeeded. Pure.
        """
        ...

    def claimed(self, snapshot: Snapshot[W, R], record: R, version: Version) -> Snapshot[W, R]:
        """
        Return the snapshot once the writes of `record_writes` are done, with the version that the record has then.
        Pure.
        """
        return replace(snapshot, record=record, version=version)

    def after(self, snapshot: Snapshot[W, R], record: R) -> Snapshot[W, R]:
        """
        Return the snapshot as it will be once `record` is written and shown, as far as that is known. Pure.
        """
        return replace(snapshot, record=record)

    def record_writes(
        self, snapshot: Snapshot[W, R], record: R, version: Version | None, now: datetime
    ) -> tuple[Write, ...]:
        """
        The write that makes `record` the recorded one, on condition of `version` (`None`: it must not exist), and
        whatever must be written with it or not at all; that write comes first. Pure.
        """
        ...

    def follow_ups(self, snapshot: Snapshot[W, R], record: R) -> tuple[Task, ...]:
        """
        Tasks for what was written with `record`, left as soon as that is done. Pure.
        """
        return ()

    def view_writes(self, snapshot: Snapshot[W, R], record: R) -> tuple[Write, ...]:
        """
        The writes that show `record` to clients, none where they see it already. Pure.
        """
        return ()

    def dependants(self, snapshot: Snapshot[W, R]) -> tuple[Task, ...]:
        """
        Tasks for the things that follow this one, left at the end of each reconciliation. Pure.
        """
        return ()


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


def apply_backoff(decision: Decision[R], record: R | None, now: datetime) -> Decision[R]:
    """
    Wait while someone is busy; keep a step back while its last failure is too fresh, or for good. Pure.

    Even where nothing seems left to do, whoever is busy is waited for: what he is doing may have to be undone.
    """
    if record is None:
        return decision
    claim, failure = record.progress.claim, record.progress.failure
    if claim is not None and claim.until > now:
        return RequeueAt(claim.until)
    if not isinstance(decision, Step) or decision.at_hand or failure is None:
        return decision
    if (failure.step, failure.spec) == (decision.name, decision.spec):
        if failure.retry_at is None:
            return Done()
        if failure.retry_at > now:
            return RequeueAt(failure.retry_at)
    return decision


def backoff_s(tries: int, key: str, pause_max_s: float = BACKOFF_MAX_S) -> float:
    """
    Seconds before the next try: doubling from 2 to `pause_max_s`, spread by key so that things do not return in step.
    Pure.
    """
    spread = 0.75 + (zlib.crc32(key.encode()) % 1000) / 2000
    return min(2.0 ** min(tries, 12), pause_max_s) * spread


def failure_of(error: ProviderError, step: Step[Any], record: Record, key: str, now: datetime) -> Failure:
    """
    How a provider's error is recorded, counting on from an earlier failure of the same step and wish. Pure.
    """
    last = record.progress.failure
    if last is not None and (last.step, last.spec) != (step.name, step.spec):
        last = None
    # A rejected secret says nothing of the step: it counts for no try, and nothing is given up for it.
    is_rejected = isinstance(error, SecretRejected)
    tries, since = (1, now) if last is None else (last.tries + (not is_rejected), last.since)
    retry_at = None
    is_left = step.tries_max is None or tries < step.tries_max or is_rejected
    if (isinstance(error, Transient) or step.retry_permanent) and is_left:
        asked_s = error.retry_after_s if isinstance(error, Transient) else step.pause_max_s
        least_s = min(asked_s or 0.0, RETRY_AFTER_MAX_S)
        retry_at = now + timedelta(seconds=max(backoff_s(tries, key, step.pause_max_s), least_s))
    if isinstance(error, NotFoundYet) and retry_at is not None:
        retry_at = min(retry_at, error.certain_at)
    alarmed = now - since >= timedelta(seconds=ALARM_AFTER_S) or (step.retry_permanent and retry_at is None)
    return Failure(error.code, str(error), retry_at is not None, step.name, step.spec, tries, since, retry_at, alarmed)


class NotFoundYet(Transient):
    """
    A creation whose answer was lost is not to be found, and may still come to light.

    Attributes:
        certain_at: From then on, what is not found does not exist.
    """

    def __init__(self, certain_at: datetime) -> None:
        super().__init__(
            "The provider's answer was lost. The result is being checked.",
            provider="",
            operation="find",
            code="ANSWER_LOST",
        )
        self.certain_at = certain_at


def await_late_commit(tried_at: datetime, now: datetime, late_commit_s: int) -> None:
    """
    Refuse to take "not found" for "does not exist" while a lost creation may still come to light. Pure.

    Args:
        tried_at: When the creation was begun.
        now: This instant.
        late_commit_s: For so long a provider may still commit, or its search index lag.

    Raises:
        NotFoundYet: It is too early to tell (again).
    """
    certain_at = tried_at + timedelta(seconds=late_commit_s)
    if now < certain_at:
        raise NotFoundYet(certain_at)


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
