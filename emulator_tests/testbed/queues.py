"""Create the queues of the deployed functions. Called by `readiness` and by `cloud_tasks`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from emulator_tests.testbed.network import ask

CONCURRENT_DISPATCHES = 4
"""The functions emulator starts one more Python server for each call that comes while the others are busy: a second of
a core each, so that more than a few only wait for each other."""


def triggers_of(functions_host: str) -> list[dict[str, Any]]:
    """
    Return the functions that a functions emulator has loaded.

    Raises:
        OSError: Nobody answers.
    """
    backends = json.loads(ask(f"http://{functions_host}/backends")[1])["backends"]
    return [trigger for backend in backends for trigger in backend["functionTriggers"]]


def queues_of(triggers: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """
    Return the task queue functions. Pure.
    """
    return [trigger for trigger in triggers if "taskQueueTrigger" in trigger]


def create_queues(host: str, project_id: str, queues: Iterable[Mapping[str, Any]]) -> None:
    """
    Create a queue for each task queue function in its region, with its limits, as a deployment does.

    Args:
        host: Cloud Tasks, host:port.
        project_id: the project of the functions.
        queues: the functions as the functions emulator lists them, with `name`, `region` and `taskQueueTrigger`.
    """
    # Installed packages: only imported once there is a stack, see `stack.py`.
    import grpc
    from google.cloud import tasks_v2
    from google.cloud.tasks_v2.services.cloud_tasks.transports import CloudTasksGrpcTransport

    with grpc.insecure_channel(host) as channel:
        client = tasks_v2.CloudTasksClient(transport=CloudTasksGrpcTransport(channel=channel))
        for trigger in queues:
            location = f"projects/{project_id}/locations/{trigger['region']}"
            asked = trigger["taskQueueTrigger"]
            limits, retry = asked.get("rateLimits", {}), asked.get("retryConfig", {})
            concurrent = limits.get("maxConcurrentDispatches") or CONCURRENT_DISPATCHES
            waits = {
                field: timedelta(seconds=retry[asked_as])
                for field, asked_as in (
                    ("max_retry_duration", "maxRetrySeconds"),
                    ("min_backoff", "minBackoffSeconds"),
                    ("max_backoff", "maxBackoffSeconds"),
                )
                if retry.get(asked_as) is not None
            }
            client.create_queue(
                parent=location,
                queue=tasks_v2.Queue(
                    name=f"{location}/queues/{trigger['name']}",
                    rate_limits=tasks_v2.RateLimits(
                        max_concurrent_dispatches=min(concurrent, CONCURRENT_DISPATCHES),
                        max_dispatches_per_second=limits.get("maxDispatchesPerSecond"),
                    ),
                    retry_config=tasks_v2.RetryConfig(
                        max_attempts=retry.get("maxAttempts"), max_doublings=retry.get("maxDoublings"), **waits
                    ),
                ),
            )
