"""The cost guard: a switch that stops all work and loses none of it, and a limit of tasks per hour."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import pytest

from emulator_tests.pure.deployment import TEACHER, Deployment
from shared.core.errors import Conflict, Transient
from shared.core.paths import POLL_READINESS, RECONCILE_ADMISSION, RECONCILE_COPY, RECONCILE_SESSION, RECONCILE_VIDEO
from shared.operations.kill_switch import AGAIN_S, COUNTED_TOGETHER, LAST_LINE, SWITCH, SWITCH_READ_S, KillSwitch
from shared.ports import Create, MediaState, Observation, Task, Update
from shared.reconcile.bulk import QUEUES, TASKS, pace_of
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
    return KillSwitch(deployment.documents, deployment.queue, deployment.clock, limit)


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


def test_while_it_is_stopped_a_task_leaves_its_task_for_later_and_such_tasks_merge() -> None:
    deployment = Deployment()
    write_switch(deployment, stopped=True)
    kill_switch = guard_of(deployment)
    for _ in range(5):
        assert not kill_switch.admits(TASK)
        assert not kill_switch.admits(Task(RECONCILE_VIDEO, "v1"))
    waiting = deployment.queue.waiting()
    assert [(task.queue, task.key) for task in waiting] == [(RECONCILE_SESSION, "s1"), (RECONCILE_VIDEO, "v1")]
    assert {task.at for task in waiting} == {deployment.clock() + timedelta(seconds=AGAIN_S)}


def test_while_it_is_stopped_callers_are_told_to_come_later() -> None:
    deployment = Deployment()
    write_switch(deployment, stopped=True)
    with pytest.raises(Transient, match="paused by its operator") as raised:
        guard_of(deployment).require_open()
    assert (raised.value.code, raised.value.reason, raised.value.retry_after_s) == ("STOPPED", "PAUSED", AGAIN_S)


def test_nothing_that_was_stopped_is_lost() -> None:
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
    while kill_switch.admits(BULK):
        pass
    kill_switch.start()
    assert kill_switch.admits(BULK)


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


def test_nobody_waits_for_bulk_work() -> None:
    assert QUEUES.isdisjoint({RECONCILE_SESSION, RECONCILE_VIDEO, POLL_READINESS, RECONCILE_ADMISSION})


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
    while kill_switch._known.uncounted:
        kill_switch.admits(TASK)
        admitted += 1
    (counted,) = deployment.documents.read(TASKS)
    assert counted is not None
    # Who lost against another adds his to the next, so they need not come by the dozen.
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
