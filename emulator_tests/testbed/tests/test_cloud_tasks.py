"""Cloud Tasks on this machine behaves as the cloud's documentation says, judged through google-cloud-tasks.

Called by pytest. Each test has a queue and a receiver of its own.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from google.api_core import exceptions
from google.cloud import tasks_v2

from emulator_tests.testbed.cloud_tasks.queues import Job, Queue, Retry, instant
from emulator_tests.testbed.tests.conftest import PARENT, Receiver

QUEUE = f"{PARENT}/queues/alone"

Client = tasks_v2.CloudTasksClient
NewQueue = Callable[..., str]

QUICK_RETRY = {
    "max_attempts": 3,
    "min_backoff": timedelta(milliseconds=200),
    "max_backoff": timedelta(seconds=10),
    "max_doublings": 5,
}


def put(client: Client, queue: str, url: str, **settings: object) -> tasks_v2.Task:
    """
    Create a task for the URL.
    """
    request = tasks_v2.HttpRequest(url=url, body=b"{}", headers={"Content-Type": "application/json"})
    return client.create_task(parent=queue, task=tasks_v2.Task(http_request=request, **settings))


def wait_until_gone(client: Client, name: str) -> None:
    """
    Wait until the task has ended.
    """
    deadline_s = time.monotonic() + 10
    while time.monotonic() < deadline_s:
        try:
            client.get_task(name=name)
        except exceptions.NotFound:
            return
    pytest.fail(f"{name} has not ended in 10 s")


def test_a_task_is_sent_at_once_with_its_body_and_the_headers_of_the_service(
    cloud_tasks: Client, new_queue: NewQueue, receiver: Receiver
) -> None:
    queue = new_queue()
    before_s = time.monotonic()
    task = put(cloud_tasks, queue, f"{receiver.url}/work")
    (call,) = receiver.wait_for(1)
    assert call.at_s - before_s < 5
    assert (call.path, call.body) == ("/work", b"{}")
    assert call.headers["content-type"] == "application/json"
    assert call.headers["user-agent"] == "Google-Cloud-Tasks"
    assert call.headers["x-cloudtasks-queuename"] == queue.rpartition("/")[2]
    assert call.headers["x-cloudtasks-taskname"] == task.name.rpartition("/")[2]
    assert call.headers["x-cloudtasks-taskretrycount"] == "0"
    assert call.headers["x-cloudtasks-taskexecutioncount"] == "0"
    assert "x-cloudtasks-taskpreviousresponse" not in call.headers
    wait_until_gone(cloud_tasks, task.name)
    assert len(receiver.calls) == 1


def test_a_task_waits_for_its_schedule_time(cloud_tasks: Client, new_queue: NewQueue, receiver: Receiver) -> None:
    queue = new_queue()
    before_s, soon = time.monotonic(), datetime.now(UTC) + timedelta(seconds=1)
    put(cloud_tasks, queue, f"{receiver.url}/later", schedule_time=soon)
    put(cloud_tasks, queue, f"{receiver.url}/now")
    first, second = receiver.wait_for(2)
    assert [first.path, second.path] == ["/now", "/later"]
    assert second.at_s - before_s >= 1


def test_a_failing_task_is_tried_again_with_growing_waits_and_then_given_up(
    cloud_tasks: Client, new_queue: NewQueue, receiver: Receiver
) -> None:
    queue = new_queue(retry_config=QUICK_RETRY)
    task = put(cloud_tasks, queue, f"{receiver.url}/503")
    calls = receiver.wait_for(3)
    waits_s = [later.at_s - earlier.at_s for earlier, later in itertools.pairwise(calls)]
    assert waits_s[0] >= 0.2
    assert waits_s[1] >= 0.4
    assert [call.headers["x-cloudtasks-taskretrycount"] for call in calls] == ["0", "1", "2"]
    assert [call.headers.get("x-cloudtasks-taskpreviousresponse") for call in calls] == [None, "503", "503"]
    wait_until_gone(cloud_tasks, task.name)
    assert len(receiver.calls) == 3


def test_a_task_whose_receiver_is_not_there_is_tried_again(
    cloud_tasks: Client, new_queue: NewQueue, receiver: Receiver
) -> None:
    queue = new_queue(retry_config={"min_backoff": timedelta(minutes=1)})
    task = put(cloud_tasks, queue, "http://127.0.0.1:1/nobody")
    deadline_s = time.monotonic() + 10
    while not (seen := cloud_tasks.get_task(name=task.name)).last_attempt.response_status.message:
        assert time.monotonic() < deadline_s
    assert (seen.dispatch_count, seen.response_count) == (1, 0)
    assert (instant(seen.schedule_time) or datetime.now(UTC)) > datetime.now(UTC) + timedelta(seconds=30)
    assert receiver.calls == []


def test_tasks_of_one_queue_run_side_by_side_up_to_its_limit(
    cloud_tasks: Client, new_queue: NewQueue, receiver: Receiver
) -> None:
    queue = new_queue(rate_limits={"max_concurrent_dispatches": 2})
    for _ in range(3):
        put(cloud_tasks, queue, f"{receiver.url}/held")
    receiver.wait_for(2)
    put(cloud_tasks, new_other(cloud_tasks, queue), f"{receiver.url}/other")
    assert [call.path for call in receiver.wait_for(3)] == ["/held", "/held", "/other"]
    receiver.release.set()
    assert receiver.wait_for(4)[3].path == "/held"


def new_other(client: Client, queue: str) -> str:
    """
    A second queue beside the first.
    """
    name: str = client.create_queue(parent=PARENT, queue=tasks_v2.Queue(name=f"{queue}-2")).name
    return name


def test_a_queue_keeps_to_its_dispatches_per_second(
    cloud_tasks: Client, new_queue: NewQueue, receiver: Receiver
) -> None:
    queue = new_queue(rate_limits={"max_dispatches_per_second": 5})
    for _ in range(10):
        put(cloud_tasks, queue, f"{receiver.url}/work")
    calls = receiver.wait_for(10)
    # Five at once are the burst, the other five come one each 0.2 s.
    assert calls[9].at_s - calls[0].at_s >= 0.8


def test_a_name_is_used_once(cloud_tasks: Client, new_queue: NewQueue, receiver: Receiver) -> None:
    queue = new_queue()
    later = datetime.now(UTC) + timedelta(hours=1)
    put(cloud_tasks, queue, f"{receiver.url}/work", name=f"{queue}/tasks/waiting", schedule_time=later)
    with pytest.raises(exceptions.AlreadyExists):
        put(cloud_tasks, queue, f"{receiver.url}/work", name=f"{queue}/tasks/waiting")
    put(cloud_tasks, queue, f"{receiver.url}/work", name=f"{queue}/tasks/done")
    wait_until_gone(cloud_tasks, f"{queue}/tasks/done")
    with pytest.raises(exceptions.AlreadyExists):
        put(cloud_tasks, queue, f"{receiver.url}/work", name=f"{queue}/tasks/done")
    cloud_tasks.delete_task(name=f"{queue}/tasks/waiting")
    with pytest.raises(exceptions.AlreadyExists):
        put(cloud_tasks, queue, f"{receiver.url}/work", name=f"{queue}/tasks/waiting")
    assert len(receiver.calls) == 1


def test_a_deleted_task_is_not_sent_and_one_being_sent_is_not_tried_again(
    cloud_tasks: Client, new_queue: NewQueue, receiver: Receiver
) -> None:
    queue = new_queue(retry_config=QUICK_RETRY | {"min_backoff": timedelta(milliseconds=1)})
    soon = datetime.now(UTC) + timedelta(milliseconds=500)
    waiting = put(cloud_tasks, queue, f"{receiver.url}/waiting", schedule_time=soon)
    failing = put(cloud_tasks, queue, f"{receiver.url}/held/503")
    receiver.wait_for(1)
    cloud_tasks.delete_task(name=waiting.name)
    cloud_tasks.delete_task(name=failing.name)
    receiver.release.set()
    after = put(cloud_tasks, queue, f"{receiver.url}/after", schedule_time=soon + timedelta(milliseconds=200))
    wait_until_gone(cloud_tasks, after.name)
    assert [call.path for call in receiver.calls] == ["/held/503", "/after"]


def test_a_purged_queue_forgets_its_tasks_and_takes_new_ones(
    cloud_tasks: Client, new_queue: NewQueue, receiver: Receiver
) -> None:
    queue = new_queue(retry_config=QUICK_RETRY)
    for _ in range(5):
        put(cloud_tasks, queue, f"{receiver.url}/500")
    receiver.wait_for(5)
    cloud_tasks.purge_queue(name=queue)
    assert list(cloud_tasks.list_tasks(parent=queue)) == []
    put(cloud_tasks, queue, f"{receiver.url}/after")
    assert receiver.wait_for(6)[5].path == "/after"


def test_a_paused_queue_sends_when_it_is_resumed_and_a_task_can_be_run_by_hand(
    cloud_tasks: Client, new_queue: NewQueue, receiver: Receiver
) -> None:
    queue = new_queue()
    assert cloud_tasks.pause_queue(name=queue).state == tasks_v2.Queue.State.PAUSED
    put(cloud_tasks, queue, f"{receiver.url}/waits")
    by_hand = put(cloud_tasks, queue, f"{receiver.url}/by-hand")
    cloud_tasks.run_task(name=by_hand.name)
    assert receiver.wait_for(1)[0].path == "/by-hand"
    wait_until_gone(cloud_tasks, by_hand.name)
    cloud_tasks.resume_queue(name=queue)
    assert receiver.wait_for(2)[1].path == "/waits"
    assert len(receiver.calls) == 2


def test_a_task_run_by_hand_is_not_sent_again_when_its_time_comes(
    cloud_tasks: Client, new_queue: NewQueue, receiver: Receiver
) -> None:
    queue = new_queue()
    soon = datetime.now(UTC) + timedelta(milliseconds=500)
    by_hand = put(cloud_tasks, queue, f"{receiver.url}/held", schedule_time=soon)
    cloud_tasks.run_task(name=by_hand.name)
    put(cloud_tasks, queue, f"{receiver.url}/after", schedule_time=soon + timedelta(milliseconds=100))
    assert [call.path for call in receiver.wait_for(2)] == ["/held", "/after"]


def test_a_listed_task_shows_its_payload_only_in_the_full_view(
    cloud_tasks: Client, new_queue: NewQueue, receiver: Receiver
) -> None:
    queue = new_queue()
    later = datetime.now(UTC) + timedelta(hours=1)
    names = [put(cloud_tasks, queue, f"{receiver.url}/work", schedule_time=later).name for _ in range(3)]
    pages = cloud_tasks.list_tasks({"parent": queue, "page_size": 2})
    assert [task.name for task in pages] == names
    full = cloud_tasks.get_task({"name": names[0], "response_view": tasks_v2.Task.View.FULL})
    assert full.http_request.body == b"{}"
    assert cloud_tasks.get_task(name=names[0]).http_request.body == b""
    assert instant(full.schedule_time) == later


def test_a_task_for_a_queue_that_is_not_there_is_refused(
    cloud_tasks: Client, new_queue: NewQueue, receiver: Receiver
) -> None:
    queue = new_queue()
    cloud_tasks.delete_queue(name=queue)
    with pytest.raises(exceptions.NotFound):
        put(cloud_tasks, queue, f"{receiver.url}/work")


def test_a_task_that_is_not_answered_by_its_deadline_comes_again(receiver: Receiver) -> None:
    """
    B21. With a deadline shorter than a client may ask for, so that it need not be waited for.
    """

    async def held() -> Job:
        async with httpx.AsyncClient(timeout=None, trust_env=False) as http:
            queue = Queue(tasks_v2.Queue(name=QUEUE, retry_config=QUICK_RETRY), http)
            request = tasks_v2.HttpRequest(url=f"{receiver.url}/held", http_method=tasks_v2.HttpMethod.POST)
            at = datetime.now(UTC)
            job = Job(f"{QUEUE}/tasks/1", request, at, at, deadline=timedelta(milliseconds=100))
            queue.add(job)
            await asyncio.to_thread(receiver.wait_for, 2)
            queue.close()
            return job

    job = asyncio.run(held())

    assert (job.dispatches, job.responses) == (2, 0)
    assert job.last_attempt is not None
    assert "no answer before the deadline" in job.last_attempt.response_status.message


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({"schedule_time": datetime(2999, 1, 1, tzinfo=UTC)}, id="more than 30 days ahead"),
        pytest.param({"dispatch_deadline": timedelta(seconds=5)}, id="a deadline under 15 s"),
        pytest.param({"dispatch_deadline": timedelta(minutes=31)}, id="a deadline over 30 min"),
        pytest.param({"name": "elsewhere/tasks/1"}, id="a name of another queue"),
    ],
)
def test_invalid_tasks_are_refused_as_in_the_cloud(
    cloud_tasks: Client, receiver: Receiver, settings: dict[str, object], new_refusing_queue: str
) -> None:
    with pytest.raises(exceptions.InvalidArgument):
        put(cloud_tasks, new_refusing_queue, f"{receiver.url}/work", **settings)
    assert receiver.calls == []


@pytest.fixture(scope="module")
def new_refusing_queue(cloud_tasks: Client) -> str:
    """
    One queue for all that is refused.
    """
    name: str = cloud_tasks.create_queue(parent=PARENT, queue=tasks_v2.Queue(name=f"{PARENT}/queues/refusing")).name
    return name


def test_a_queue_with_an_underscore_in_its_name_is_refused(cloud_tasks: Client) -> None:
    with pytest.raises(exceptions.InvalidArgument):
        cloud_tasks.create_queue(parent=PARENT, queue=tasks_v2.Queue(name=f"{PARENT}/queues/on_created"))


def test_the_waits_grow_as_in_the_reference() -> None:
    # Source: RetryConfig.max_doublings, "If min_backoff is 10s, max_backoff is 300s, and max_doublings is 3".
    retry = Retry(100, timedelta(0), timedelta(seconds=10), timedelta(seconds=300), 3)
    waits = [retry.backoff(attempts).total_seconds() for attempts in range(1, 9)]
    assert waits == [10, 20, 40, 80, 160, 240, 300, 300]


@pytest.mark.parametrize(
    ("max_attempts", "max_retry_s", "attempts", "since_first_s", "another"),
    [
        pytest.param(3, 0, 2, 1000, True, id="attempts left, no time limit"),
        pytest.param(3, 0, 3, 0, False, id="attempts used up, no time limit"),
        pytest.param(3, 60, 3, 59, True, id="attempts used up, time left"),
        pytest.param(3, 60, 3, 60, False, id="both used up"),
        pytest.param(-1, 0, 1000, 1000, True, id="no limit"),
    ],
)
def test_a_task_is_given_up_when_both_limits_are_used_up(
    max_attempts: int, max_retry_s: int, attempts: int, since_first_s: int, another: bool
) -> None:
    retry = Retry(max_attempts, timedelta(seconds=max_retry_s), timedelta(seconds=1), timedelta(seconds=1), 1)
    assert retry.allows_another(attempts, timedelta(seconds=since_first_s)) is another
