"""Fill the queue port with Google Cloud Tasks: one queue per worker, each task a POST to the worker of that name.

Built by `functions/wiring.py`. Queues are created by the deployment of their workers, with their retries and rates. The
meaning of a task is left to its worker.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from typing import TYPE_CHECKING, Any, Final, Protocol

from shared.cloud.calls import TIMEOUT_S, asking, repeated
from shared.cloud.packages import defer_init
from shared.core.errors import Transient
from shared.ports import Clock, Task

if TYPE_CHECKING:
    from google.api_core.retry import Retry
    from google.cloud.tasks_v2.types import CreateTaskRequest
    from google.cloud.tasks_v2.types import Task as CloudTask

PROVIDER: Final = "cloudtasks"

PACKAGE: Final = "google.cloud.tasks_v2"
HOST: Final = "cloudtasks.googleapis.com"
SCOPE: Final = "https://www.googleapis.com/auth/cloud-platform"
METHOD: Final = "/google.cloud.tasks.v2.CloudTasks/CreateTask"
"""
The only method that is called. So the package's messages are used and its clients are not: these take most of its
time to load. Source: google/cloud/tasks_v2/services/cloud_tasks/transports/grpc.py
"""

MARGIN: Final = timedelta(milliseconds=100)
"""
A task is sent this much after its time. A worker whose clock is slightly behind would otherwise be early and enqueue
the same task again. Its name would be that of the running task, and it would be lost.
"""

AHEAD_MAX: Final = timedelta(days=29)
"""Cloud Tasks accepts at most 30 days ahead."""

STARTING_S: Final = 10
"""
Time that a task's request may wait for an instance to start, in addition to the worker's own time-out. Source:
https://cloud.google.com/run/docs/about-instance-autoscaling
"""

METADATA_HOST: Final = "metadata.google.internal"
METADATA_PATH: Final = "/computeMetadata/v1/instance/service-accounts/default/email"
METADATA_TIMEOUT_S: Final = 5.0


class CreateTask(Protocol):
    """
    The method `CreateTask` of Cloud Tasks, as Google's clients call it; threads may share it.
    """

    def __call__(
        self, request: CreateTaskRequest, *, retry: Retry, timeout: float, metadata: list[tuple[str, str]]
    ) -> object: ...


def connect_tasks(emulator_host: str | None) -> CreateTask:
    """
    Return the method that creates a task. Call it once per process and after the process has forked, because gRPC does
    not survive a fork.

    Args:
        emulator_host: `host:port` of an emulator, called without encryption; `None` in the cloud.
    """
    from google.api_core.gapic_v1.method import wrap_method

    defer_init(PACKAGE)
    from google.cloud.tasks_v2.types import CreateTaskRequest

    method: Any = _channel(emulator_host).unary_unary(METHOD, request_serializer=CreateTaskRequest.serialize)
    wrapped: CreateTask = wrap_method(method)  # type: ignore[no-untyped-call]  # the library has no type for it
    return wrapped


def _channel(emulator_host: str | None) -> Any:
    if emulator_host is None:
        from google.api_core.grpc_helpers import create_channel

        return create_channel(f"{HOST}:443", default_scopes=(SCOPE,), default_host=HOST)
    from grpc import insecure_channel

    return insecure_channel(emulator_host)


def own_service_account(metadata_host: str = METADATA_HOST) -> str:
    """
    Return the account that this process runs as in the cloud, with one call to the metadata server.

    Args:
        metadata_host: Its `host[:port]`.

    Raises:
        Transient: The metadata server did not name it (again).

    Source: https://cloud.google.com/run/docs/container-contract#metadata-server
    """
    connection = HTTPConnection(metadata_host, timeout=METADATA_TIMEOUT_S)
    try:
        connection.request("GET", METADATA_PATH, headers={"Metadata-Flavor": "Google"})
        answer = connection.getresponse()
        account = answer.read().decode("ascii", "replace").strip()
    except (OSError, HTTPException) as error:
        raise _unnamed("UNREACHABLE") from error
    finally:
        connection.close()
    if answer.status != HTTPStatus.OK:
        raise _unnamed(f"HTTP_{answer.status}")
    return account


@dataclass(frozen=True, slots=True)
class CloudTasksQueue:
    """
    The queue port on the queues of one project and location.

    Attributes:
        connect: Returns the method of Cloud Tasks, from `connect_tasks`. Called for each task, and not before the first
            one: a function that only answers a viewer enqueues nothing, and need not load Google's packages for it.
        project: The project's id.
        location: The region of the queues, e.g. `us-central1`.
        functions_url: The address of the workers; the prefix and the name of each are appended.
        timeouts_s: The time-out of each worker, by the name of its queue. A worker that has not answered a little later
            has died, and the task is sent again. Without this limit Cloud Tasks would wait for ten minutes, and the
            task would keep its place in the queue.
        service_account: Returns the account that tasks call the workers as; `None` calls without a token, which only an
            emulator allows. Called for each task, because it may ask the metadata server at first.
        clock: Now, in UTC.
        timeout_s: The time for one call, with its repetitions.
        prefix: What stands before the names of the deployed workers and their queues.
    """

    connect: Callable[[], CreateTask]
    project: str
    location: str
    functions_url: str
    timeouts_s: Mapping[str, int]
    service_account: Callable[[], str | None]
    clock: Clock
    timeout_s: float = TIMEOUT_S
    prefix: str = ""

    def put(self, task: Task) -> bool:
        """
        See `ports.Queue`.
        """
        create_task = self.connect()
        from google.api_core.exceptions import AlreadyExists
        from google.api_core.gapic_v1.routing_header import to_grpc_metadata
        from google.cloud.tasks_v2.types import CreateTaskRequest

        queue = f"projects/{self.project}/locations/{self.location}/queues/{self.prefix}{task.queue}"
        # A repetition may create an unnamed task twice. This costs one needless reconcile, while a lost task waits for
        # the sweep.
        with asking(PROVIDER, "createTask"):
            try:
                create_task(
                    CreateTaskRequest(parent=queue, task=self._cloud_task(task, queue)),
                    retry=repeated(self.timeout_s),
                    timeout=self.timeout_s,
                    metadata=[to_grpc_metadata({"parent": queue})],  # type: ignore[no-untyped-call]  # likewise
                )
            except AlreadyExists:
                return False
        return True

    def _cloud_task(self, task: Task, queue: str) -> CloudTask:
        from google.cloud.tasks_v2.types import HttpMethod, HttpRequest, OidcToken
        from google.cloud.tasks_v2.types import Task as CloudTask

        at = None if task.at is None else min(task.at, _latest(self.clock()))
        # A worker that is called before the task's time enqueues the task again. That task must not merge with the one
        # that called the worker.
        cut_to = None if at == task.at else at
        account = self.service_account()
        caller = None if account is None else OidcToken(service_account_email=account)
        return CloudTask(
            name=None if task.once is None else f"{queue}/tasks/{_task_id(task, cut_to)}",
            schedule_time=None if at is None else at + MARGIN,
            dispatch_deadline=timedelta(seconds=self.timeouts_s[task.queue] + STARTING_S),
            http_request=HttpRequest(
                url=f"{self.functions_url}/{self.prefix}{task.queue}",
                http_method=HttpMethod.POST,
                headers={"Content-Type": "application/json"},
                body=json.dumps({"data": {"key": task.key}}).encode(),
                oidc_token=caller,
            ),
        )


def _latest(now: datetime) -> datetime:
    """
    Return the latest time for a task: a midnight, so that tasks for later times still get one time and merge. Pure.
    """
    return datetime.combine((now + AHEAD_MAX).date(), time(), now.tzinfo)


def _task_id(task: Task, cut_to: datetime | None) -> str:
    """
    Return one name for all tasks that may merge, spread evenly as Cloud Tasks recommends for names. Pure.
    """
    parts = [task.queue, task.key, task.once, None if cut_to is None else cut_to.isoformat()]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _unnamed(code: str) -> Transient:
    return Transient(
        "The metadata server did not name the service account of this instance.",
        provider=PROVIDER,
        operation="email",
        code=code,
    )
