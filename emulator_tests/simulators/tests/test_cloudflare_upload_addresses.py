"""Upload addresses of the Cloudflare simulator, and the minutes they reserve; judged by Cloudflare's SDK."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import cloudflare as sdk
import pytest
import requests

from emulator_tests.simulators.tests.cloudflare_server import ACCOUNT_ID, API_TOKEN, CloudflareServer, head, patch


def _told(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def test_an_upload_address_is_told_in_the_headers_and_reserves_its_minutes(cloudflare: CloudflareServer) -> None:
    expiry = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=2)
    metadata = {
        "maxDurationSeconds": "600",
        "expiry": _told(expiry),
        "requiresignedurls": None,
        "name": "Algebra, first part",
        "school": "north",
    }

    headers = cloudflare.create(1000, metadata, upload_creator="teacher-1")

    made = cloudflare.video(headers["stream-media-id"])
    assert headers["location"].startswith(cloudflare.url)
    assert headers["stream-media-id"] not in headers["location"]
    assert API_TOKEN not in headers["location"]
    assert made.status.state == "pendingupload"
    assert (made.creator, made.require_signed_urls, made.max_duration_seconds) == ("teacher-1", True, 600)
    assert made.meta == {"name": "Algebra, first part", "school": "north"}
    assert made.upload_expiry == expiry
    assert (made.duration, made.input.width, made.ready_to_stream) == (-1, -1, False)
    assert cloudflare.storage() == (0, 10)


def test_limits_that_are_not_in_the_metadata_are_the_defaults(cloudflare: CloudflareServer) -> None:
    answer = cloudflare.sdk.stream.with_raw_response.create(
        account_id=ACCOUNT_ID,
        direct_user=True,
        tus_resumable="1.0.0",
        upload_length=10,
        extra_body={"maxDurationSeconds": 60, "requireSignedURLs": True},
    )

    made = cloudflare.video(answer.headers["stream-media-id"])
    assert (made.max_duration_seconds, made.require_signed_urls) == (14_400, False)


BAD_HEADERS: dict[str, tuple[int, dict[str, str]]] = {
    "135 a negative length": (400, {"Upload-Length": "-1"}),
    "136 no length": (400, {"Upload-Length": ""}),
    "137 a huge length": (413, {"Upload-Length": "99999999999999"}),
    "a length that is no number": (400, {"Upload-Length": "1e3"}),
    "138 a duration of 0": (400, {"Upload-Metadata": "maxDurationSeconds MA=="}),
    "138 a duration of 21601": (400, {"Upload-Metadata": "maxDurationSeconds MjE2MDE="}),
    "a duration that is no number": (400, {"Upload-Metadata": "maxDurationSeconds YWJj"}),
    "139 bad base64": (400, {"Upload-Metadata": "name %%%"}),
    "140 a comma in a name": (400, {"Upload-Metadata": "name a,b c d"}),
    "an expiry that is past": (400, {"Upload-Metadata": "expiry MjAyMC0wMS0wMVQwMDowMDowMFo="}),
    "an expiry that is none": (400, {"Upload-Metadata": "expiry c29vbg=="}),
    "a creator that is too long": (400, {"Upload-Creator": "x" * 65}),
    "another version of TUS": (412, {"Tus-Resumable": "0.2.2"}),
    "no version of TUS": (412, {"Tus-Resumable": ""}),
}


@pytest.mark.parametrize(("status", "headers"), BAD_HEADERS.values(), ids=BAD_HEADERS)
def test_a_creation_that_makes_no_sense_is_refused_and_reserves_nothing(
    cloudflare: CloudflareServer, status: int, headers: dict[str, str]
) -> None:
    usual = {"Authorization": f"Bearer {API_TOKEN}", "Tus-Resumable": "1.0.0", "Upload-Length": "1000"}
    sent = {name: value for name, value in (usual | headers).items() if value}

    answer = requests.post(
        f"{cloudflare.api_url}/accounts/{ACCOUNT_ID}/stream?direct_user=true", headers=sent, timeout=10
    )

    assert answer.status_code == status
    assert answer.json()["success"] is False
    assert answer.json()["errors"][0]["message"]
    assert cloudflare.storage() == (0, 0)
    assert cloudflare.control("GET", "things")["videos"] == []


@pytest.mark.parametrize("token", ["", "another token"])
def test_nobody_makes_an_address_without_the_token(cloudflare: CloudflareServer, token: str) -> None:
    with pytest.raises((sdk.AuthenticationError, sdk.PermissionDeniedError, TypeError)):
        cloudflare.client(token or "x").stream.with_raw_response.create(
            account_id=ACCOUNT_ID, direct_user=True, tus_resumable="1.0.0", upload_length=10
        )
    with pytest.raises(sdk.AuthenticationError):
        cloudflare.sdk.stream.get("0" * 32, account_id="f" * 32)


def test_ready_video_frees_its_reservation_except_its_duration(cloudflare: CloudflareServer, video: Path) -> None:
    uid = cloudflare.upload(video, {"maxDurationSeconds": "600"})
    cloudflare.await_state(uid, "ready")

    used, reserved = cloudflare.storage()
    assert used == pytest.approx(2 / 60, abs=0.01)
    assert reserved == 0
    cloudflare.sdk.stream.delete(uid, account_id=ACCOUNT_ID)
    assert sum(cloudflare.storage()) == pytest.approx(0, abs=1e-9)


def test_ended_upload_frees_its_reservation(cloudflare: CloudflareServer, tmp_path: Path) -> None:
    garbage = tmp_path / "garbage.mp4"
    garbage.write_bytes(b"no film" * 100)
    refused = cloudflare.upload(garbage, {"maxDurationSeconds": "600"})
    cloudflare.await_state(refused, "error")
    assert cloudflare.storage() == (0, 0)

    deleted = cloudflare.create(1000, {"maxDurationSeconds": "600"})["stream-media-id"]
    assert cloudflare.storage() == (0, 10)
    cloudflare.sdk.stream.delete(deleted, account_id=ACCOUNT_ID)
    assert cloudflare.storage() == (0, 0)

    soon = _told(datetime.now(UTC) + timedelta(hours=1))
    expired = cloudflare.create(1000, {"maxDurationSeconds": "600", "expiry": soon})
    cloudflare.control("POST", "clock", advance_s=3601)
    assert cloudflare.storage() == (0, 0)
    assert patch(expired["location"], 0, bytes(1000)).status_code == 410
    assert head(expired["location"]).status_code == 410
    assert cloudflare.video(expired["stream-media-id"]).status.state == "pendingupload"


def test_an_account_without_minutes_makes_no_address(cloudflare: CloudflareServer) -> None:
    cloudflare.control("POST", "settings", storage_minutes=25)
    for _ in range(2):
        cloudflare.create(1000, {"maxDurationSeconds": "600"})

    with pytest.raises(sdk.APIStatusError) as refused:
        cloudflare.create(1000, {"maxDurationSeconds": "600"})

    assert refused.value.status_code == 413
    usage: Any = cloudflare.sdk.stream.videos.storage_usage(account_id=ACCOUNT_ID)
    assert (usage.total_storage_minutes, usage.total_storage_minutes_limit, usage.video_count) == (20, 25, 2)


def test_an_account_with_too_many_videos_in_process_makes_no_address_for_a_while(
    cloudflare: CloudflareServer, video: Path
) -> None:
    cloudflare.control("POST", "clock", ready="never")
    cloudflare.control("POST", "settings", processing_max=1)
    cloudflare.await_state(cloudflare.upload(video), "inprogress")

    with pytest.raises(sdk.RateLimitError) as refused:
        cloudflare.create(1000)

    assert int(refused.value.response.headers["retry-after"]) > 0
