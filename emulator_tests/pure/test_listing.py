"""How firebase-tools lists the functions: a server executes `main.py` with each request."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from time import monotonic, sleep

import pytest
import requests

from functions.listing import OF_BUCKET
from main import FUNCTIONS

# It starts a server.
pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[2]
READY_S = 60


@pytest.fixture
def listing(tmp_path: Path) -> Iterator[str]:
    """
    The address of such a server, as firebase-tools starts it.
    """
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {
        **{name: os.environ[name] for name in ("HOME", "LANG", "PATH") if name in os.environ},
        "ADMIN_PORT": str(port),
        "GCLOUD_PROJECT": "demo-greenroom",
        "KALTURA_PARTNER_ID": "102",
    }
    command = [sys.executable, "-m", "firebase_functions.private.serving"]
    log = tmp_path / "log"
    with log.open("wb") as written:
        server = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=written, stderr=written)
    try:
        ends_at = monotonic() + READY_S
        while not _answers(port):
            assert server.poll() is None, log.read_text()
            assert monotonic() < ends_at, log.read_text()
            sleep(0.02)
        yield f"http://127.0.0.1:{port}/__/functions.yaml"
    finally:
        server.terminate()
        server.wait()


def _answers(port: int) -> bool:
    with closing(socket.socket()) as asking:
        return asking.connect_ex(("127.0.0.1", port)) == 0


def test_functions_are_listed_as_often_as_they_are_asked_for(listing: str) -> None:
    """A5: the second answer was 500, for the default Firebase app existed already."""
    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda _: requests.get(listing, timeout=READY_S), range(4)))
    answers.append(requests.get(listing, timeout=READY_S))
    assert [answer.status_code for answer in answers] == [200] * 5
    assert all(name in answer.text for answer in answers for name in FUNCTIONS if name not in OF_BUCKET)
    assert not any(name in answer.text for answer in answers for name in OF_BUCKET)
