"""The gRPC service google.cloud.tasks.v2: each method, and how clients call it. Served by `__main__`."""

from __future__ import annotations

import re
import secrets
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import grpc
import httpx
from google.cloud.tasks_v2 import types
from google.protobuf import empty_pb2

from emulator_tests.testbed.cloud_tasks.errors import Refusal, refuse
from emulator_tests.testbed.cloud_tasks.queues import Job, Queue, duration, instant, now

LATEST_SCHEDULE = timedelta(days=30)
DEADLINE_DEFAULT = timedelta(minutes=10)
DEADLINE_SHORTEST = timedelta(seconds=15)
DEADLINE_LONGEST = timedelta(minutes=30)
TASK_LARGEST_BYTES = 1024 * 1024
PAGE_LARGEST = 1000

QUEUE_NAME = re.compile(r"projects/[^/]+/locations/[^/]+/queues/[A-Za-z0-9-]{1,100}")
TASK_ID = re.compile(r"[A-Za-z0-9_-]{1,500}")


class CloudTasks:
    """
    All queues, and each method of the service.

    Args:
        http: what every task is sent with.
    """

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http
        self._queues: dict[str, Queue] = {}

    async def create_queue(self, request: types.CreateQueueRequest) -> types.Queue:
        """
        Refuses a name that is in use or malformed.
        """
        if not QUEUE_NAME.fullmatch(request.queue.name):
            refuse(
                grpc.StatusCode.INVALID_ARGUMENT,
                'Queue name must be formatted: "projects/<PROJECT_ID>/locations/<LOCATION_ID>/queues/<QUEUE_ID>"; '
                "the id holds letters, digits and hyphens only.",
            )
        if request.queue.name in self._queues:
            refuse(grpc.StatusCode.ALREADY_EXISTS, "Queue already exists")
        queue = self._queues[request.queue.name] = Queue(request.queue, self._http)
        return queue.shown()

    async def get_queue(self, request: types.GetQueueRequest) -> types.Queue:
        """
        Refuses an unknown name.
        """
        return self._queue(request.name).shown()

    async def list_queues(self, request: types.ListQueuesRequest) -> types.ListQueuesResponse:
        """
        One page of the queues of a location, by name.
        """
        names = sorted(name for name in self._queues if name.startswith(f"{request.parent}/queues/"))
        page, token = page_of(names, request.page_size, request.page_token)
        return types.ListQueuesResponse(queues=[self._queues[name].shown() for name in page], next_page_token=token)

    async def delete_queue(self, request: types.DeleteQueueRequest) -> empty_pb2.Empty:
        """
        The queue goes with all its tasks.
        """
        self._queue(request.name).close()
        del self._queues[request.name]
        return empty_pb2.Empty()

    async def purge_queue(self, request: types.PurgeQueueRequest) -> types.Queue:
        """
        Every task created so far goes.
        """
        queue = self._queue(request.name)
        for name in list(queue.jobs):
            queue.end(name)
        queue.purged_at = now()
        return queue.shown()

    async def pause_queue(self, request: types.PauseQueueRequest) -> types.Queue:
        """
        Nothing is dispatched until the queue is resumed; tasks can still be created.
        """
        queue = self._queue(request.name)
        queue.pause(True)
        return queue.shown()

    async def resume_queue(self, request: types.ResumeQueueRequest) -> types.Queue:
        """
        What came due meanwhile is dispatched at once.
        """
        queue = self._queue(request.name)
        queue.pause(False)
        return queue.shown()

    async def create_task(self, request: types.CreateTaskRequest) -> types.Task:
        """
        Refuses what the cloud refuses: a name used within a day, a time more than 30 days off, an odd deadline.
        """
        queue, asked, at = self._queue(request.parent), request.task, now()
        name = asked.name or f"{request.parent}/tasks/{secrets.randbits(63)}"
        parent, _, task_id = name.rpartition("/tasks/")
        scheduled_at = max(instant(asked.schedule_time) or at, at)
        deadline = duration(asked.dispatch_deadline) or DEADLINE_DEFAULT
        if parent != request.parent or not TASK_ID.fullmatch(task_id):
            refuse(grpc.StatusCode.INVALID_ARGUMENT, f'Task name must be formatted: "{request.parent}/tasks/<TASK_ID>"')
        if not asked.http_request.url.startswith(("http://", "https://")):
            refuse(grpc.StatusCode.INVALID_ARGUMENT, "HttpRequest.url must start with 'http://' or 'https://'.")
        if types.Task.pb(asked).ByteSize() > TASK_LARGEST_BYTES:
            refuse(grpc.StatusCode.INVALID_ARGUMENT, "Task size too large")
        if not DEADLINE_SHORTEST <= deadline <= DEADLINE_LONGEST:
            refuse(grpc.StatusCode.INVALID_ARGUMENT, "Task.dispatchDeadline must be between [15s, 30m].")
        if scheduled_at - at > LATEST_SCHEDULE:
            refuse(grpc.StatusCode.INVALID_ARGUMENT, "Task.scheduleTime must be within 30 days of the current time.")
        http_request = types.HttpRequest(
            url=asked.http_request.url,
            http_method=int(asked.http_request.http_method) or types.HttpMethod.POST,
            headers=dict(asked.http_request.headers),
            body=asked.http_request.body,
        )
        job = Job(name, http_request, created_at=at, scheduled_at=scheduled_at, deadline=deadline)
        queue.add(job)
        return job.shown(request.response_view)

    async def get_task(self, request: types.GetTaskRequest) -> types.Task:
        """
        Refuses a task that has ended.
        """
        return self._queue_of(request.name).job(request.name).shown(request.response_view)

    async def list_tasks(self, request: types.ListTasksRequest) -> types.ListTasksResponse:
        """
        One page of the tasks that have not ended, in the order they were created.
        """
        queue = self._queue(request.parent)
        page, token = page_of(list(queue.jobs), request.page_size, request.page_token)
        return types.ListTasksResponse(
            tasks=[queue.jobs[name].shown(request.response_view) for name in page], next_page_token=token
        )

    async def delete_task(self, request: types.DeleteTaskRequest) -> empty_pb2.Empty:
        """
        A task that is being dispatched goes too: it is not tried again.
        """
        queue = self._queue_of(request.name)
        queue.end(queue.job(request.name).name)
        return empty_pb2.Empty()

    async def run_task(self, request: types.RunTaskRequest) -> types.Task:
        """
        Dispatches the task now, whatever its time, also in a paused queue.
        """
        queue = self._queue_of(request.name)
        job = queue.job(request.name)
        # The new instant takes away the place the job has in the order, so that it is not dispatched a second time.
        job.scheduled_at = now()
        queue.start(job)
        return job.shown(request.response_view)

    def _queue(self, name: str) -> Queue:
        if name not in self._queues:
            refuse(grpc.StatusCode.NOT_FOUND, "Queue does not exist.")
        return self._queues[name]

    def _queue_of(self, task_name: str) -> Queue:
        return self._queue(task_name.rpartition("/tasks/")[0])


def page_of(names: list[str], size: int, token: str) -> tuple[list[str], str]:
    """
    One page of the names, beginning after the name that is the token, and the token of the next page. Pure.
    """
    size = min(size or PAGE_LARGEST, PAGE_LARGEST)
    start = names.index(token) + 1 if token in names else 0
    page = names[start : start + size]
    return page, page[-1] if start + size < len(names) else ""


def method(answer_to: Callable[[Any], Awaitable[Any]], request: Any, answer: Any) -> grpc.RpcMethodHandler[Any, Any]:
    """
    Wrap one method for gRPC: messages in and out, refusals as status codes.
    """

    async def answered(message: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:
        try:
            return await answer_to(message)
        except Refusal as refusal:
            await context.abort(refusal.code, refusal.text)

    serialize = answer.SerializeToString if answer is empty_pb2.Empty else answer.serialize
    return grpc.unary_unary_rpc_method_handler(answered, request.deserialize, serialize)


def service(tasks: CloudTasks) -> grpc.GenericRpcHandler:
    """
    Returns:
        All methods under the names that clients call them by.
    """
    return grpc.method_handlers_generic_handler(
        "google.cloud.tasks.v2.CloudTasks",
        {
            "CreateQueue": method(tasks.create_queue, types.CreateQueueRequest, types.Queue),
            "GetQueue": method(tasks.get_queue, types.GetQueueRequest, types.Queue),
            "ListQueues": method(tasks.list_queues, types.ListQueuesRequest, types.ListQueuesResponse),
            "DeleteQueue": method(tasks.delete_queue, types.DeleteQueueRequest, empty_pb2.Empty),
            "PurgeQueue": method(tasks.purge_queue, types.PurgeQueueRequest, types.Queue),
            "PauseQueue": method(tasks.pause_queue, types.PauseQueueRequest, types.Queue),
            "ResumeQueue": method(tasks.resume_queue, types.ResumeQueueRequest, types.Queue),
            "CreateTask": method(tasks.create_task, types.CreateTaskRequest, types.Task),
            "GetTask": method(tasks.get_task, types.GetTaskRequest, types.Task),
            "ListTasks": method(tasks.list_tasks, types.ListTasksRequest, types.ListTasksResponse),
            "DeleteTask": method(tasks.delete_task, types.DeleteTaskRequest, empty_pb2.Empty),
            "RunTask": method(tasks.run_task, types.RunTaskRequest, types.Task),
        },
    )
