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


def test_importing_the_adapters_imports_nothing_of_google() -> None:
    program = (
        "import sys, shared.cloud.firestore, shared.cloud.tasks\n"
        "heavy = ('google.cloud.', 'google.api_core', 'google.auth', 'grpc', 'proto')\n"
        "print([name for name in sys.modules if name.startswith(heavy)])"
    )
    command = [sys.executable, "-c", program]

    said = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True, timeout=60).stdout

    assert said.strip() == "[]"


def test_we_run_as_the_account_that_the_metadata_server_names() -> None:
    with _metadata_server(known=True) as address:
        assert own_service_account(address) == ACCOUNT


def test_a_metadata_server_that_does_not_say_is_asked_again_later() -> None:
    with _metadata_server(known=False) as address, pytest.raises(Transient, match="service account"):
        own_service_account(address)
    with pytest.raises(Transient, match="service account"):
        own_service_account(address)
