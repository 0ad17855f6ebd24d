"""Uploads to the Cloudflare simulator, judged by Cloudflare's SDK, tuspy and tus-js-client."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import requests
from tusclient.client import TusClient
from tusclient.uploader.uploader import Uploader

from emulator_tests.simulators.tests.cloudflare_server import ACCOUNT_ID, API_TOKEN, CloudflareServer, head, patch
from emulator_tests.simulators.tests.served import wait_until
from emulator_tests.simulators.tests.tus import VERSION, begun

NODE = Path(__file__).with_name("node")

MIB = 1024 * 1024

CHUNK = 5 * MIB


@pytest.fixture(scope="session")
def long_video(tmp_path_factory: pytest.TempPathFactory, video: Path) -> Path:
    """A video of 12 MiB: a short one, and behind it a box that players skip."""
    file = tmp_path_factory.mktemp("media") / "long.mp4"
    content = video.read_bytes()
    padding = 12 * MIB - len(content)
    file.write_bytes(content + padding.to_bytes(4, "big") + b"free" + bytes(padding - 8))
    return file


def test_tuspy_uploads_in_chunks_to_an_address_that_was_made_for_it(
    cloudflare: CloudflareServer, long_video: Path
) -> None:
    headers = cloudflare.create(long_video.stat().st_size)

    with long_video.open("rb") as file:
        Uploader(file_stream=file, url=headers["location"], chunk_size=CHUNK).upload()

    ready = cloudflare.await_state(headers["stream-media-id"], "ready")
    assert (ready.size, ready.input.width, ready.ready_to_stream) == (12 * MIB, 320, True)
    assert ready.duration == pytest.approx(2, abs=0.1)
    asked = [each["operation"] for each in cloudflare.control("GET", "requests")]
    assert asked.count("tus_patch") == 3


def test_tuspy_uploads_with_the_token_alone(cloudflare: CloudflareServer, video: Path) -> None:
    client = TusClient(
        f"{cloudflare.api_url}/accounts/{ACCOUNT_ID}/stream", headers={"Authorization": f"Bearer {API_TOKEN}"}
    )

    with video.open("rb") as file:
        uploader = client.uploader(file_stream=file, chunk_size=CHUNK, metadata={"name": "lesson"})
        uploader.upload()

    (made,) = cloudflare.sdk.stream.list(account_id=ACCOUNT_ID)
    assert made.uid is not None
    assert cloudflare.await_state(made.uid, "ready").meta["name"] == "lesson"
    assert requests.head(str(uploader.url), headers=VERSION, timeout=10).status_code == 401


def test_tus_js_client_uploads_and_goes_on_where_it_was_interrupted(
    cloudflare: CloudflareServer, long_video: Path
) -> None:
    headers = cloudflare.create(long_video.stat().st_size)
    command = ["node", "tus_client.cjs", headers["location"], str(long_video), str(CHUNK), str(6 * MIB)]

    said = subprocess.run(command, cwd=NODE, capture_output=True, text=True, timeout=60, check=False)

    assert said.returncode == 0, said.stdout + said.stderr
    told = json.loads(said.stdout)
    assert told["sent"] == 12 * MIB
    assert told["resumedAfter"] >= 6 * MIB
    assert cloudflare.await_state(headers["stream-media-id"], "ready").size == 12 * MIB


def test_partial_chunk_is_kept_and_the_upload_resumes_after_it(cloudflare: CloudflareServer, long_video: Path) -> None:
    content = long_video.read_bytes()
    headers = cloudflare.create(len(content))
    url = headers["location"]
    with begun(url, content[: 3 * MIB], CHUNK):
        pass

    def received() -> int:
        return int(head(url).headers["Upload-Offset"])

    wait_until(lambda: received() == 3 * MIB)
    wait_until(lambda: patch(url, 3 * MIB, content[3 * MIB : 8 * MIB]).status_code == 204)
    assert patch(url, 8 * MIB, content[8 * MIB :]).status_code == 204
    assert cloudflare.await_state(headers["stream-media-id"], "ready").size == len(content)


def test_the_rules_of_chunks_are_kept(cloudflare: CloudflareServer) -> None:
    size = 300 * MIB
    url = cloudflare.create(size)["location"]
    refusals = {
        "too small": (0, bytes(MIB), 400),
        "not in steps of 256 KiB": (0, bytes(CHUNK + 1), 400),
        "too large": (0, bytes(201 * MIB), 413),
        "141 the wrong offset": (5, bytes(CHUNK), 409),
    }

    for name, (offset, content, status) in refusals.items():
        assert patch(url, offset, content).status_code == status, name
    assert patch(url, 0, bytes(CHUNK), **{"Content-Type": "video/mp4"}).status_code == 415
    assert patch(url, 0, bytes(CHUNK), **{"Tus-Resumable": "0.2"}).status_code == 412
    assert head(url).headers["Upload-Offset"] == "0"
    assert head(url).headers["Cache-Control"] == "no-store"
    short = cloudflare.create(10)["location"]
    assert patch(short, 0, bytes(11)).status_code == 413


def test_an_address_takes_one_upload_and_a_foreign_one_none(cloudflare: CloudflareServer, video: Path) -> None:
    content = video.read_bytes()
    url = cloudflare.create(len(content))["location"]
    assert patch(url, 0, content).status_code == 204

    assert patch(url, len(content), b"").status_code == 403
    assert patch(url, 0, content).status_code == 409
    assert patch(f"{cloudflare.url}/tus/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", 0, content).status_code == 404


def test_of_two_requests_at_once_one_sends_and_the_other_is_refused(cloudflare: CloudflareServer) -> None:
    url = cloudflare.create(2 * CHUNK)["location"]
    with begun(url, bytes(MIB), CHUNK):
        wait_until(lambda: int(head(url).headers["Upload-Offset"]) > 0)
        assert patch(url, 0, bytes(CHUNK)).status_code == 423


def test_a_browser_may_use_the_address(cloudflare: CloudflareServer) -> None:
    url = cloudflare.create(10)["location"]

    asked = requests.options(url, timeout=10)

    assert asked.headers["Access-Control-Allow-Origin"] == "*"
    assert "PATCH" in asked.headers["Access-Control-Allow-Methods"]
    assert "Upload-Offset" in asked.headers["Access-Control-Allow-Headers"]
    assert (asked.headers["Tus-Version"], int(asked.headers["Tus-Max-Size"])) == ("1.0.0", 30 * 10**9)
    assert "Upload-Offset" in head(url).headers["Access-Control-Expose-Headers"]


def test_form_uploads_a_short_video_once(cloudflare: CloudflareServer, video: Path) -> None:
    made = cloudflare.sdk.stream.direct_upload.create(
        account_id=ACCOUNT_ID, max_duration_seconds=600, creator="t", meta={"a": "b"}, require_signed_urls=True
    )
    assert made is not None
    assert made.uid is not None
    assert made.upload_url is not None

    with video.open("rb") as file:
        answer = requests.post(made.upload_url, files={"file": file}, timeout=30)
    assert answer.status_code == 200
    ready = cloudflare.await_state(made.uid, "ready")
    assert (ready.creator, ready.meta["a"], ready.require_signed_urls) == ("t", "b", True)
    with video.open("rb") as file:
        assert requests.post(made.upload_url, files={"file": file}, timeout=30).status_code == 400


def test_video_is_copied_from_an_address_or_fails(cloudflare: CloudflareServer, video: Path) -> None:
    source = cloudflare.upload(video)
    cloudflare.await_state(source, "ready")
    cloudflare.sdk.stream.downloads.create(source, account_id=ACCOUNT_ID)
    cloudflare.control("POST", "clock", advance_s=2)
    url = f"{cloudflare.url}/{source}/downloads/default.mp4"

    copied: Any = cloudflare.sdk.stream.copy.create(account_id=ACCOUNT_ID, url=url)
    failed: Any = cloudflare.sdk.stream.copy.create(account_id=ACCOUNT_ID, url=f"{cloudflare.url}/nothing")

    assert cloudflare.await_state(copied.uid, "ready").size == video.stat().st_size
    assert cloudflare.await_state(failed.uid, "error").status.error_reason_code == "ERR_FETCH_ORIGIN_ERROR"
