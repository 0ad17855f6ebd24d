"""Connect Google's own client to the emulator of Cloud Tasks, for tests that create, pause and list queues."""

from __future__ import annotations

from google.cloud.tasks_v2 import CloudTasksClient
from google.cloud.tasks_v2.services.cloud_tasks.transports import CloudTasksGrpcTransport
from grpc import insecure_channel


def connect_client(emulator_host: str) -> CloudTasksClient:
    """
    Return the client.

    Args:
        emulator_host: `host:port` of the emulator.
    """
    return CloudTasksClient(transport=CloudTasksGrpcTransport(channel=insecure_channel(emulator_host)))
