"""Starting a Cloud Run job: what is sent, and what each answer means."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import requests

from shared.cloud.jobs import CloudRunJobs
from shared.core.errors import Doubtful, Misconfigured, Transient

pytestmark = pytest.mark.long


class CloudRun(ThreadingHTTPServer):
    """Answers as Cloud Run does, with the status that a test sets, and keeps what was asked."""

    status = 200
    asked: list[tuple[str, Any]]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    server: CloudRun

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append((self.path, body))
        self.send_response(self.server.status)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, format: str, *arguments: Any) -> None:
        pass


@pytest.fixture
def cloud_run() -> Iterator[CloudRun]:
    server = CloudRun(("127.0.0.1", 0), Handler)
    server.asked = []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def post(url: str, body: Mapping[str, Any]) -> int:
    return requests.post(url, json=body, timeout=5).status_code


def test_job_gets_the_entry_as_its_argument(cloud_run: CloudRun) -> None:
    CloudRunJobs("my-school", "europe-west1", "greenroom-archive", post, cloud_run.url).start("0_ab12cd34")
    assert cloud_run.asked == [
        (
            "/v2/projects/my-school/locations/europe-west1/jobs/greenroom-archive:run",
            {"overrides": {"containerOverrides": [{"args": ["0_ab12cd34"]}], "taskCount": 1}},
        )
    ]


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (401, Misconfigured),
        (403, Misconfigured),
        (404, Misconfigured),
        (429, Transient),
        (500, Doubtful),
        (503, Transient),
    ],
)
def test_refusal_says_whether_the_job_may_have_started(
    cloud_run: CloudRun, status: int, error: type[Exception]
) -> None:
    cloud_run.status = status
    with pytest.raises(error) as caught:
        CloudRunJobs("my-school", "europe-west1", "greenroom-archive", post, cloud_run.url).start("0_ab12cd34")
    assert isinstance(caught.value, Doubtful) == (error is Doubtful)


def test_job_may_have_started_if_no_answer_came() -> None:
    with pytest.raises(Doubtful):
        CloudRunJobs("my-school", "europe-west1", "greenroom-archive", post, "http://127.0.0.1:1").start("0_ab12cd34")
