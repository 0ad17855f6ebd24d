"""The one reconciliation on a thing of its own: a lamp that is wished lit, and a provider of light that obeys, fails or
dies."""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from emulator_tests.memory import BEGIN_AT
from emulator_tests.pure.lamps import KEY, LAMP, WISH, House, Lamp, Lamps, LampSnapshot, LampSpec, State, after, error
from shared.core.errors import (
    Conflict,
    Doubtful,
    Misconfigured,
    NotFoundYet,
    Permanent,
    ProviderError,
    SecretRejected,
    Transient,
)
from shared.core.retry import TRIES_MAX
from shared.ports import Create, Delete, Task, Update, Version, Write
from shared.reconcile import (
    ALARM_AFTER_S,
    BACKOFF_MAX_S,
    LEASE_S,
    RECONCILE_BUDGET_S,
    RETRY_AFTER_MAX_S,
    SCHEMA_VERSION,
    STEPS_MAX,
    TASK_AHEAD_MAX_S,
    WORKER_TIMEOUT_S,
    Claim,
    Controller,
    Decision,
    Done,
    Effect,
    Failure,
    Progress,
    RequeueAt,
    Snapshot,
    Step,
    apply_backoff,
    await_late_commit,
    backoff_s,
    failure_of,
)

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


AT_HAND = replace(STEP, at_hand=True)


@pytest.mark.parametrize("failure", [failed(), failed(retry_at=after(3))], ids=["for good", "for now"])
def test_a_step_whose_outcome_is_at_hand_is_not_held_back(failure: Failure) -> None:
    record = replace(RECORD, progress=Progress(failure=failure))
    assert apply_backoff(AT_HAND, record, BEGIN_AT) == AT_HAND


def spread(key: str) -> float:
    return 0.75 + zlib.crc32(key.encode()) % 1000 / 2000


@pytest.mark.parametrize(
    ("tries", "pause_max_s", "pause_s"),
    [(1, 300.0, 2), (2, 300.0, 4), (8, 300.0, 256), (9, 300.0, 300), (12, 5000.0, 4096), (13, 9000.0, 4096)],
    ids=["first", "second", "below the limit", "at the limit", "a longer limit", "the longest"],
)
@pytest.mark.parametrize("key", ["hall", "kitchen", "lamp 7"])
def test_a_pause_is_doubled_and_spread_by_key(tries: int, pause_max_s: float, pause_s: float, key: str) -> None:
    assert backoff_s(tries, key, pause_max_s) == pause_s * spread(key)


def test_a_pause_has_a_limit_without_being_told() -> None:
    assert backoff_s(50, KEY) == BACKOFF_MAX_S * spread(KEY)


PATIENT = replace(STEP, retry_permanent=True)
PAUSED = timedelta(seconds=2 * spread(KEY))
DAY_AGO = after(-ALARM_AFTER_S)
TRIED_ONCE = failed(tries=1, since=after(-60))


@pytest.mark.parametrize(
    ("raised", "step", "last", "expected"),
    [
        pytest.param(error(Transient), STEP, None, (1, BEGIN_AT, BEGIN_AT + PAUSED, False), id="transient"),
        pytest.param(error(Permanent), STEP, None, (1, BEGIN_AT, None, False), id="permanent"),
        pytest.param(
            error(Transient, retry_after_s=0.5), STEP, None, (1, BEGIN_AT, BEGIN_AT + PAUSED, False), id="soon"
        ),
        pytest.param(
            error(Transient),
            replace(STEP, pause_max_s=0.5),
            None,
            (1, BEGIN_AT, BEGIN_AT + timedelta(seconds=0.5 * spread(KEY)), False),
            id="under a second",
        ),
        pytest.param(error(Permanent), PATIENT, None, (1, BEGIN_AT, after(BACKOFF_MAX_S), False), id="retried"),
        pytest.param(
            error(Permanent),
            replace(PATIENT, pause_max_s=7.0),
            None,
            (1, BEGIN_AT, after(7), False),
            id="shorter pause",
        ),
        pytest.param(
            error(Permanent),
            replace(PATIENT, pause_max_s=9000.0),
            None,
            (1, BEGIN_AT, after(RETRY_AFTER_MAX_S), False),
            id="longer pause",
        ),
        pytest.param(
            error(Transient), STEP, TRIED_ONCE, (2, after(-60), BEGIN_AT + 2 * PAUSED, False), id="the second try"
        ),
        pytest.param(
            error(SecretRejected), STEP, TRIED_ONCE, (1, after(-60), BEGIN_AT + PAUSED, False), id="a rejected secret"
        ),
        pytest.param(
            error(Transient), replace(STEP, tries_max=2), TRIED_ONCE, (2, after(-60), None, False), id="no try left"
        ),
        pytest.param(
            error(SecretRejected),
            replace(STEP, tries_max=1),
            TRIED_ONCE,
            (1, after(-60), BEGIN_AT + PAUSED, False),
            id="no try left, a rejected secret",
        ),
        pytest.param(
            error(Transient),
            STEP,
            failed(since=DAY_AGO),
            (2, DAY_AGO, BEGIN_AT + 2 * PAUSED, True),
            id="for a day",
        ),
        pytest.param(
            error(Transient),
            STEP,
            failed(since=DAY_AGO + timedelta(seconds=1)),
            (2, DAY_AGO + timedelta(seconds=1), BEGIN_AT + 2 * PAUSED, False),
            id="for nearly a day",
        ),
        pytest.param(
            error(Transient),
            replace(PATIENT, tries_max=1),
            None,
            (1, BEGIN_AT, None, True),
            id="retried, no try left",
        ),
    ],
)
def test_a_failure_says_how_often_since_when_and_until_when(
    raised: ProviderError, step: Step[Lamp], last: Failure | None, expected: tuple[int, datetime, datetime | None, bool]
) -> None:
    record = replace(RECORD, progress=Progress(failure=last))
    tries, since, retry_at, alarmed = expected
    assert failure_of(raised, step, record, KEY, BEGIN_AT) == Failure(
        "FUSE", "It did not work.", retry_at is not None, "light", "w", tries, since, retry_at, alarmed
    )


@pytest.mark.parametrize(
    ("certain_s", "retry_at"),
    [(1, after(1)), (60, BEGIN_AT + PAUSED)],
    ids=["certain before the pause is over", "certain later"],
)
def test_unknown_outcome_is_looked_up_until_certain(certain_s: float, retry_at: datetime) -> None:
    failure = failure_of(NotFoundYet(after(certain_s)), STEP, RECORD, KEY, BEGIN_AT)
    assert failure.retry_at == retry_at
    assert (failure.code, failure.message) == (
        "ANSWER_LOST",
        "The provider's answer was lost. The result is being checked.",
    )


def test_unknown_outcome_without_retries_stays_final() -> None:
    last = replace(RECORD, progress=Progress(failure=TRIED_ONCE))
    step = replace(STEP, tries_max=2)
    assert failure_of(NotFoundYet(after(1)), step, last, KEY, BEGIN_AT).retry_at is None


def test_unknown_outcome_names_no_provider() -> None:
    raised = NotFoundYet(after(1))
    assert (raised.provider, raised.operation, raised.certain_at) == ("", "find", after(1))


def test_a_controller_by_default_writes_and_enqueues_nothing_but_the_record() -> None:
    lamps = House().lamps
    snapshot, named = Snapshot(KEY, LampSpec(), RECORD, 1), replace(RECORD, name="Hall")
    assert Controller.claimed(lamps, snapshot, named, 2) == Snapshot(KEY, LampSpec(), named, 2)
    assert Controller.after(lamps, snapshot, named) == Snapshot(KEY, LampSpec(), named, 1)
    written = (Controller.follow_ups(lamps, snapshot, named), Controller.view_writes(lamps, snapshot, named))
    assert (*written, Controller.dependants(lamps, snapshot)) == ((), (), ())


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
def test_consecutive_failures_are_counted_by_step_and_spec(last: Failure, tries: int) -> None:
    record = replace(RECORD, progress=Progress(failure=last))
    assert failure_of(error(Transient), STEP, record, KEY, BEGIN_AT).tries == tries


def test_consecutive_failures_are_counted_from_the_first() -> None:
    last = failed(tries=3, since=BEGIN_AT)
    record = replace(RECORD, progress=Progress(failure=last))
    assert failure_of(error(Transient), STEP, record, KEY, after(90)).since == BEGIN_AT
    assert failure_of(error(Transient), replace(STEP, spec="another"), record, KEY, after(90)).since == after(90)


@pytest.mark.parametrize("raised", [error(Transient), error(Permanent)], ids=["transient", "permanent"])
def test_retried_permanent_failure_becomes_dead_after_its_limit(raised: ProviderError) -> None:
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


def test_missing_object_counts_as_absent_only_after_late_commits() -> None:
    with pytest.raises(NotFoundYet) as early:
        await_late_commit(BEGIN_AT, after(9.9), 10)
    assert early.value.certain_at == after(10)
    await_late_commit(BEGIN_AT, after(10), 10)


def test_progress_is_read_back_as_it_was_written() -> None:
    failure = replace(failed(retry_at=after(3), tries=2), alarmed=True)
    progress = Progress(Claim("light", after(9)), failure, after(9))
    assert progress.to_fields() == {
        "schemaVersion": SCHEMA_VERSION,
        "claim": {"step": "light", "until": after(9)},
        "lastError": {
            "code": "FUSE",
            "message": "It did not work.",
            "retryable": True,
            "step": "light",
            "wish": "w",
            "tries": 2,
            "since": BEGIN_AT,
            "retryAt": after(3),
            "alarmed": True,
        },
        "dueAt": after(9),
    }
    assert Progress.from_fields(progress.to_fields()) == progress
    assert Progress().to_fields() == {"schemaVersion": SCHEMA_VERSION, "claim": None, "lastError": None, "dueAt": None}
    assert Progress.from_fields(Progress().to_fields()) == Progress()
    assert Progress.from_fields({}) == Progress()


def test_the_last_error_of_an_earlier_release_is_read_until_a_new_one_is_written() -> None:
    written = Progress(failure=failed(tries=2)).to_fields()
    earlier = {"claim": None, "setback": written["lastError"], "dueAt": None}
    assert Progress.from_fields(earlier).failure == failed(tries=2)
    assert Progress.from_fields({**earlier, "lastError": None}).failure is None


def test_a_claim_outlives_whoever_made_it() -> None:
    """
    Its worker is dead by then, so nobody ever acts on a claim that another has taken over.
    """
    assert RECONCILE_BUDGET_S < WORKER_TIMEOUT_S < LEASE_S


# --- a reconciliation
# -------------------------------------------------------------------------------------------------------


def test_object_without_a_spec_costs_nothing() -> None:
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


def test_waiting_step_enqueues_one_task() -> None:
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
def test_far_due_record_is_left_to_the_sweep(name: str, ahead_s: int, enqueued: bool) -> None:
    house = House(name=name, not_before=after(ahead_s), lit=True)
    house.reconcile()
    if name:
        assert house.lamp.progress.due_at == after(ahead_s)
    assert [task.at for task in house.queue.waiting()] == ([after(ahead_s)] if enqueued else [])


def test_change_is_claimed_before_the_provider_call() -> None:
    house = House(lit=True)
    seen: list[Lamp] = []
    house.lamps.provide = lambda _: seen.append(house.lamp)
    house.reconcile()
    assert seen == [Lamp(State.LIGHTING, progress=Progress(Claim("light", after(LEASE_S)), None, after(LEASE_S)))]
    assert house.lamp == Lamp(State.LIT)
    assert (house.fields(WISH) or {})["shown"] == {"state": "lit", "failure": None}


def test_observation_claims_nothing_and_is_made_once_per_run() -> None:
    house = House(lit=True)
    house.reconcile()
    house.spec(watched=True)
    (before,) = house.documents.read(LAMP)
    house.lamps.asked.clear()
    house.reconcile()
    (now,) = house.documents.read(LAMP)
    assert house.lamps.asked == ["watch"]
    assert now == before


def test_failed_observation_is_repeated_later() -> None:
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


def test_record_and_its_writes_are_one_commit() -> None:
    house = House(name="Hall")
    house.reconcile()
    house.spec(name="Kitchen")
    house.meanwhile("commit", lambda: house.documents.commit(Update(LAMP, {"name": "Attic"})))
    house.reconcile()
    assert house.lamp == Lamp(name="Kitchen")
    assert house.fields("names/Hall") is None
    assert house.fields("names/Attic") == {"left_at": BEGIN_AT}
    assert house.queue.waiting() == (Task("forgetName", "Attic"),)


def test_dependent_objects_are_enqueued() -> None:
    house = House(lit=True, watched=True)
    house.reconcile()
    assert house.queue.waiting() == (Task("visitSwitch", KEY),)


# --- someone else is there -------------------------------------------------------------------------------------------


def test_claimed_object_is_left_alone_until_its_lease_ends() -> None:
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


def test_worker_that_loses_the_claim_makes_no_call() -> None:
    house = House(lit=True)
    house.meanwhile("commit", house.reconcile)
    house.reconcile()
    assert house.lamps.asked == ["light"]
    assert house.lamp == Lamp(State.LIT)


def test_overtaken_worker_overwrites_nothing() -> None:
    house = House(lit=True, name="")
    others = {"state": "lit", "name": "as another left it"}

    def overtaken(_: str) -> None:
        house.documents.commit(
            Update(LAMP, {**others, **Progress().to_fields()}), Update(WISH, {"name": others["name"]})
        )

    house.lamps.provide = overtaken
    house.reconcile()
    assert house.lamp == Lamp(State.LIT, "as another left it")


def test_concurrent_spec_change_keeps_the_outcome() -> None:
    house = House(lit=True)
    house.lamps.provide = lambda _: house.documents.commit(Update(LAMP, {"wish": "that it be green"}))
    house.reconcile()
    assert house.lamp == Lamp(State.LIT)
    assert (house.fields(LAMP) or {})["wish"] == "that it be green"
    assert house.lamps.asked == ["light"]


def test_endless_spec_changes_leave_the_outcome_to_the_lease() -> None:
    house = House(lit=True)
    wishes = iter(range(100))

    def wish_again(operation: str) -> None:
        if operation == "commit" and house.lamps.asked:
            house.disturb = lambda _: None
            house.documents.commit(Update(LAMP, {"wish": next(wishes)}))
            house.disturb = wish_again

    house.disturb = wish_again
    house.reconcile()
    assert TRIES_MAX <= next(wishes) <= 2 * TRIES_MAX
    assert house.lamp.state is State.LIGHTING
    assert [task.at for task in house.queue.waiting()] == [after(LEASE_S)]


def test_outcome_is_recorded_without_its_view() -> None:
    house = House(lit=True)
    house.lamps.provide = lambda _: house.documents.commit(Delete(WISH))
    house.reconcile()
    assert house.fields(WISH) is None
    assert house.lamp == Lamp(State.LIT)


def test_conflict_on_a_record_write_reads_again() -> None:
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


def test_step_that_was_not_done_is_rolled_back_and_retried() -> None:
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


def test_step_with_unknown_outcome_is_looked_up_not_repeated() -> None:
    house = House(lit=True)
    house.failing(error(Doubtful))
    house.reconcile()
    assert house.lamps.asked == ["light", "find"]
    assert house.lamp == Lamp(State.LIT)


def test_permanent_failure_is_retried_only_for_another_spec() -> None:
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


def test_permanent_failure_of_a_retrying_step_is_retried() -> None:
    house = House(lit=True, retry_permanent=True)
    house.failing(error(Permanent))
    house.reconcile()
    assert house.lamp.progress.due_at == after(BACKOFF_MAX_S)
    house.run_until(after(BACKOFF_MAX_S))
    assert house.lamp == Lamp(State.LIT)


@pytest.mark.long
def test_step_failing_for_a_day_raises_one_alarm(capsys: pytest.CaptureFixture[str]) -> None:
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


def test_step_without_its_setting_waits_for_the_operator(capsys: pytest.CaptureFixture[str]) -> None:
    house = House(lit=True, retry_permanent=True)
    missing = Misconfigured("Set LIGHT_KEY to the key of the house.")
    house.failing(missing, missing)
    house.reconcile()
    progress = house.lamp.progress
    assert (house.lamp.state, progress.claim) == (State.DARK, None)
    assert progress.failure is not None
    assert (progress.failure.code, progress.failure.tries, progress.failure.retryable) == ("NOT_SET_UP", 1, True)
    shown = (house.fields(WISH) or {})["shown"]
    assert shown["failure"]["message"] == "A setting is missing. Ask the operator."
    (line,) = logged(capsys, "step misconfigured")
    assert (line["queue"], line["key"], line["step"], line["severity"]) == ("visitLamp", KEY, "light", "ERROR")
    assert line["sentence"] == "Set LIGHT_KEY to the key of the house."
    assert progress.due_at is not None
    assert after(BACKOFF_MAX_S) <= progress.due_at <= after(2 * BACKOFF_MAX_S)
    house.run_until(progress.due_at)
    assert house.lamp.progress.failure is not None
    assert house.lamp.progress.failure.tries == 1
    house.run_until(after(4 * BACKOFF_MAX_S))
    assert house.lamp == Lamp(State.LIT)


def test_bug_is_raised_and_its_claim_blocks_until_the_lease_ends() -> None:
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
def test_unavailable_documents_end_the_run(operation: str) -> None:
    house = House(lit=True)

    def unreachable() -> None:
        raise error(Transient)

    house.meanwhile(operation, unreachable)
    with pytest.raises(Transient):
        house.reconcile()
    house.reconcile()
    assert house.lamp == Lamp(State.LIT)


def test_repeated_conflicts_leave_the_object_to_the_queue() -> None:
    house = House(lit=True)

    def lost(operation: str) -> None:
        if operation == "commit":
            raise Conflict("Someone wrote first.")

    house.disturb = lost
    house.reconcile()
    assert house.lamps.asked == []
    assert house.queue.waiting() == (Task("visitLamp", KEY),)


def test_settled_object_costs_one_read_and_no_write() -> None:
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
def test_crashed_worker_leaves_the_due_time(spec: dict[str, Any], due_at: datetime | None) -> None:
    house = House(**spec)

    def die() -> None:
        raise Died

    house.meanwhile("commit", lambda: house.meanwhile("read", die))
    with pytest.raises(Died):
        house.reconcile()
    house.disturb = lambda _: None
    assert house.lamp == Lamp(name="Hall", progress=Progress(due_at=due_at))


def test_settled_object_is_not_due() -> None:
    house = House(lit=True)
    house.failing(error(Transient))
    house.reconcile()
    assert house.lamp.progress.due_at is not None
    house.spec(lit=False)
    house.reconcile()
    assert house.lamp == Lamp()


def test_object_that_never_settles_is_left_to_the_queue() -> None:
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


# --- what a controller is told and what is logged ---------------------------------------------------------------------


@dataclass
class Told(Lamps):
    """
    Lamps that record what their methods are given.
    """

    told: list[tuple[str, LampSnapshot, str, datetime]] = field(default_factory=list)
    written: list[tuple[State, LampSnapshot, datetime]] = field(default_factory=list)
    observed: list[bool] = field(default_factory=list)
    followed: list[tuple[LampSnapshot, Lamp]] = field(default_factory=list)
    viewed: list[tuple[LampSnapshot, Lamp]] = field(default_factory=list)

    def decide(self, snapshot: LampSnapshot, now: datetime, *, observed: bool) -> Decision[Lamp]:
        self.observed.append(observed)
        return super().decide(snapshot, now, observed=observed)

    def act(self, snapshot: LampSnapshot, step: Step[Lamp], now: datetime) -> State:
        self.told.append(("act", snapshot, step.name, now))
        return super().act(snapshot, step, now)

    def settle(self, snapshot: LampSnapshot, step: Step[Lamp], outcome: State, now: datetime) -> Lamp:
        self.told.append(("settle", snapshot, step.name, now))
        return super().settle(snapshot, step, outcome, now)

    def record_writes(
        self, snapshot: LampSnapshot, record: Lamp, version: Version | None, now: datetime
    ) -> tuple[Write, ...]:
        self.written.append((record.state, snapshot, now))
        return super().record_writes(snapshot, record, version, now)

    def follow_ups(self, snapshot: LampSnapshot, record: Lamp) -> tuple[Task, ...]:
        self.followed.append((snapshot, record))
        return super().follow_ups(snapshot, record)

    def view_writes(self, snapshot: LampSnapshot, record: Lamp) -> tuple[Write, ...]:
        self.viewed.append((snapshot, record))
        return super().view_writes(snapshot, record)


def telling(house: House) -> Told:
    told = Told(house.documents)
    house.lamps = told
    return told


def test_a_controller_is_told_the_snapshot_before_the_claim_and_the_time_of_each_call() -> None:
    house = House(lit=True)
    told = telling(house)
    before = told.read(KEY)
    told.provide = lambda _: house.clock.advance(5)
    house.reconcile()
    lit = Lamp(State.LIT)
    assert told.told == [("act", before, "light", after(0)), ("settle", before, "light", after(5))]
    claimed = Lamp(State.LIGHTING, progress=Progress(Claim("light", after(LEASE_S)), None, after(LEASE_S)))
    settling = replace(before, record=claimed, version=1)
    assert [(state, now) for state, _, now in told.written] == [(State.LIGHTING, after(0)), (State.LIT, after(5))]
    assert told.written[0][1] == before
    assert replace(told.written[1][1], version=1) == settling
    assert [(replace(snapshot, version=1), record) for snapshot, record in told.followed] == [(settling, lit)]
    assert (replace(told.viewed[0][0], version=1), told.viewed[0][1]) == (settling, lit)


@pytest.mark.parametrize(
    ("spec", "raised", "expected"),
    [
        ({"name": "Hall"}, None, [False, False, False, False]),
        ({"lit": True}, None, [False, False, False, False]),
        ({"lit": True}, error(Permanent), [False, False, False, False]),
        ({"watched": True, "shown": {}}, None, [False, True, True, True]),
    ],
    ids=["a write", "a change", "a change that failed", "an observation"],
)
def test_a_controller_is_told_whether_this_run_has_observed_the_thing(
    spec: dict[str, Any], raised: ProviderError | None, expected: list[bool]
) -> None:
    house = House(**spec)
    if "watched" in spec:
        house.documents.commit(Create(LAMP, {"state": "dark", "name": "", **Progress().to_fields()}))
    told = telling(house)
    if raised is not None:
        house.failing(raised)
    house.reconcile()
    assert told.observed == expected


def test_a_claim_keeps_the_last_failure_until_its_outcome_is_known() -> None:
    house = House(lit=True)
    house.failing(error(Transient))
    house.reconcile()
    failure = house.lamp.progress.failure
    assert failure is not None
    assert failure.retry_at is not None
    seen: list[Failure | None] = []
    house.lamps.provide = lambda _: seen.append(house.lamp.progress.failure)
    house.clock.move_to(failure.retry_at)
    house.reconcile()
    assert seen == [failure]


@dataclass
class Neighbourly(Told):
    """
    Lamps whose every write concerns a neighbour.
    """

    def follow_ups(self, snapshot: LampSnapshot, record: Lamp) -> tuple[Task, ...]:
        return (Task("visitNeighbour", snapshot.key),)


@pytest.mark.parametrize("raised", [None, error(Permanent)], ids=["done", "failed"])
def test_claimed_step_enqueues_its_dependents(raised: ProviderError | None) -> None:
    house = House(lit=True)
    house.lamps = Neighbourly(house.documents)
    if raised is not None:
        house.failing(raised)
    house.reconcile()
    assert Task("visitNeighbour", KEY) in house.queue.waiting()


def test_record_that_is_not_due_enqueues_its_dependents() -> None:
    house = House()
    due = Progress(due_at=after(0))
    house.documents.commit(Create(LAMP, {"state": "dark", "name": "", **due.to_fields()}))
    house.lamps = Neighbourly(house.documents)
    house.reconcile()
    assert house.lamp == Lamp()
    assert house.queue.waiting() == (Task("visitNeighbour", KEY),)


def test_an_outcome_that_is_written_again_is_that_of_the_same_key() -> None:
    house = House(lit=True)
    told = telling(house)
    told.provide = lambda _: house.documents.commit(Update(LAMP, {"wish": "green"}))
    assert house.reconcile().key == KEY
    assert [snapshot.key for _, snapshot, _ in told.written] == [KEY] * 3


def test_an_observation_that_fails_while_the_record_is_written_is_made_again() -> None:
    house = House(lit=True)
    house.reconcile()
    house.spec(watched=True)
    house.lamps.asked.clear()

    def provide(_: str) -> None:
        house.lamps.provide = lambda _: None
        house.documents.commit(Update(LAMP, {"wish": "green"}))
        raise error(Transient)

    house.lamps.provide = provide
    house.reconcile()
    assert house.lamps.asked == ["watch", "watch"]
    assert house.lamp == Lamp(State.LIT)


def logged(capsys: pytest.CaptureFixture[str], message: str) -> list[dict[str, Any]]:
    captured = capsys.readouterr()
    lines = [json.loads(line) for line in (captured.out + captured.err).splitlines()]
    return [line for line in lines if line["message"] == message]


def test_a_step_that_was_done_is_logged(capsys: pytest.CaptureFixture[str]) -> None:
    house = House(lit=True)
    house.reconcile()
    (line,) = logged(capsys, "step done")
    assert (line["queue"], line["key"], line["step"]) == ("visitLamp", KEY, "light")


@pytest.mark.parametrize(
    ("raised", "final", "severity"),
    [(error(Permanent), True, "ERROR"), (error(Transient), False, "WARNING")],
    ids=["for good", "for now"],
)
def test_a_step_that_failed_is_logged_with_its_tries(
    raised: ProviderError, final: bool, severity: str, capsys: pytest.CaptureFixture[str]
) -> None:
    house = House(lit=True)
    house.failing(raised)
    house.reconcile()
    (line,) = logged(capsys, "step failed")
    assert (line["queue"], line["key"], line["step"], line["provider"]) == ("visitLamp", KEY, "light", "light")
    assert (line["tries"], line["final"], line["severity"], line["code"]) == (1, final, severity, "FUSE")


def test_an_alarm_says_how_often_a_step_failed_and_where(capsys: pytest.CaptureFixture[str]) -> None:
    house = House(lit=True, retry_permanent=True)
    house.failing(*[error(Transient)] * 1000)
    house.reconcile()
    house.run_until(after(ALARM_AFTER_S + BACKOFF_MAX_S))
    (line,) = logged(capsys, "step stuck")
    assert house.lamp.progress.failure is not None
    assert house.lamp.progress.failure.tries - 1 <= line["tries"] <= house.lamp.progress.failure.tries
    assert (line["provider"], line["code"]) == ("light", "FUSE")


@pytest.mark.parametrize(
    ("step", "spec", "is_told"),
    [("light", "", False), ("find", "", True), ("light", "another", True)],
    ids=["the same step", "another step", "for another spec"],
)
def test_an_alarm_is_raised_once_for_each_step_and_spec(
    step: str, spec: str, is_told: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    house = House(lit=True, name="")
    raised = replace(failed(step=step, spec=spec, since=after(-2 * ALARM_AFTER_S), retry_at=after(0)), alarmed=True)
    lamp = Lamp(progress=Progress(failure=raised))
    house.documents.commit(Create(LAMP, {"state": "dark", "name": "", **lamp.progress.to_fields()}))
    capped = Capped(house.documents)
    house.lamps = capped
    house.failing(error(Transient))
    house.reconcile()
    assert len(logged(capsys, "step stuck")) == is_told


@dataclass
class Capped(Lamps):
    """
    Lamps that are left to a person after the first failure.
    """

    def decide(self, snapshot: LampSnapshot, now: datetime, *, observed: bool) -> Decision[Lamp]:
        decision = super().decide(snapshot, now, observed=observed)
        if isinstance(decision, Step) and decision.name == "light":
            return replace(decision, tries_max=1, retry_permanent=True)
        return decision


@pytest.mark.parametrize(
    ("prepared", "step"), [(False, "light"), (True, "tidy")], ids=["a claim", "nothing left to do"]
)
def test_a_conflict_is_logged_with_its_step(prepared: bool, step: str, capsys: pytest.CaptureFixture[str]) -> None:
    house = House(lit=True)
    if prepared:
        house.reconcile()
        house.documents.commit(Update(LAMP, {"dueAt": after(0)}))
    house.meanwhile("commit", lambda: house.documents.commit(*touched(house)))
    capsys.readouterr()
    assert house.reconcile().key == KEY
    (line,) = logged(capsys, "write conflict")
    assert (line["queue"], line["key"], line["step"]) == ("visitLamp", KEY, step)
    assert house.lamp == Lamp(State.LIT)


def touched(house: House) -> tuple[Write, ...]:
    fields = {"state": "dark", "name": "", **Progress().to_fields()}
    (document,) = house.documents.read(LAMP)
    return (Create(LAMP, fields),) if document is None else (Update(LAMP, {"touched": True}),)


# --- the borders of a reconciliation ----------------------------------------------------------------------------------


@dataclass
class Swept(Lamps):
    """
    Lamps whose later steps are left to the sweep.
    """

    def decide(self, snapshot: LampSnapshot, now: datetime, *, observed: bool) -> Decision[Lamp]:
        decision = super().decide(snapshot, now, observed=observed)
        return replace(decision, is_swept=True) if isinstance(decision, RequeueAt) else decision


@pytest.mark.parametrize("watched", [False, True], ids=["nobody follows", "somebody follows"])
def test_a_later_step_has_a_task_of_its_time_unless_it_is_left_to_the_sweep(watched: bool) -> None:
    dependants = (Task("visitSwitch", KEY),) if watched else ()
    house = House(not_before=after(50), lit=True, watched=watched)
    house.reconcile()
    assert house.queue.waiting() == (*dependants, Task("visitLamp", KEY, after(50), once=after(50).isoformat()))
    house = House(not_before=after(50), lit=True, watched=watched)
    house.lamps = Swept(house.documents)
    house.reconcile()
    assert house.queue.waiting() == dependants


@pytest.mark.parametrize("late_s", [-1, 0, 1], ids=["due before", "due then", "due after"])
def test_a_task_is_left_out_if_the_record_is_due_by_then(late_s: int) -> None:
    at = after(TASK_AHEAD_MAX_S + 1)
    house = House(not_before=at, lit=True)
    due = Progress(due_at=at + timedelta(seconds=late_s))
    house.documents.commit(Create(LAMP, {"state": "dark", "name": "", **due.to_fields()}))
    house.reconcile()
    assert [task.at for task in house.queue.waiting()] == ([at] if late_s > 0 else [])


def test_a_step_is_begun_up_to_the_last_instant_of_the_time() -> None:
    house = House(restless=True, name="")

    def slow(operation: str) -> None:
        if operation == "commit":
            house.clock.advance(RECONCILE_BUDGET_S / 2)

    house.disturb = slow
    house.reconcile()
    assert house.lamp.name == "..."


def test_an_observation_counts_for_the_rest_of_the_run_whatever_is_written() -> None:
    house = House(lit=True)
    house.reconcile()
    house.spec(watched=True)
    house.lamps.asked.clear()
    house.lamps.provide = lambda _: house.spec(shown=None)
    house.reconcile()
    assert house.lamps.asked == ["watch"]
    assert (house.fields(WISH) or {})["shown"] == {"state": "lit", "failure": None}


def test_an_observation_counts_for_the_rest_of_the_run_whatever_fails() -> None:
    house = House(watched=True)

    def provide(step: str) -> None:
        if step == "watch":
            house.spec(lit=True)
        if step == "light":
            raise error(Doubtful)

    house.lamps.provide = provide
    house.reconcile()
    assert house.lamps.asked == ["watch", "light", "find"]
    assert house.lamp == Lamp(State.LIT)


def test_a_change_tells_nothing_about_the_thing_at_its_provider() -> None:
    house = House(lit=True, watched=True)

    def die() -> None:
        raise Died

    commits = 0

    def disturb(operation: str) -> None:
        nonlocal commits
        commits += operation == "commit"
        if operation == "read" and commits == 2:
            die()

    house.disturb = disturb
    with pytest.raises(Died):
        house.reconcile()
    house.disturb = lambda _: None
    assert house.lamp == Lamp(State.LIT, progress=Progress(due_at=after(0)))


def test_a_failure_begins_when_the_provider_has_answered() -> None:
    house = House(lit=True)

    def provide(_: str) -> None:
        house.clock.advance(5)
        raise error(Permanent)

    house.lamps.provide = provide
    house.reconcile()
    assert house.lamp.progress.failure is not None
    assert house.lamp.progress.failure.since == after(5)


def test_a_spec_that_makes_the_record_due_does_not_lose_what_was_done() -> None:
    house = House(lit=True)
    house.lamps.provide = lambda _: house.documents.commit(Update(LAMP, {"wish": "green", "dueAt": after(-60)}))
    house.reconcile()
    assert house.lamp == Lamp(State.LIT)
    assert house.lamps.asked == ["light"]


def test_record_deleted_during_a_step_is_created_again() -> None:
    house = House(lit=True)

    def provide(_: str) -> None:
        house.lamps.provide = lambda _: None
        house.documents.commit(Delete(LAMP))

    house.lamps.provide = provide
    house.reconcile()
    assert house.lamps.asked == ["light", "light"]
    assert house.lamp == Lamp(State.LIT)


def test_an_outcome_is_written_once_more_after_each_of_so_many_conflicts() -> None:
    house = House(lit=True)
    left = TRIES_MAX - 1

    def wish_again(operation: str) -> None:
        nonlocal left
        if operation == "commit" and house.lamps.asked and left:
            left -= 1
            house.disturb = lambda _: None
            house.documents.commit(Update(LAMP, {"wish": left}))
            house.disturb = wish_again

    house.disturb = wish_again
    house.reconcile()
    assert (left, house.lamps.asked) == (0, ["light"])
    assert house.lamp == Lamp(State.LIT)
