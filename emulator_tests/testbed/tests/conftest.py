"""What the test bed's own tests are given: Cloud Tasks alone, and somebody for it to call.

Called by pytest.
"""

from __future__ import annotations

import http.server
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import grpc
import pytest
from google.cloud import tasks_v2
from google.cloud.tasks_v2.services.cloud_tasks.transports import CloudTasksGrpcTransport

from emulator_tests.testbed.network import free_ports
from emulator_tests.testbed.part import Part
from emulator_tests.testbed.places import ROOT, VENV

PARENT = "projects/demo-greenroom/locations/us-central1"


@dataclass(frozen=True, slots=True)
class Call:
    """
    One request that arrived.
    """

    at_s: float
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(slots=True)
class Receiver:
    """
    A server that records its calls. A path that ends in a number is answered with that status, one that
    begins with `/held` only when `release` is set.
    """

    calls: list[Call] = field(default_factory=list)
    release: threading.Event = field(default_factory=threading.Event)
    url: str = ""

    def wait_for(self, count: int, within_s: float = 10.0) -> list[Call]:
        """
        Returns:
            The first `count` calls, as soon as there are so many.
        """
        deadline_s = time.monotonic() + within_s
        while len(self.calls) < count:
            assert time.monotonic() < deadline_s, f"{len(self.calls)} of {count} calls came in {within_s} s"
            time.sleep(0.005)
        return self.calls[:count]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """
    A receiver of this test alone.
    """
    receiving = Receiver()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            receiving.calls.append(Call(time.monotonic(), self.path, headers, body))
            if self.path.startswith("/held"):
                receiving.release.wait()
            status = self.path.rpartition("/")[2]
            self.send_response(int(status) if status.isdigit() else 200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Nobody reads it."""

    class Server(http.server.ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 200

    with Server(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        receiving.url = f"http://127.0.0.1:{server.server_port}"
        yield receiving
        receiving.release.set()
        server.shutdown()


@pytest.fixture(scope="session")
def cloud_tasks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tasks_v2.CloudTasksClient]:
    """
    The vendor's client of a Cloud Tasks of these tests alone.
    """
    folder = tmp_path_factory.mktemp("cloud-tasks")
    port = free_ports("tasks")["tasks"]
    part = Part(
        name="tasks",
        command=[str(VENV / "bin" / "python"), "-m", "emulator_tests.testbed.cloud_tasks", "--port", str(port)],
        environment={"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore::FutureWarning"},
        directory=folder,
        log=folder / "tasks.log",
        grace_s=3,
    )
    part.start()
    part.wait_until("serve", lambda: part.has_said("ready on"), time.monotonic() + 60)
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield tasks_v2.CloudTasksClient(transport=CloudTasksGrpcTransport(channel=channel))
    part.let_go()
    part.wait()


@pytest.fixture
def new_queue(cloud_tasks: tasks_v2.CloudTasksClient, request: pytest.FixtureRequest) -> Callable[..., str]:
    """
    Creates a queue named after the test, with the settings given.
    """

    def create(**settings: object) -> str:
        name = f"{PARENT}/queues/{request.node.name.replace('_', '-')[:90]}"
        queue: str = cloud_tasks.create_queue(parent=PARENT, queue=tasks_v2.Queue(name=name, **settings)).name
        return queue

    return create
