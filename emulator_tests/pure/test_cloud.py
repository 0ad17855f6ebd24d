"""What holds of Google's adapters without Google: what their import costs, and as whom they say we run."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from emulator_tests.testbed.places import ROOT
from shared.cloud.packages import defer_init
from shared.cloud.tasks import own_service_account
from shared.core.errors import Transient

ACCOUNT = "1234-compute@developer.gserviceaccount.com"

PATH = "/computeMetadata/v1/instance/service-accounts/default/email"


@contextmanager
def _metadata_server(*, known: bool) -> Iterator[str]:
    """The address of what answers as Google's metadata server does."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked_rightly = self.path == PATH and self.headers["Metadata-Flavor"] == "Google"
            self.send_response(HTTPStatus.OK if asked_rightly and known else HTTPStatus.NOT_FOUND)
            self.end_headers()
            self.wfile.write(ACCOUNT.encode())

        def log_message(self, format: str, *args: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.long
def test_importing_the_adapters_imports_nothing_of_google() -> None:
    program = (
        "import sys, shared.cloud.firestore, shared.cloud.tasks\n"
        "heavy = ('google.cloud.', 'google.api_core', 'google.auth', 'grpc', 'proto')\n"
        "print([name for name in sys.modules if name.startswith(heavy)])"
    )
    command = [sys.executable, "-c", program]

    said = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True, timeout=60).stdout

    assert said.strip() == "[]"


DEFERRED = "import sys; from shared.cloud.packages import defer_init; defer_init('google.cloud.tasks_v2')\n"


def _said(program: str) -> str:
    """Return the output of a new process, because another test here has loaded the package."""
    command = [sys.executable, "-c", program]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True, timeout=60).stdout.strip()


@pytest.mark.long
def test_a_queue_is_connected_when_its_first_task_is_put() -> None:
    program = (
        "import os, sys\n"
        "os.environ |= {'GCLOUD_PROJECT': 'demo-queue', 'TASKS_EMULATOR_HOST': '127.0.0.1:9'}\n"
        "from functions import wiring\n"
        "queue = wiring.queue()\n"
        "print('grpc' in sys.modules, queue.connect() is queue.connect(), 'grpc' in sys.modules)"
    )

    assert _said(program).splitlines()[-1] == "False True True"


@pytest.mark.long
def test_messages_are_loaded_without_the_clients_of_their_package() -> None:
    program = DEFERRED + (
        "from google.cloud.tasks_v2.types import CreateTaskRequest, Task\n"
        "CreateTaskRequest.serialize(CreateTaskRequest(parent='q', task=Task()))\n"
        "print([name for name in sys.modules if name.startswith('google.cloud.tasks_v2.services')])"
    )

    assert _said(program) == "[]"


@pytest.mark.long
def test_a_client_can_still_be_imported_from_a_deferred_package() -> None:
    program = DEFERRED + (
        "from google.cloud.tasks_v2.types import Task as early\n"
        "defer_init('google.cloud.tasks_v2')\n"
        "from google.cloud.tasks_v2 import CloudTasksClient, Task\n"
        "from google.cloud import tasks_v2\n"
        "from google.cloud.tasks_v2.services.cloud_tasks import CloudTasksClient as direct\n"
        "print(CloudTasksClient is direct, tasks_v2.CloudTasksClient is direct, Task is early)"
    )

    assert _said(program) == "True True True"


@pytest.mark.long
def test_an_unknown_name_of_a_deferred_package_is_an_import_error() -> None:
    program = DEFERRED + (
        "try:\n    from google.cloud.tasks_v2 import Nothing\nexcept ImportError as error:\n    print(error.name)"
    )

    assert _said(program) == "google.cloud.tasks_v2"


@pytest.mark.long
def test_the_package_of_the_storage_is_not_loaded_before_the_first_call() -> None:
    program = (
        "import sys\nfrom datetime import UTC, datetime\n"
        "from shared.cloud.storage import CloudStorage, connect_storage\n"
        "connect = lambda: connect_storage('p', lambda: 'own@p', 'http://127.0.0.1:1')\n"
        "storage = CloudStorage(connect, 'slides', lambda: datetime.now(UTC))\n"
        "loaded = lambda: {'google.cloud.storage', 'google.auth', 'shared.cloud.signing'} & set(sys.modules)\n"
        "before = loaded()\nstorage.read_address('a', 60)\nprint(len(before), len(loaded()))"
    )

    assert _said(program) == "0 3"


@pytest.mark.parametrize("package", ["google.cloud.nothing", "nothing", "nothing.inside"])
def test_a_package_that_is_not_installed_is_refused(package: str) -> None:
    with pytest.raises(ModuleNotFoundError) as refused:
        defer_init(package)
    assert refused.value.name == package.split(".inside", maxsplit=1)[0]
    assert package not in sys.modules


def test_we_run_as_the_account_that_the_metadata_server_names() -> None:
    with _metadata_server(known=True) as address:
        assert own_service_account(address) == ACCOUNT


def test_a_metadata_server_that_does_not_say_is_asked_again_later() -> None:
    with _metadata_server(known=False) as address, pytest.raises(Transient, match="service account"):
        own_service_account(address)
    with pytest.raises(Transient, match="service account"):
        own_service_account(address)
