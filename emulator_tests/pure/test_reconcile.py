"""The one reconciliation on a thing of its own: a lamp that is wished lit, and a provider of light that obeys, fails or
dies."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import pytest

from emulator_tests.fakes import BEGIN_AT, ManualClock, MemoryDocuments, MemoryQueue
from shared.core.errors import Conflict, Doubtful, Permanent, ProviderError, SecretRejected, Transient
from shared.ports import Create, Delete, Document, Task, Update, Version, Write
from shared.reconcile import (
    ALARM_AFTER_S,
    BACKOFF_MAX_S,
    LEASE_S,
    RECONCILE_BUDGET_S,
    RETRY_AFTER_MAX_S,
    SETTLES_MAX,
    STEPS_MAX,
    TASK_AHEAD_MAX_S,
    WORKER_TIMEOUT_S,
    Claim,
    Controller,
    Decision,
    Done,
    Effect,
    Failure,
    NotFoundYet,
    Progress,
    RequeueAt,
    Snapshot,
    Step,
    apply_backoff,
    await_late_commit,
    backoff_s,
    failure_of,
    reconcile,
)

KEY = "hall"
WISH, LAMP = f"wishes/{KEY}", f"lamps/{KEY}"


def after(seconds: float) -> datetime:
    return BEGIN_AT + timedelta(seconds=seconds)


def error(kind: type[ProviderError], **more: Any) -> ProviderError:
    return kind("It did not work.", provider="light", operation="switch", code="FUSE", **more)


# --- the thing -----------------------------------------------------------------------------------------------------


class State(StrEnum):
    """
    Of a lamp.
    """

    DARK = "dark"
    LIGHTING = "lighting"
    LIT = "lit"


@dataclass(frozen=True, slots=True)
class Lamp:
    """
    One document of `lamps`.
    """

    state: State = State.DARK
    name: str = ""
    progress: Progress = field(default_factory=Progress)


@dataclass(frozen=True, slots=True)
class LampSpec:
    """
    One document of `wishes`: what is wished, and under `shown` what is shown to clients.
    """

    exists: bool = False
    lit: bool = False
    name: str = ""
    watched: bool = False
    not_before: datetime | None = None
    restless: bool = False
    retry_permanent: bool = False
    shown: Any = None


LampSnapshot = Snapshot[LampSpec, Lamp]


@dataclass
class Lamps(Controller[LampSpec, Lamp, State]):
    """
    The subject. A step at the provider is `provide`, which may look around, and raise.
    """

    documents: MemoryDocuments
    queue: str = "visitLamp"
    provide: Callable[[str], object] = field(default=lambda _: None)
    asked: list[str] = field(default_factory=list)

    def read(self, key: str) -> LampSnapshot:
        wished, recorded = self.documents.read(WISH, LAMP)
        spec = LampSpec() if wished is None else LampSpec(exists=True, **wished.fields)
        return Snapshot(key, spec, _lamp(recorded), None if recorded is None else recorded.version)

    def decide(self, snapshot: LampSnapshot, now: datetime, *, observed: bool) -> Decision[Lamp]:
        spec, record = snapshot.spec, snapshot.record or Lamp()
        if record.state is State.LIGHTING:
            return Step("find", Effect.OBSERVE, record, record, retry_permanent=True)
        if not spec.exists:
            return Done()
        if record.name != spec.name or spec.restless:
            renamed = replace(record, name=record.name + "." if spec.restless else spec.name)
            return Step("name", Effect.WRITE, renamed, renamed)
        if spec.not_before is not None and now < spec.not_before:
            return RequeueAt(spec.not_before)
        if spec.lit and record.state is State.DARK:
            begun = replace(record, state=State.LIGHTING)
            return Step("light", Effect.CHANGE, begun, record, spec.name, retry_permanent=spec.retry_permanent)
        if spec.watched and not observed:
            return Step("watch", Effect.OBSERVE, record, record, observes=True)
        if snapshot.record is not None and spec.shown != _shown(record):
            return Step("show", Effect.WRITE, record, record)
        return Done()

    def act(self, snapshot: LampSnapshot, step: Step[Lamp], now: datetime) -> State:
        self.asked.append(step.name)
        self.provide(step.name)
        return State.LIT if step.name != "watch" else step.record.state

    def settle(self, snapshot: LampSnapshot, step: Step[Lamp], outcome: State, now: datetime) -> Lamp:
        return replace(step.record, state=outcome)

    def after(self, snapshot: LampSnapshot, record: Lamp) -> LampSnapshot:
        return replace(snapshot, record=record, spec=replace(snapshot.spec, shown=_shown(record)))

    def record_writes(
        self, snapshot: LampSnapshot, record: Lamp, version: Version | None, now: datetime
    ) -> tuple[Write, ...]:
        fields = {"state": record.state, "name": record.name, **record.progress.to_fields()}
        lamp = Create(LAMP, fields) if version is None else Update(LAMP, fields, if_version=version)
        old_names = (Create(f"names/{name}", {"left_at": now}) for name in _given_up(snapshot, record))
        return (lamp, *old_names)

    def follow_ups(self, snapshot: LampSnapshot, record: Lamp) -> tuple[Task, ...]:
        return tuple(Task("forgetName", name) for name in _given_up(snapshot, record))

    def view_writes(self, snapshot: LampSnapshot, record: Lamp) -> tuple[Write, ...]:
        if not snapshot.spec.exists or snapshot.spec.shown == _shown(record):
            return ()
        return (Update(WISH, {"shown": _shown(record)}),)

    def dependants(self, snapshot: LampSnapshot) -> tuple[Task, ...]:
        return (Task("visitSwitch", snapshot.key),) if snapshot.spec.watched else ()


def _given_up(snapshot: LampSnapshot, record: Lamp) -> list[str]:
    """
    Whoever is renamed gives its old name up.
    """
    name = "" if snapshot.record is None or snapshot.spec.restless else snapshot.record.name
    return [name] if name not in ("", record.name) else []


def _lamp(document: Document | None) -> Lamp | None:
    if document is None:
        return None
    fields = document.fields
    return Lamp(State(fields["state"]), fields["name"], Progress.from_fields(fields))


def _shown(record: Lamp) -> dict[str, Any]:
    failure = record.progress.failure
    return {"state": record.state.value, "failure": None if failure is None else failure.shown()}


class House:
    """
    A lamp with its spec, its provider and its workers.
    """

    def __init__(self, **spec: Any) -> None:
        self.clock = ManualClock()
        self.disturb: Callable[[str], None] = lambda _: None
        self.documents = MemoryDocuments(self._effect)
        self.queue = MemoryQueue(self.clock)
        self.lamps = Lamps(self.documents)
        if spec:
            self.spec(**spec)

    def _effect(self, operation: str, do: Callable[[], Any]) -> Any:
        self.disturb(operation)
        return do()

    def spec(self, **spec: Any) -> None:
        (document,) = self.documents.read(WISH)
        self.documents.commit(Create(WISH, spec) if document is None else Update(WISH, spec))

    def reconcile(self) -> LampSnapshot:
        return reconcile(self.lamps, KEY, self.documents, self.queue, self.clock)

    def run_until(self, until: datetime) -> None:
        """
        Let the queue run.
        """

        def deliver(_: Task) -> None:
            self.reconcile()

        self.queue.deliver_until(until, deliver)

    def fields(self, path: str) -> Mapping[str, Any] | None:
        (document,) = self.documents.read(path)
        return None if document is None else document.fields

    @property
    def lamp(self) -> Lamp:
        (document,) = self.documents.read(LAMP)
        lamp = _lamp(document)
        assert lamp is not None
        return lamp

    def failing(self, *errors: BaseException) -> None:
        """
        The provider fails so many times, and then obeys.
        """
        left = list(errors)

        def provide(_: str) -> None:
            if left:
                raise left.pop(0)

        self.lamps.provide = provide

    def meanwhile(self, operation: str, do: Callable[[], object]) -> None:
        """
        Someone else does something just before a worker's next call of that kind.
        """

        def disturb(called: str) -> None:
            if called == operation:
                self.disturb = lambda _: None
                do()

        self.disturb = disturb


# --- the pure parts ------------------------------------------------------------------------------------------------

RECORD = Lamp()
STEP = Step("light", Effect.CHANGE, RECORD, RECORD, "w")
LATER = RequeueAt(after(5))


def failed(
    *,
    step: str = "light",
    spec: str = "w",
    retry_at: datetime | None = None,
    tries: int = 1,
    since: datetime = BEGIN_AT,
) -> Failure:
    return Failure("FUSE", "It did not work.", retry_at is not None, step, spec, tries, since, retry_at)


@pytest.mark.parametrize(
    ("decision", "progress", "held"),
    [
        pytest.param(STEP, None, STEP, id="nothing recorded"),
        pytest.param(STEP, Progress(), STEP, id="nobody busy"),
        pytest.param(STEP, Progress(Claim("light", after(9))), RequeueAt(after(9)), id="someone busy"),
        pytest.param(Done(), Progress(Claim("light", after(9))), RequeueAt(after(9)), id="done, but someone busy"),
        pytest.param(LATER, Progress(Claim("light", after(9))), RequeueAt(after(9)), id="later, but someone busy"),
        pytest.param(STEP, Progress(Claim("light", after(0))), STEP, id="a claim that has run out"),
        pytest.param(STEP, Progress(failure=failed(retry_at=after(3))), RequeueAt(after(3)), id="failed just now"),
        pytest.param(STEP, Progress(failure=failed(retry_at=after(0))), STEP, id="to be tried again now"),
        pytest.param(STEP, Progress(failure=failed()), Done(), id="failed for good"),
        pytest.param(STEP, Progress(failure=failed(spec="another")), STEP, id="failed for another wish"),
        pytest.param(STEP, Progress(failure=failed(step="another")), STEP, id="another step failed"),
        pytest.param(Done(), Progress(failure=failed(retry_at=after(3))), Done(), id="done, whatever failed"),
        pytest.param(LATER, Progress(failure=failed()), LATER, id="later, whatever failed"),
    ],
)
def test_a_step_is_held_back_while_it_must_be(
    decision: Decision[Lamp], progress: Progress | None, held: Decision[Lamp]
) -> None:
    record = None if progress is None else replace(RECORD, progress=progress)
    assert apply_backoff(decision, record, BEGIN_AT) == held


def test_pauses_double_up_to_a_limit_and_are_spread_by_key() -> None:
    pauses_s = [backoff_s(tries, KEY) for tries in range(1, 20)]
    assert pauses_s[1] == 2 * pauses_s[0]
    assert 0.75 * 2 <= pauses_s[0] < 1.25 * 2
    assert pauses_s == sorted(pauses_s)
    assert 0.75 * BACKOFF_MAX_S <= pauses_s[-1] < 1.25 * BACKOFF_MAX_S
    assert len({backoff_s(1, f"lamp {number}") for number in range(50)}) > 25


@pytest.mark.parametrize(
    ("raised", "retry_permanent", "least_s", "most_s"),
    [
        pytest.param(error(Transient), False, 1.5, 2.5, id="transient"),
        pytest.param(error(Doubtful), False, 1.5, 2.5, id="doubtful"),
        pytest.param(error(Transient, retry_after_s=40), False, 40, 40, id="asked to wait"),
        pytest.param(error(Transient, retry_after_s=1e9), False, RETRY_AFTER_MAX_S, RETRY_AFTER_MAX_S, id="too long"),
        pytest.param(error(Permanent), True, BACKOFF_MAX_S, BACKOFF_MAX_S, id="permanent, insisted on"),
        pytest.param(NotFoundYet(after(1)), True, 1, 1, id="certain before the pause is over"),
    ],
)
def test_a_failure_is_tried_again_when_it_may_be(
    raised: ProviderError, retry_permanent: bool, least_s: float, most_s: float
) -> None:
    failure = failure_of(raised, replace(STEP, retry_permanent=retry_permanent), RECORD, KEY, BEGIN_AT)
    assert failure.retry_at is not None
    assert after(least_s) <= failure.retry_at <= after(most_s)
    assert failure.retryable


def test_a_final_failure_is_not_tried_again() -> None:
    failure = failure_of(error(Permanent), STEP, RECORD, KEY, BEGIN_AT)
    assert failure == Failure("FUSE", "It did not work.", False, "light", "w", 1, BEGIN_AT, None)


@pytest.mark.parametrize(
    ("last", "tries"),
    [(failed(tries=3), 4), (failed(tries=3, step="another"), 1), (failed(tries=3, spec="another"), 1)],
)
def test_failures_in_a_row_are_counted_by_step_and_wish(last: Failure, tries: int) -> None:
    record = replace(RECORD, progress=Progress(failure=last))
    assert failure_of(error(Transient), STEP, record, KEY, BEGIN_AT).tries == tries


def test_failures_in_a_row_are_counted_from_the_first() -> None:
    last = failed(tries=3, since=BEGIN_AT)
    record = replace(RECORD, progress=Progress(failure=last))
    assert failure_of(error(Transient), STEP, record, KEY, after(90)).since == BEGIN_AT
    assert failure_of(error(Transient), replace(STEP, spec="another"), record, KEY, after(90)).since == after(90)


@pytest.mark.parametrize("raised", [error(Transient), error(Permanent)], ids=["transient", "permanent"])
def test_what_is_insisted_on_is_left_to_a_person_after_so_many_tries(raised: ProviderError) -> None:
    patient = replace(STEP, retry_permanent=True, tries_max=4)
    record = replace(RECORD, progress=Progress(failure=failed(tries=2)))
    assert failure_of(raised, patient, record, KEY, BEGIN_AT).retryable
    record = replace(RECORD, progress=Progress(failure=failed(tries=3)))
    last = failure_of(raised, patient, record, KEY, BEGIN_AT)
    assert (last.tries, last.retryable, last.retry_at, last.alarmed) == (4, False, None, True)


def test_a_rejected_secret_makes_a_step_wait_and_is_no_reason_to_give_it_up() -> None:
    """B7: long pauses, no end of them, and no try is counted."""
    patient = replace(STEP, retry_permanent=True, tries_max=4)
    raised = error(SecretRejected, retry_after_s=300.0)
    progress = Progress(failure=failed(tries=3))
    for _ in range(10):
        progress = Progress(failure=failure_of(raised, patient, replace(RECORD, progress=progress), KEY, BEGIN_AT))
    last = progress.failure
    assert last is not None
    assert (last.tries, last.retryable) == (3, True)
    assert last.retry_at is not None
    assert last.retry_at >= after(300)
    assert failure_of(raised, replace(STEP, tries_max=1), RECORD, KEY, BEGIN_AT).retryable


def test_a_step_says_how_long_it_pauses_at_the_most() -> None:
    patient = replace(STEP, pause_max_s=3600.0)
    record = replace(RECORD, progress=Progress(failure=failed(tries=30)))
    retry_at = failure_of(error(Transient), patient, record, KEY, BEGIN_AT).retry_at
    assert retry_at is not None
    assert after(0.75 * 3600) <= retry_at < after(1.25 * 3600)


def test_what_is_not_found_does_not_exist_only_once_late_commits_are_past() -> None:
    with pytest.raises(NotFoundYet) as early:
        await_late_commit(BEGIN_AT, after(9.9), 10)
    assert early.value.certain_at == after(10)
    await_late_commit(BEGIN_AT, after(10), 10)


def test_progress_is_read_back_as_it_was_written() -> None:
    progress = Progress(Claim("light", after(9)), failed(retry_at=after(3), tries=2), after(9))
    assert Progress.from_fields(progress.to_fields()) == progress
    assert Progress.from_fields(Progress().to_fields()) == Progress()


def test_a_claim_outlives_whoever_made_it() -> None:
    """
    Its worker is dead by then, so nobody ever acts on a claim that another has taken over.
    """
    assert RECONCILE_BUDGET_S < WORKER_TIMEOUT_S < LEASE_S


# --- a reconciliation
# -------------------------------------------------------------------------------------------------------


def test_who_wishes_nothing_costs_nothing() -> None:
    house = House()
    house.reconcile()
    assert house.documents.paths() == ()
    assert house.lamps.asked == []
    assert house.queue.waiting() == ()


def test_a_write_is_recorded_and_shown() -> None:
    house = House(name="Hall")
    house.reconcile()
    assert house.lamp == Lamp(name="Hall")
    assert (house.fields(WISH) or {})["shown"] == {"state": "dark", "failure": None}
    assert house.lamps.asked == []


def test_what_must_wait_leaves_one_task_for_then() -> None:
    house = House(not_before=after(50), lit=True)
    house.reconcile()
    house.reconcile()
    assert house.documents.paths() == (WISH,)
    assert [(task.queue, task.key, task.at) for task in house.queue.waiting()] == [("visitLamp", KEY, after(50))]
    house.run_until(after(50))
    assert house.lamp == Lamp(State.LIT)


@pytest.mark.parametrize(
    ("name", "ahead_s", "enqueued"),
    [("hall", TASK_AHEAD_MAX_S, True), ("hall", TASK_AHEAD_MAX_S + 1, False), ("", TASK_AHEAD_MAX_S + 1, True)],
    ids=["soon", "far off", "far off, and no record says so"],
)
def test_what_is_far_off_and_recorded_is_left_to_the_sweep(name: str, ahead_s: int, enqueued: bool) -> None:
    house = House(name=name, not_before=after(ahead_s), lit=True)
    house.reconcile()
    if name:
        assert house.lamp.progress.due_at == after(ahead_s)
    assert [task.at for task in house.queue.waiting()] == ([after(ahead_s)] if enqueued else [])


def test_a_change_is_claimed_before_the_provider_hears_of_it() -> None:
    house = House(lit=True)
    seen: list[Lamp] = []
    house.lamps.provide = lambda _: seen.append(house.lamp)
    house.reconcile()
    assert seen == [Lamp(State.LIGHTING, progress=Progress(Claim("light", after(LEASE_S)), None, after(LEASE_S)))]
    assert house.lamp == Lamp(State.LIT)
    assert (house.fields(WISH) or {})["shown"] == {"state": "lit", "failure": None}


def test_a_look_at_the_provider_claims_nothing_and_is_not_repeated_by_the_same_worker() -> None:
    house = House(lit=True)
    house.reconcile()
    house.spec(watched=True)
    (before,) = house.documents.read(LAMP)
    house.lamps.asked.clear()
    house.reconcile()
    (now,) = house.documents.read(LAMP)
    assert house.lamps.asked == ["watch"]
    assert now == before


def test_a_look_that_failed_tells_nothing_and_is_taken_again_later() -> None:
    house = House(lit=True)
    house.reconcile()
    house.spec(watched=True)
    house.failing(error(Doubtful))
    house.reconcile()
    retry_at = house.lamp.progress.due_at
    assert retry_at is not None
    assert after(1) < retry_at < after(3)
    house.lamps.asked.clear()
    house.clock.move_to(retry_at)
    house.reconcile()
    assert house.lamps.asked == ["watch"]
    assert house.lamp == Lamp(State.LIT)


def test_what_is_written_with_a_record_is_written_with_it_or_not_at_all_and_noted() -> None:
    house = House(name="Hall")
    house.reconcile()
    house.spec(name="Kitchen")
    house.meanwhile("commit", lambda: house.documents.commit(Update(LAMP, {"name": "Attic"})))
    house.reconcile()
    assert house.lamp == Lamp(name="Kitchen")
    assert house.fields("names/Hall") is None
    assert house.fields("names/Attic") == {"left_at": BEGIN_AT}
    assert house.queue.waiting() == (Task("forgetName", "Attic"),)


def test_those_who_follow_get_their_tasks() -> None:
    house = House(lit=True, watched=True)
    house.reconcile()
    assert house.queue.waiting() == (Task("visitSwitch", KEY),)


# --- someone else is there -------------------------------------------------------------------------------------------


def test_who_is_busy_is_left_alone_and_waited_for() -> None:
    house = House(lit=True)
    visitors: list[LampSnapshot] = []

    def another_comes(_: str) -> None:
        house.lamps.provide = lambda _: None
        visitors.append(house.reconcile())

    house.lamps.provide = another_comes
    house.reconcile()
    assert house.lamps.asked == ["light"]
    assert [task.at for task in house.queue.waiting()] == [after(LEASE_S)]
    assert house.lamp == Lamp(State.LIT)


def test_who_loses_the_claim_asks_the_provider_nothing() -> None:
    house = House(lit=True)
    house.meanwhile("commit", house.reconcile)
    house.reconcile()
    assert house.lamps.asked == ["light"]
    assert house.lamp == Lamp(State.LIT)


def test_who_was_overtaken_while_acting_overwrites_nothing() -> None:
    house = House(lit=True, name="")
    others = {"state": "lit", "name": "as another left it"}

    def overtaken(_: str) -> None:
        house.documents.commit(
            Update(LAMP, {**others, **Progress().to_fields()}), Update(WISH, {"name": others["name"]})
        )

    house.lamps.provide = overtaken
    house.reconcile()
    assert house.lamp == Lamp(State.LIT, "as another left it")


def test_a_wish_that_comes_meanwhile_does_not_lose_what_was_done() -> None:
    house = House(lit=True)
    house.lamps.provide = lambda _: house.documents.commit(Update(LAMP, {"wish": "that it be green"}))
    house.reconcile()
    assert house.lamp == Lamp(State.LIT)
    assert (house.fields(LAMP) or {})["wish"] == "that it be green"
    assert house.lamps.asked == ["light"]


def test_wishes_that_never_stop_leave_it_to_the_end_of_the_claim() -> None:
    house = House(lit=True)
    wishes = iter(range(100))

    def wish_again(operation: str) -> None:
        if operation == "commit" and house.lamps.asked:
            house.disturb = lambda _: None
            house.documents.commit(Update(LAMP, {"wish": next(wishes)}))
            house.disturb = wish_again

    house.disturb = wish_again
    house.reconcile()
    assert SETTLES_MAX <= next(wishes) <= 2 * SETTLES_MAX
    assert house.lamp.state is State.LIGHTING
    assert [task.at for task in house.queue.waiting()] == [after(LEASE_S)]


def test_what_was_done_is_recorded_even_where_nobody_is_left_to_be_shown_it() -> None:
    house = House(lit=True)
    house.lamps.provide = lambda _: house.documents.commit(Delete(WISH))
    house.reconcile()
    assert house.fields(WISH) is None
    assert house.lamp == Lamp(State.LIT)


def test_who_loses_a_write_that_shows_nothing_looks_again() -> None:
    house = House(lit=True)
    house.reconcile()
    house.spec(watched=True)
    house.failing(error(Transient))
    house.reconcile()
    retry_at = house.lamp.progress.due_at
    assert retry_at is not None
    house.clock.move_to(retry_at)
    house.meanwhile("commit", house.reconcile)
    house.reconcile()
    assert house.lamp == Lamp(State.LIT)


# --- something fails -------------------------------------------------------------------------------------------------


def test_what_did_not_happen_is_recorded_as_undone_shown_and_tried_again_then() -> None:
    house = House(lit=True)
    house.failing(error(Transient, retry_after_s=30))
    house.reconcile()
    lamp = house.lamp
    assert lamp.state is State.DARK
    assert lamp.progress == Progress(failure=failed(spec="", retry_at=after(30)), due_at=after(30))
    assert (house.fields(WISH) or {})["shown"]["failure"] == {
        "code": "FUSE",
        "message": "It did not work.",
        "retryable": True,
    }
    assert [task.at for task in house.queue.waiting()] == [after(30)]
    house.clock.move_to(after(29))
    house.reconcile()
    assert house.lamps.asked == ["light"]
    house.clock.move_to(after(30))
    house.reconcile()
    assert house.lamp == Lamp(State.LIT)
    assert (house.fields(WISH) or {})["shown"] == {"state": "lit", "failure": None}


def test_what_may_have_happened_is_looked_for_and_not_repeated() -> None:
    house = House(lit=True)
    house.failing(error(Doubtful))
    house.reconcile()
    assert house.lamps.asked == ["light", "find"]
    assert house.lamp == Lamp(State.LIT)


def test_what_is_refused_for_good_is_tried_again_only_for_another_wish() -> None:
    house = House(lit=True, name="Hall")
    house.failing(error(Permanent))
    house.reconcile()
    assert house.lamp == Lamp(name="Hall", progress=Progress(failure=failed(spec="Hall")))
    assert house.queue.waiting() == ()
    house.clock.advance(10 * RETRY_AFTER_MAX_S)
    house.reconcile()
    assert house.lamps.asked == ["light"]
    house.spec(name="Kitchen")
    house.reconcile()
    assert house.lamp == Lamp(State.LIT, "Kitchen")


def test_a_refusal_that_is_insisted_on_is_tried_again() -> None:
    house = House(lit=True, retry_permanent=True)
    house.failing(error(Permanent))
    house.reconcile()
    assert house.lamp.progress.due_at == after(BACKOFF_MAX_S)
    house.run_until(after(BACKOFF_MAX_S))
    assert house.lamp == Lamp(State.LIT)


@pytest.mark.long
def test_what_fails_for_a_day_is_told_as_an_alarm_once(capsys: pytest.CaptureFixture[str]) -> None:
    house = House(lit=True, retry_permanent=True)
    house.failing(*[error(Transient)] * 1000)
    house.reconcile()
    house.run_until(after(ALARM_AFTER_S - BACKOFF_MAX_S))
    assert "step stuck" not in capsys.readouterr().err
    house.run_until(after(ALARM_AFTER_S + 10 * BACKOFF_MAX_S))
    (alarm,) = [line for line in capsys.readouterr().err.splitlines() if "step stuck" in line]
    told = json.loads(alarm)
    assert (told["severity"], told["queue"], told["key"], told["step"]) == ("ALERT", "visitLamp", KEY, "light")
    assert told["since"] == BEGIN_AT.isoformat()
    assert house.lamp.progress.failure is not None
    assert house.lamp.progress.failure.alarmed


def test_a_final_failure_is_shown_again_where_it_was_wiped_out() -> None:
    house = House(lit=True)
    house.failing(error(Permanent))
    house.reconcile()
    told = (house.fields(WISH) or {})["shown"]
    house.spec(shown=None)
    house.reconcile()
    assert (house.fields(WISH) or {})["shown"] == told


def test_a_bug_rises_and_its_claim_keeps_everybody_away_until_it_has_run_out() -> None:
    house = House(lit=True)
    house.failing(KeyError("a bug"))
    with pytest.raises(KeyError):
        house.reconcile()
    assert house.lamp.progress == Progress(Claim("light", after(LEASE_S)), None, after(LEASE_S))
    house.clock.move_to(after(LEASE_S - 1))
    house.reconcile()
    assert house.lamps.asked == ["light"]
    house.clock.move_to(after(LEASE_S))
    house.reconcile()
    assert house.lamps.asked == ["light", "find"]
    assert house.lamp == Lamp(State.LIT)


@pytest.mark.parametrize("operation", ["read", "commit"])
def test_documents_that_do_not_answer_end_the_visit(operation: str) -> None:
    house = House(lit=True)

    def unreachable() -> None:
        raise error(Transient)

    house.meanwhile(operation, unreachable)
    with pytest.raises(Transient):
        house.reconcile()
    house.reconcile()
    assert house.lamp == Lamp(State.LIT)


def test_who_always_loses_leaves_it_to_the_queue() -> None:
    house = House(lit=True)

    def lost(operation: str) -> None:
        if operation == "commit":
            raise Conflict("Someone wrote first.")

    house.disturb = lost
    house.reconcile()
    assert house.lamps.asked == []
    assert house.queue.waiting() == (Task("visitLamp", KEY),)


def test_what_is_settled_costs_one_look_and_no_write() -> None:
    house = House(lit=True)
    house.reconcile()
    calls: list[str] = []
    house.disturb = calls.append
    house.reconcile()
    assert calls == ["read"]


# --- when it is due ---------------------------------------------------------------------------------------------------


class Died(BaseException):
    """
    The process ends here.
    """


@pytest.mark.parametrize(
    ("spec", "due_at"),
    [
        pytest.param({"name": "Hall"}, None, id="nothing is left"),
        pytest.param({"name": "Hall", "lit": True, "not_before": after(70)}, after(70), id="later"),
        pytest.param({"name": "Hall", "lit": True}, after(0), id="another step"),
    ],
)
def test_who_dies_after_a_write_has_left_the_time_at_which_more_is_to_be_done(
    spec: dict[str, Any], due_at: datetime | None
) -> None:
    house = House(**spec)

    def die() -> None:
        raise Died

    house.meanwhile("commit", lambda: house.meanwhile("read", die))
    with pytest.raises(Died):
        house.reconcile()
    house.disturb = lambda _: None
    assert house.lamp == Lamp(name="Hall", progress=Progress(due_at=due_at))


def test_what_is_settled_is_not_due_any_more() -> None:
    house = House(lit=True)
    house.failing(error(Transient))
    house.reconcile()
    assert house.lamp.progress.due_at is not None
    house.spec(lit=False)
    house.reconcile()
    assert house.lamp == Lamp()


def test_a_thing_that_never_settles_is_left_to_the_queue_after_so_many_steps() -> None:
    house = House(restless=True)
    house.reconcile()
    assert house.lamp.name == "." * STEPS_MAX
    assert house.queue.waiting() == (Task("visitLamp", KEY),)


def test_no_step_is_begun_when_the_time_is_used_up() -> None:
    house = House(restless=True, name="")

    def slow(operation: str) -> None:
        if operation == "commit":
            house.clock.advance(RECONCILE_BUDGET_S / 2 + 1)

    house.disturb = slow
    house.reconcile()
    assert house.lamp.name == ".."
    assert house.queue.waiting() == (Task("visitLamp", KEY),)
