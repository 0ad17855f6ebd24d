"""The cost guard: a switch that stops all work and loses none of it, and a limit of tasks per hour."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import pytest

from emulator_tests.memory import undisturbed
from emulator_tests.pure.deployment import TEACHER, Deployment
from shared.core.errors import Conflict, Transient
from shared.core.paths import POLL_READINESS, RECONCILE_ADMISSION, RECONCILE_COPY, RECONCILE_SESSION, RECONCILE_VIDEO
from shared.operations.kill_switch import AGAIN_S, COUNTED_TOGETHER, LAST_LINE, SWITCH, SWITCH_READ_S, KillSwitch
from shared.ports import Create, MediaState, Observation, Task, Update
from shared.reconcile.bulk import TASKS, pace_of
from shared.registry import BULK_QUEUES
from shared.videos.commands import delete_video
from shared.videos.model import VideoState

T = TypeVar("T")

LIMIT = 100
SECOND = timedelta(seconds=1)
TASK = Task(RECONCILE_SESSION, "s1")
UPLOAD = Task(RECONCILE_VIDEO, "v1")
BULK = Task(RECONCILE_COPY, "v1:archive")
READY = Observation(MediaState.READY, percent=100, duration_s=10.0, size_bytes=1000, media_type="video/mp4")


def guard_of(deployment: Deployment, limit: int = LIMIT) -> KillSwitch:
    return KillSwitch(deployment.documents, deployment.queue, deployment.clock, limit, BULK_QUEUES)


def write_switch(deployment: Deployment, **fields: Any) -> None:
    """
    A person writes the switch, in the console.
    """
    (there,) = deployment.documents.read(SWITCH)
    deployment.documents.commit(Create(SWITCH, fields) if there is None else Update(SWITCH, fields))


class Guarded:
    """
    A deployment whose workers ask a kill switch, as those of `functions/work.py` do.
    """

    def __init__(self) -> None:
        self.deployment = Deployment()
        self.kill_switch = guard_of(self.deployment, 100_000)
        self.done: list[Task] = []

    def deliver(self, task: Task) -> None:
        if self.kill_switch.admits(task):
            self.done.append(task)
            self.deployment.deliver(task)

    def run(self, seconds: float = 0) -> None:
        until = self.deployment.clock() + timedelta(seconds=seconds)
        self.deployment.queue.deliver_until(until, self.deliver)


def test_without_a_switch_everything_is_admitted() -> None:
    deployment = Deployment()
    kill_switch = guard_of(deployment)
    assert kill_switch.admits(TASK)
    kill_switch.require_open()
    assert deployment.documents.paths() == ()
    assert deployment.queue.waiting() == ()


@pytest.mark.parametrize(
    ("fields", "stopped"),
    [
        ({"stopped": True}, True),
        ({"stopped": False}, False),
        ({"stopped": "true"}, False),
        ({"stopped": 1}, False),
        ({}, False),
        ({"stopped": True, "until": None, "why": "A test."}, True),
        ({"until": "tomorrow"}, False),
    ],
    ids=repr,
)
def test_the_switch_is_thrown_by_exactly_true(fields: dict[str, Any], stopped: bool) -> None:
    deployment = Deployment()
    write_switch(deployment, **fields)
    assert guard_of(deployment).is_stopped() is stopped


def test_the_switch_holds_until_its_time_is_over() -> None:
    deployment = Deployment()
    write_switch(deployment, until=deployment.clock() + timedelta(seconds=100))
    kill_switch = guard_of(deployment)
    assert kill_switch.is_stopped()
    deployment.clock.advance(99)
    assert kill_switch.is_stopped()
    deployment.clock.advance(SWITCH_READ_S)
    assert not kill_switch.is_stopped()


def test_the_switch_is_read_once_in_so_many_seconds() -> None:
    deployment = Deployment()
    kill_switch = guard_of(deployment)
    reads: list[str] = []

    def counting(operation: str, do: Callable[[], T]) -> T:
        reads.append(operation)
        return do()

    deployment.disturb = counting
    for _ in range(10):
        kill_switch.admits(TASK)
    assert reads == ["read"]
    deployment.clock.advance(SWITCH_READ_S)
    kill_switch.admits(TASK)
    assert reads == ["read", "read"]


def test_stopped_tasks_are_postponed_and_merged() -> None:
    deployment = Deployment()
    write_switch(deployment, stopped=True)
    kill_switch = guard_of(deployment)
    for _ in range(5):
        assert not kill_switch.admits(TASK)
        assert not kill_switch.admits(Task(RECONCILE_VIDEO, "v1"))
    at = deployment.clock() + timedelta(seconds=AGAIN_S)
    once = f"stopped {at.isoformat()}"
    assert deployment.queue.waiting() == (
        Task(RECONCILE_SESSION, "s1", at, once=once),
        Task(RECONCILE_VIDEO, "v1", at, once=once),
    )


def test_a_held_task_is_logged_with_its_worker_and_key(capsys: pytest.CaptureFixture[str]) -> None:
    deployment = Deployment()
    write_switch(deployment, stopped=True)
    assert not guard_of(deployment).admits(TASK)
    (line,) = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "work is stopped" in line]
    assert (line["function"], line["key"]) == (RECONCILE_SESSION, "s1")


def test_while_it_is_stopped_callers_are_told_to_come_later() -> None:
    deployment = Deployment()
    write_switch(deployment, stopped=True)
    with pytest.raises(Transient) as raised:
        guard_of(deployment).require_open()
    error = raised.value
    assert str(error) == "This service is paused by its operator. Try again later."
    assert (error.provider, error.operation, error.code) == ("greenroom", "guard", "STOPPED")
    assert (error.reason, error.retry_after_s) == ("PAUSED", AGAIN_S)


def test_stopped_tasks_are_not_lost() -> None:
    guarded = Guarded()
    deployment = guarded.deployment
    deployment.write_session()
    deployment.write_session("s2", format="liveStreaming")
    first, second = (deployment.ask_upload(f"r{number}").video_id for number in range(2))
    deployment.show(first, READY)
    guarded.kill_switch.stop("A test.")
    deployment.queue.put(Task(RECONCILE_SESSION, "s2"))
    delete_video(TEACHER, second, deployment.documents, deployment.queue, deployment.clock)
    before = guarded.done.copy()

    guarded.run(3 * 3600)

    assert guarded.done == before, "no work is done"
    assert deployment.events.alive() == ()
    waiting = {(task.queue, task.key.partition(":")[0]) for task in deployment.queue.waiting()}
    assert {(RECONCILE_SESSION, "s2"), (RECONCILE_VIDEO, second), (POLL_READINESS, "memory")} <= waiting

    guarded.kill_switch.start()
    guarded.run(AGAIN_S)
    # The readiness poller's chain goes on where it stood, and finds what became ready meanwhile.
    guarded.run(60)
    assert len(deployment.events.alive()) == 1
    assert deployment.video(second).state is VideoState.GONE
    assert deployment.video(first).state is VideoState.READY
    assert not deployment.chain().running


@pytest.mark.long
def test_however_many_tasks_there_were_one_is_left_of_each_and_none_of_them_works() -> None:
    guarded = Guarded()
    guarded.kill_switch.stop("A chain has branched.")
    for _ in range(1000):
        guarded.deployment.queue.put(TASK)
    deliveries = guarded.deployment.queue.deliver_until(
        guarded.deployment.clock() + timedelta(hours=1), guarded.deliver
    )
    assert deliveries == 1000 + 6, "once each, and then one every ten minutes"
    assert guarded.done == []


def test_too_many_tasks_in_an_hour_hold_bulk_work_until_the_hour_is_over(capsys: pytest.CaptureFixture[str]) -> None:
    """
    A6, A16: what others upload goes on.
    """
    deployment = Deployment()
    kill_switch = guard_of(deployment)
    admitted = sum(kill_switch.admits(BULK) for _ in range(LIMIT + 2 * COUNTED_TOGETHER))
    assert LIMIT < admitted <= LIMIT + COUNTED_TOGETHER
    assert kill_switch.admits(UPLOAD)
    kill_switch.require_open()
    assert not kill_switch.is_stopped()
    (alarm,) = [line for line in capsys.readouterr().err.splitlines() if "tasks limit reached" in line]
    assert json.loads(alarm)["severity"] == "ALERT"
    assert json.loads(alarm)["holds"] == "bulk"
    held = [(task.queue, task.at) for task in deployment.queue.waiting()]
    assert held == [(RECONCILE_COPY, deployment.clock() + timedelta(hours=1))]

    deployment.clock.advance(3600)
    assert kill_switch.admits(BULK)
    assert sum(kill_switch.admits(BULK) for _ in range(LIMIT - COUNTED_TOGETHER)) == LIMIT - COUNTED_TOGETHER


def test_twice_as_many_tasks_hold_every_task_and_refuse_no_caller(capsys: pytest.CaptureFixture[str]) -> None:
    """
    A6: the last line.
    """
    deployment = Deployment()
    kill_switch = guard_of(deployment)
    most = LAST_LINE * LIMIT
    admitted = sum(kill_switch.admits(UPLOAD) for _ in range(most + 5 * COUNTED_TOGETHER))
    assert most < admitted <= most + COUNTED_TOGETHER
    kill_switch.require_open()
    alarms = [json.loads(line) for line in capsys.readouterr().err.splitlines() if "tasks limit reached" in line]
    assert [alarm["holds"] for alarm in alarms] == ["bulk", "tasks"]
    switch = deployment.document(SWITCH).fields
    assert (switch["stopped"], switch["until"]) == (False, None)
    deployment.clock.advance(3600)
    assert kill_switch.admits(UPLOAD)


def test_an_operator_who_starts_again_lets_held_tasks_go_at_once() -> None:
    deployment = Deployment()
    kill_switch = guard_of(deployment)
    assert not all(kill_switch.admits(BULK) for _ in range(2 * LIMIT))
    kill_switch.start()
    assert kill_switch.admits(BULK)


SWITCHED_ON = {"stopped": True, "until": None, "why": "A test."}
SWITCHED_OFF = {"stopped": False, "until": None, "bulkUntil": None, "tasksUntil": None, "why": ""}


def test_stop_creates_the_switch_and_start_clears_every_field_of_it() -> None:
    deployment = Deployment()
    guard_of(deployment).stop("A test.")
    assert deployment.document(SWITCH).fields == SWITCHED_ON
    guard_of(deployment).start()
    assert deployment.document(SWITCH).fields == SWITCHED_OFF


@pytest.mark.parametrize("before", [None, {"until": datetime(2030, 1, 1, tzinfo=UTC), "why": "Costs."}], ids=repr)
def test_start_writes_the_same_switch_whatever_was_there(before: dict[str, Any] | None) -> None:
    deployment = Deployment()
    if before is not None:
        write_switch(deployment, **before)
    guard_of(deployment).start()
    assert deployment.document(SWITCH).fields == SWITCHED_OFF


def test_stop_keeps_what_else_the_switch_says() -> None:
    deployment = Deployment()
    until = deployment.clock() + timedelta(hours=1)
    write_switch(deployment, until=until, why="Costs.")
    guard_of(deployment).stop("A test.")
    assert deployment.document(SWITCH).fields == {"stopped": True, "until": until, "why": "A test."}


@pytest.mark.parametrize(
    ("tasks", "count"),
    [(COUNTED_TOGETHER - 1, None), (COUNTED_TOGETHER, 25), (2 * COUNTED_TOGETHER - 1, 25), (2 * COUNTED_TOGETHER, 50)],
    ids=repr,
)
def test_tasks_are_counted_by_the_hour_in_batches(tasks: int, count: int | None) -> None:
    deployment = Deployment()
    kill_switch = guard_of(deployment)
    assert all(kill_switch.admits(TASK) for _ in range(tasks))
    hour = int(deployment.clock().timestamp()) // 3600
    (counted,) = deployment.documents.read(TASKS)
    assert (None if counted is None else counted.fields) == (None if count is None else {"hour": hour, "count": count})


def test_the_count_of_the_next_hour_begins_at_nothing() -> None:
    deployment = Deployment()
    kill_switch = guard_of(deployment)
    for _ in range(2):
        assert all(kill_switch.admits(TASK) for _ in range(COUNTED_TOGETHER))
        deployment.clock.advance(3600)
    hour = int(deployment.clock().timestamp()) // 3600 - 1
    assert deployment.document(TASKS).fields == {"hour": hour, "count": COUNTED_TOGETHER}


def test_the_limit_itself_is_admitted_and_the_batch_beyond_it_holds_bulk_work(
    capsys: pytest.CaptureFixture[str],
) -> None:
    deployment = Deployment()
    kill_switch = guard_of(deployment)
    assert all(kill_switch.admits(BULK) for _ in range(LIMIT))
    assert deployment.documents.read(SWITCH) == (None,)
    assert all(kill_switch.admits(BULK) for _ in range(COUNTED_TOGETHER))
    over_at = deployment.clock() + timedelta(hours=1)
    why = f"More than {LIMIT} tasks in one hour."
    assert deployment.document(SWITCH).fields == {"stopped": False, "until": None, "bulkUntil": over_at, "why": why}
    (alarm,) = [json.loads(line) for line in capsys.readouterr().err.splitlines() if "tasks limit reached" in line]
    assert (alarm["count"], alarm["until"]) == (LIMIT + COUNTED_TOGETHER, over_at.isoformat())
    assert not kill_switch.admits(BULK)


def test_every_task_is_held_beyond_twice_the_limit() -> None:
    deployment = Deployment()
    kill_switch = guard_of(deployment)
    assert all(kill_switch.admits(TASK) for _ in range(LAST_LINE * LIMIT + COUNTED_TOGETHER))
    switch = deployment.document(SWITCH).fields
    assert switch["tasksUntil"] == deployment.clock() + timedelta(hours=1)
    assert switch["why"] == f"More than {LAST_LINE * LIMIT} tasks in one hour."
    assert not kill_switch.admits(TASK)


@pytest.mark.parametrize(
    ("field", "task", "held_s"),
    [
        ("bulkUntil", BULK, 100),
        ("bulkUntil", TASK, None),
        ("tasksUntil", BULK, 100),
        ("tasksUntil", TASK, 100),
    ],
    ids=["bulk held, bulk", "bulk held, other", "all held, bulk", "all held, other"],
)
def test_a_hold_ends_at_its_instant(field: str, task: Task, held_s: int | None) -> None:
    deployment = Deployment()
    until = deployment.clock() + timedelta(seconds=100)
    write_switch(deployment, **{field: until})
    kill_switch = guard_of(deployment)
    assert kill_switch.admits(task) is (held_s is None)
    assert [waiting.at for waiting in deployment.queue.waiting()] == ([] if held_s is None else [until])
    deployment.clock.advance(99)
    assert kill_switch.admits(task) is (held_s is None)
    deployment.clock.advance(1)
    assert kill_switch.admits(task)


def test_of_two_holds_the_later_one_counts() -> None:
    deployment = Deployment()
    now = deployment.clock()
    write_switch(deployment, bulkUntil=now + timedelta(hours=1), tasksUntil=now + timedelta(hours=2))
    kill_switch = guard_of(deployment)
    assert not kill_switch.admits(BULK)
    assert [task.at for task in deployment.queue.waiting()] == [now + timedelta(hours=2)]


def test_the_switch_is_off_from_its_instant_on() -> None:
    deployment = Deployment()
    until = deployment.clock() + timedelta(seconds=SWITCH_READ_S)
    write_switch(deployment, until=until)
    kill_switch = guard_of(deployment)
    assert kill_switch.is_stopped()
    deployment.clock.advance(SWITCH_READ_S)
    assert not kill_switch.is_stopped()


def test_tasks_admitted_while_a_count_is_refused_are_counted_too() -> None:
    deployment = Deployment()
    kill_switch = guard_of(deployment)

    def refused_once(operation: str, do: Callable[[], T]) -> T:
        if operation != "commit":
            return do()
        deployment.disturb = undisturbed
        assert kill_switch.admits(TASK)
        raise Conflict("Someone wrote first.")

    deployment.disturb = refused_once
    assert all(kill_switch.admits(TASK) for _ in range(COUNTED_TOGETHER))
    assert kill_switch.admits(TASK)
    assert deployment.document(TASKS).fields["count"] == COUNTED_TOGETHER + 2


def test_a_count_never_overwrites_that_of_another_instance() -> None:
    deployment = Deployment()
    one, another = guard_of(deployment), guard_of(deployment)
    assert all(one.admits(TASK) for _ in range(2 * COUNTED_TOGETHER - 1))

    def overtaken(operation: str, do: Callable[[], T]) -> T:
        if operation == "commit":
            deployment.disturb = undisturbed
            assert all(another.admits(TASK) for _ in range(COUNTED_TOGETHER))
        return do()

    deployment.disturb = overtaken
    assert one.admits(TASK)
    assert deployment.document(TASKS).fields["count"] == 2 * COUNTED_TOGETHER, "its own first, and the other's"
    assert one.admits(TASK)
    assert deployment.document(TASKS).fields["count"] == 3 * COUNTED_TOGETHER + 1


@pytest.mark.parametrize(
    ("minutes", "count", "waits_s"),
    [
        pytest.param(0, 2, None, id="what may be done at once"),
        pytest.param(0, 12, 720, id="too much at once"),
        pytest.param(30, 26, None, id="its share of half an hour"),
        pytest.param(30, 45, 3221, id="more than that"),
        pytest.param(30, 90, 3600, id="more than its share of the hour"),
        pytest.param(59, 48, None, id="nearly all of its share"),
    ],
)
def test_bulk_work_waits_where_others_do_many_tasks(minutes: int, count: int, waits_s: int | None) -> None:
    """
    A16: all tasks count, of whatever kind.
    """
    deployment = Deployment()
    hour = int(deployment.clock().timestamp()) // 3600
    begins_at = datetime.fromtimestamp(hour * 3600, UTC)
    deployment.clock.advance((begins_at + timedelta(minutes=minutes) - deployment.clock()).total_seconds())
    pace = pace_of(deployment.documents, deployment.clock, LIMIT)
    assert pace() is None, "nobody has counted"
    deployment.documents.commit(Create(TASKS, {"hour": hour, "count": count}))
    until = pace()
    assert until == (None if waits_s is None else pytest.approx(begins_at + timedelta(seconds=waits_s), abs=SECOND))
    deployment.clock.advance(3600)
    assert pace() is None, "that was an hour ago"


def test_bulk_work_delays_no_other_task() -> None:
    assert BULK_QUEUES.isdisjoint({RECONCILE_SESSION, RECONCILE_VIDEO, POLL_READINESS, RECONCILE_ADMISSION})


def test_the_limit_leaves_a_switch_that_a_person_has_thrown() -> None:
    deployment = Deployment()
    kill_switch = guard_of(deployment)
    for _ in range(LIMIT):
        kill_switch.admits(TASK)
    write_switch(deployment, stopped=True, why="Out for lunch.")
    for _ in range(3 * COUNTED_TOGETHER):
        kill_switch.admits(TASK)
    deployment.clock.advance(2 * 3600)
    assert kill_switch.is_stopped()


def test_instances_count_together() -> None:
    deployment = Deployment()
    guards = [guard_of(deployment) for _ in range(4)]
    admitted = 0
    for _ in range(LIMIT):
        for kill_switch in guards:
            admitted += kill_switch.admits(BULK)
        deployment.clock.advance(SWITCH_READ_S)
        if not guards[0].admits(BULK):
            break
        admitted += 1
    assert LIMIT <= admitted <= LIMIT + len(guards) * (COUNTED_TOGETHER + 1)


def test_threads_count_together() -> None:
    deployment = Deployment()
    kill_switch = guard_of(deployment, 10**6)
    with ThreadPoolExecutor(8) as pool:
        admitted = len(list(pool.map(lambda _: kill_switch.admits(TASK), range(40 * COUNTED_TOGETHER))))
    for _ in range(2 * COUNTED_TOGETHER):
        if kill_switch._known.uncounted:
            kill_switch.admits(TASK)
            admitted += 1
    (counted,) = deployment.documents.read(TASKS)
    assert counted is not None
    # A count that lost a conflict is added to the next, so the counts need not come in dozens.
    assert counted.fields["count"] == admitted


def test_a_count_that_lost_is_added_with_the_next() -> None:
    deployment = Deployment()
    kill_switch = guard_of(deployment, 10**6)

    def lost(operation: str, do: Callable[[], T]) -> T:
        if operation == "commit":
            raise Conflict("Someone wrote first.")
        return do()

    deployment.disturb = lost
    for _ in range(COUNTED_TOGETHER):
        kill_switch.admits(TASK)
    assert kill_switch._known.uncounted == COUNTED_TOGETHER


def test_a_person_stops_and_starts_by_command() -> None:
    deployment = Deployment()
    kill_switch, other = guard_of(deployment), guard_of(deployment)
    assert not other.is_stopped()
    kill_switch.stop("Something costs too much.")
    assert kill_switch.is_stopped()
    deployment.clock.advance(SWITCH_READ_S)
    assert other.is_stopped()
    assert deployment.document(SWITCH).fields["why"] == "Something costs too much."
    kill_switch.start()
    assert not kill_switch.is_stopped()
    deployment.clock.advance(SWITCH_READ_S)
    assert not other.is_stopped()
