"""The queue port: in memory, and Cloud Tasks as the test bed serves it."""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Protocol

import grpc
import pytest
from google.cloud.tasks_v2 import CreateTaskRequest, RetryConfig
from google.cloud.tasks_v2 import Queue as CloudQueue

from emulator_tests.contract.line import Line, line_to
from emulator_tests.memory import ManualClock, MemoryQueue
from emulator_tests.testbed import Testbed
from emulator_tests.vendor_queue import connect_client
from shared.cloud.tasks import STARTING_S, CloudTasksQueue, connect_tasks
from shared.core.errors import Transient
from shared.ports import Clock, Queue, Task
from shared.reconcile import WORKER_TIMEOUT_S
from shared.reconcile.slots import CLOCKS_APART_S, SLOT_S, enqueue

DEADLINE_S = 20.0

KEYS = ["s1", "a/b", "session:ä ö:1", "😀", '"quoted"', "\n", "x" * 1500]


@dataclass(frozen=True, slots=True)
class Delivery:
    """
    One arrival of a task at its worker.
    """

    queue: str
    key: str
    at: datetime


@dataclass(slots=True)
class Workers:
    """
    The workers of a queue. They record what arrives, and refuse as many tasks as a test sets.
    """

    clock: Clock
    deliveries: list[Delivery] = field(default_factory=list)
    refusals: int = 0

    def take(self, queue: str, key: str) -> bool:
        """
        Record a task, and tell whether it is accepted.
        """
        self.deliveries.append(Delivery(queue, key, self.clock()))
        self.refusals -= 1
        return self.refusals < 0


class Post(Protocol):
    """
    A queue with its workers.
    """

    @property
    def queue(self) -> Queue:
        """
        The queue under test.
        """
        ...

    @property
    def workers(self) -> Workers:
        """
        The workers that get the tasks.
        """
        ...

    @property
    def names(self) -> tuple[str, str]:
        """
        The names of two queues.
        """
        ...

    def all_delivered(self) -> list[tuple[str, str]]:
        """
        Return queue and key of every delivery, once nothing is left to deliver.
        """
        ...

    def waiting(self) -> int:
        """
        Return the number of waiting tasks.
        """
        ...


class MemoryPost:
    """
    The queue in memory.
    """

    names = ("reconcileSession", "reconcileVideo")

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.queue = MemoryQueue(self.clock)
        self.workers = Workers(self.clock)

    def all_delivered(self) -> list[tuple[str, str]]:
        """
        Let an hour pass, and return queue and key of every delivery.
        """
        self.queue.deliver_until(self.clock() + timedelta(hours=1), self._deliver)
        assert not self.queue.waiting()
        return sorted((one.queue, one.key) for one in self.workers.deliveries)

    def waiting(self) -> int:
        """
        Return the number of waiting tasks.
        """
        return len(self.queue.waiting())

    def _deliver(self, task: Task) -> None:
        if not self.workers.take(task.queue, task.key):
            raise Transient("Not now.", provider="worker", operation=task.queue, code="REFUSED")


class CloudPost:
    """
    Cloud Tasks, with workers that listen over HTTP.
    """

    def __init__(self, testbed: Testbed, functions_url: str, workers: Workers) -> None:
        self.clock: Clock = workers.clock
        self.workers = workers
        self.client = connect_client(testbed.tasks_host)
        self.location = f"projects/{testbed.project_id}/locations/{testbed.region}"
        mark = secrets.token_hex(4)
        self.names = (f"reconcileSession{mark}", f"reconcileVideo{mark}")
        self.queue = CloudTasksQueue(
            cache(partial(connect_tasks, testbed.tasks_host)),
            testbed.project_id,
            testbed.region,
            functions_url,
            timeouts_s=defaultdict(lambda: WORKER_TIMEOUT_S),
            service_account=lambda: None,
            clock=self.clock,
        )
        for name in self.names:
            retry = RetryConfig(max_attempts=9, min_backoff=timedelta(milliseconds=20))
            cloud_queue = CloudQueue(name=self.queue_path(name), retry_config=retry)
            self.client.create_queue(parent=self.location, queue=cloud_queue)

    def all_delivered(self) -> list[tuple[str, str]]:
        """
        Wait until no task is left, and return queue and key of every delivery.
        """
        give_up_at = time.monotonic() + DEADLINE_S
        while self.waiting():
            assert time.monotonic() < give_up_at, "There are still tasks in the queues."
            time.sleep(0.01)
        return sorted((one.queue, one.key) for one in self.workers.deliveries)

    def waiting(self) -> int:
        """
        Return the number of tasks that Cloud Tasks lists.
        """
        tasks = (self.client.list_tasks(parent=self.queue_path(name)) for name in self.names)
        return sum(len(list(page)) for page in tasks)

    def queue_path(self, name: str) -> str:
        """
        Return the full name of a queue in Cloud Tasks.
        """
        return f"{self.location}/queues/{name}"

    def close(self) -> None:
        """
        Delete the queues.
        """
        for name in self.names:
            self.client.delete_queue(name=self.queue_path(name))


@contextmanager
def _listening(workers: Workers) -> Iterator[str]:
    """Run workers that take tasks as functions do, and yield their address."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:  # the name that http.server looks for
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            right = self.headers["Content-Type"] == "application/json" and body.keys() == {"data"}
            accepted = right and workers.take(self.path.removeprefix("/project/region/"), body["data"]["key"])
            self.send_response(204 if accepted else 500)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # the name that http.server calls
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/project/region"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def cloud(testbed: Testbed) -> Iterator[CloudPost]:
    workers = Workers(lambda: datetime.now(UTC))
    with _listening(workers) as functions_url:
        post = CloudPost(testbed, functions_url, workers)
        yield post
        post.close()


@pytest.fixture(params=["memory", "cloudtasks"])
def post(request: pytest.FixtureRequest) -> Post:
    if request.param == "memory":
        return MemoryPost()
    cloud: CloudPost = request.getfixturevalue("cloud")
    return cloud


@pytest.fixture
def line(testbed: Testbed) -> Iterator[Line]:
    with line_to(testbed.tasks_host) as line:
        yield line


@pytest.fixture
def on_the_line(cloud: CloudPost, line: Line) -> CloudTasksQueue:
    """The queue behind a proxy that can disturb calls."""
    return replace(cloud.queue, connect=cache(partial(connect_tasks, line.address)), timeout_s=2.0)


# --- delivery ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", KEYS)
def test_a_task_arrives_at_the_worker_of_its_name_with_its_key(post: Post, key: str) -> None:
    name, other = post.names

    post.queue.put(Task(name, key))
    post.queue.put(Task(other, key + "2"))

    assert post.all_delivered() == sorted([(name, key), (other, key + "2")])


def test_tasks_that_do_not_merge_all_arrive(post: Post) -> None:
    name, _ = post.names
    for _ in range(3):
        post.queue.put(Task(name, "s1"))

    assert post.all_delivered() == [(name, "s1")] * 3


def test_tasks_of_one_queue_key_and_once_merge_and_no_others(post: Post) -> None:
    name, other = post.names
    at = post.workers.clock() + timedelta(seconds=0.3)
    tasks = [
        Task(name, "s1", at, once="1"),
        Task(name, "s1", at, once="2"),
        Task(name, "s2", at, once="1"),
        Task(other, "s1", at, once="1"),
        Task(name, "s1:1", at, once=""),
        Task(name, "s1", at, once=":1"),
    ]

    for task in (*tasks, *tasks):
        post.queue.put(task)

    assert post.all_delivered() == sorted((task.queue, task.key) for task in tasks)


def test_a_task_merges_with_one_that_has_been_delivered(post: Post) -> None:
    name, _ = post.names
    post.queue.put(Task(name, "s1", once="1"))
    assert post.all_delivered() == [(name, "s1")]

    post.queue.put(Task(name, "s1", once="1"))

    assert post.all_delivered() == [(name, "s1")]


def test_a_task_is_new_unless_one_of_its_name_is_there_or_was(post: Post) -> None:
    name, other = post.names
    at = post.workers.clock() + timedelta(seconds=0.5)

    assert post.queue.put(Task(name, "s1", at, once="1"))
    assert not post.queue.put(Task(name, "s1", at, once="1"))
    assert not post.queue.put(Task(name, "s1", once="1"))
    assert [post.queue.put(Task(*one)) for one in ((name, "s2", at, "1"), (name, "s1", at, "2"))] == [True, True]
    assert post.queue.put(Task(other, "s1", at, once="1"))
    assert post.all_delivered() == sorted([(name, "s1"), (name, "s2"), (name, "s1"), (other, "s1")])

    assert not post.queue.put(Task(name, "s1", once="1"))
    assert [post.queue.put(Task(name, "s1")) for _ in range(2)] == [True, True]
    assert len(post.all_delivered()) == 6


def test_many_changes_of_one_slot_are_two_tasks_the_second_after_its_end(post: Post) -> None:
    name, _ = post.names
    # The slot is just over, so the test need not wait for its end.
    changed_at = post.workers.clock() - timedelta(seconds=SLOT_S)
    ends_at = (changed_at.timestamp() // SLOT_S + 1) * SLOT_S

    for _ in range(28):
        enqueue(post.queue, name, "s1", lambda: changed_at)

    assert post.all_delivered() == [(name, "s1")] * 2
    assert post.workers.deliveries[1].at.timestamp() >= ends_at + CLOCKS_APART_S


def test_a_later_task_does_not_arrive_before_its_time(post: Post) -> None:
    name, _ = post.names
    at = post.workers.clock() + timedelta(seconds=0.5)

    post.queue.put(Task(name, "s1", at))

    assert post.all_delivered() == [(name, "s1")]
    assert post.workers.deliveries[0].at >= at


def test_a_task_whose_time_is_past_arrives_now(post: Post) -> None:
    name, _ = post.names
    post.queue.put(Task(name, "s1", post.workers.clock() - timedelta(days=400)))

    assert post.all_delivered() == [(name, "s1")]


def test_a_refused_task_arrives_again_until_it_is_accepted(post: Post) -> None:
    name, _ = post.names
    post.workers.refusals = 3

    post.queue.put(Task(name, "s1", once="1"))

    assert post.all_delivered() == [(name, "s1")] * 4


def test_tasks_for_next_year_wait_and_merge(post: Post) -> None:
    name, _ = post.names
    at = post.workers.clock() + timedelta(days=365)

    for _ in range(3):
        post.queue.put(Task(name, "s1", at, once="1"))

    assert post.waiting() == 1
    assert post.workers.deliveries == []


def test_early_task_can_be_enqueued_again(cloud: CloudPost) -> None:
    name, _ = cloud.names
    now = cloud.clock()
    task = Task(name, "s1", now + timedelta(days=365), once="1")

    replace(cloud.queue, clock=lambda: now - timedelta(days=27)).put(task)
    cloud.queue.put(task)

    assert cloud.waiting() == 2


# --- failures of Cloud Tasks -------------------------------------------------------------------------------------


def _named(name: str) -> Task:
    return Task(name, "s1", once="1")


def _unnamed(name: str) -> Task:
    return Task(name, "s1")


@pytest.mark.parametrize("kind", [_named, _unnamed])
def test_task_with_lost_call_is_enqueued_again(
    cloud: CloudPost, on_the_line: CloudTasksQueue, line: Line, kind: Callable[[str], Task]
) -> None:
    name, _ = cloud.names
    line.lose_calls(2)

    on_the_line.put(kind(name))

    assert cloud.all_delivered() == [(name, "s1")]


def test_a_named_task_whose_answer_is_lost_arrives_once(
    cloud: CloudPost, on_the_line: CloudTasksQueue, line: Line
) -> None:
    name, _ = cloud.names
    line.lose_answers(2)

    # The retry looks like a task that another instance enqueued, so the task at the slot's end is enqueued too.
    assert not on_the_line.put(_named(name))

    assert cloud.all_delivered() == [(name, "s1")]


@pytest.mark.parametrize(
    "code",
    [
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
    ],
    ids=lambda code: code.name,
)
def test_unavailable_queue_is_transient(
    cloud: CloudPost, on_the_line: CloudTasksQueue, line: Line, code: grpc.StatusCode
) -> None:
    line.lose_calls(1_000, code)

    with pytest.raises(Transient) as caught:
        on_the_line.put(_unnamed(cloud.names[0]))

    assert (caught.value.provider, caught.value.operation) == ("cloudtasks", "createTask")
    assert cloud.all_delivered() == []


def test_a_task_has_a_deadline_just_above_the_time_out_of_its_worker(cloud: CloudPost) -> None:
    """
    A task of an instance that died is delivered again then, not only after ten minutes.
    """
    name, _ = cloud.names
    at = cloud.clock() + timedelta(hours=1)
    cloud.queue.put(Task(name, "s1", at))
    cloud.queue.put(Task(name, "s1", at, once="1"))

    deadlines = [task.dispatch_deadline for task in cloud.client.list_tasks(parent=cloud.queue_path(name))]

    assert deadlines == [timedelta(seconds=WORKER_TIMEOUT_S + STARTING_S)] * 2


def test_workers_are_called_in_the_name_of_the_service_account(
    cloud: CloudPost, on_the_line: CloudTasksQueue, line: Line
) -> None:
    name, _ = cloud.names
    caller = "tasks@demo-greenroom.iam.gserviceaccount.com"

    replace(on_the_line, service_account=lambda: caller).put(_unnamed(name))
    on_the_line.put(_unnamed(name))

    tasks = [CreateTaskRequest.deserialize(request).task for _, request in line.calls]
    assert [task.http_request.oidc_token.service_account_email for task in tasks] == [caller, ""]
    assert {task.http_request.url for task in tasks} == {f"{cloud.queue.functions_url}/{name}"}
