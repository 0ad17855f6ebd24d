"""The queue port on Google Cloud Tasks: one queue per worker, each task a POST to the worker of that name.

Built by `functions/wiring.py`. Leaves to the deployment that the queues exist (deploying a worker makes its queue, with
its retries and rates), and to the worker what a task means.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from typing import TYPE_CHECKING, Final

from shared.cloud.calls import TIMEOUT_S, asking, repeated
from shared.core.errors import Transient
from shared.ports import Clock, Task

if TYPE_CHECKING:
    from google.cloud.tasks_v2 import CloudTasksClient
    from google.cloud.tasks_v2 import Task as CloudTask

PROVIDER: Final = "cloudtasks"

MARGIN: Final = timedelta(milliseconds=100)
"""
A task comes so much after its time. A worker whose clock is a hair behind would find itself early and leave the same
task again: its name would be that of the very task that is running, and it would be lost.
"""

AHEAD_MAX: Final = timedelta(days=29)
"""Cloud Tasks takes nothing further ahead than 30 days."""

STARTING_S: Final = 10
"""
A worker may be so much later than its own time-out: its request waits for an instance to start. Source:
https://cloud.google.com/run/docs/about-instance-autoscaling
"""

METADATA_HOST: Final = "metadata.google.internal"
METADATA_PATH: Final = "/computeMetadata/v1/instance/service-accounts/default/email"
METADATA_TIMEOUT_S: Final = 5.0


def connect_tasks(emulator_host: str | None) -> CloudTasksClient:
    """
    A client for Cloud Tasks; to be made once per process and after it has forked, for gRPC does not survive a fork.

    Args:
        emulator_host: `host:port` of an emulator, spoken to without encryption; `None` in the cloud.
    """
    from google.cloud.tasks_v2 import CloudTasksClient
    from google.cloud.tasks_v2.services.cloud_tasks.transports import CloudTasksGrpcTransport

    if emulator_host is None:
        return CloudTasksClient()
    from grpc import insecure_channel

    return CloudTasksClient(transport=CloudTasksGrpcTransport(channel=insecure_channel(emulator_host)))


def own_service_account(metadata_host: str = METADATA_HOST) -> str:
    """
    The account as which this process runs in the cloud: one call to the metadata server.

    Args:
        metadata_host: Its `host[:port]`.

    Raises:
        Transient: It did not say (again).

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
    The queue port on the queues of one project and place.

    Attributes:
        client: The library's client; may be shared by threads.
        project: Its id.
        location: Where the queues are, e.g. `us-central1`.
        functions_url: Where the workers are; each one's name is appended to it.
        worker_timeout_s: The time-out of the workers. One that has not answered a little later has died, and the task
            comes again; by itself Cloud Tasks would wait for ten minutes, and the task keep its place in the queue.
        service_account: As whom the workers are called; `None` calls them without a token, which only an emulator lets
            happen.
        clock: Now, in UTC.
        timeout_s: For one call with its repetitions.
    """

    client: CloudTasksClient
    project: str
    location: str
    functions_url: str
    worker_timeout_s: int
    service_account: str | None
    clock: Clock
    timeout_s: float = TIMEOUT_S

    def put(self, task: Task) -> bool:
        """
        As the port says.
        """
        from google.api_core.exceptions import AlreadyExists

        queue = self.client.queue_path(self.project, self.location, task.queue)
        cloud_task = self._cloud_task(task, queue)
        # An unnamed one may be made twice by its repetition: that costs a spare reconciliation, a lost one waits for
        # the sweep.
        with asking(PROVIDER, "createTask"):
            try:
                self.client.create_task(
                    parent=queue, task=cloud_task, retry=repeated(self.timeout_s), timeout=self.timeout_s
                )
            except AlreadyExists:
                return False
        return True

    def _cloud_task(self, task: Task, queue: str) -> CloudTask:
        from google.cloud.tasks_v2 import HttpMethod, HttpRequest, OidcToken
        from google.cloud.tasks_v2 import Task as CloudTask

        at = None if task.at is None else min(task.at, _latest(self.clock()))
        # Who comes before the task's time leaves it again, and it must not merge with the one that brought him.
        cut_to = None if at == task.at else at
        caller = None if self.service_account is None else OidcToken(service_account_email=self.service_account)
        return CloudTask(
            name=None if task.once is None else f"{queue}/tasks/{_task_id(task, cut_to)}",
            schedule_time=None if at is None else at + MARGIN,
            dispatch_deadline=timedelta(seconds=self.worker_timeout_s + STARTING_S),
            http_request=HttpRequest(
                url=f"{self.functions_url}/{task.queue}",
                http_method=HttpMethod.POST,
                headers={"Content-Type": "application/json"},
                body=json.dumps({"data": {"key": task.key}}).encode(),
                oidc_token=caller,
            ),
        )


def _latest(now: datetime) -> datetime:
    """
    The latest time for a task: a midnight, so that tasks for later than that still agree on one. Pure.
    """
    return datetime.combine((now + AHEAD_MAX).date(), time(), now.tzinfo)


def _task_id(task: Task, cut_to: datetime | None) -> str:
    """
    One name for all tasks that may merge, spread evenly as Cloud Tasks likes names to be. Pure.
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
