"""Videos at the Cloudflare simulator: states, lists, tokens, playback, webhooks, faults; judged by Cloudflare's SDK."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import cloudflare as sdk
import pytest
import requests

from emulator_tests.simulators.tests.cloudflare_server import ACCOUNT_ID, CloudflareServer
from emulator_tests.simulators.tests.listener import listening
from emulator_tests.simulators.tests.served import wait_until


def _made(cloudflare: CloudflareServer, count: int, **more: Any) -> list[str]:
    return [cloudflare.create(10, {"name": f"film {number}"}, **more)["stream-media-id"] for number in range(count)]


def _listed(cloudflare: CloudflareServer, **asked: Any) -> list[str]:
    return [str(each.uid) for each in cloudflare.sdk.stream.list(account_id=ACCOUNT_ID, **asked)]


def test_a_video_gets_on_step_by_step_and_plays_before_it_is_wholly_encoded(
    cloudflare: CloudflareServer, video: Path
) -> None:
    cloudflare.control("POST", "clock", ready="after_looks:8")
    uid = cloudflare.upload(video)
    wait_until(lambda: cloudflare.video(uid).status.state != "queued")

    seen = [cloudflare.video(uid) for _ in range(8)]

    percents = [float(each.status.pct_complete or 0) for each in seen]
    assert percents == sorted(percents)
    assert {each.status.state for each in seen} == {"inprogress", "ready"}
    assert any(each.ready_to_stream and each.status.state == "inprogress" for each in seen)
    assert seen[-1].modified > seen[0].created


def test_invalid_video_fails_with_its_code(
    cloudflare: CloudflareServer, video: Path, sound: Path, tmp_path: Path
) -> None:
    garbage, damaged = tmp_path / "garbage.mp4", tmp_path / "damaged.mp4"
    garbage.write_bytes(b"no film" * 100)
    damaged.write_bytes(video.read_bytes()[:2000])
    files = {
        "ERR_NON_VIDEO": (garbage, "600"),
        "ERR_MALFORMED_VIDEO": (damaged, "600"),
        "ERR_DURATION_EXCEED_CONSTRAINT": (video, "1"),
    }

    for code, (file, most) in files.items():
        uid = cloudflare.upload(file, {"maxDurationSeconds": most})
        assert cloudflare.await_state(uid, "error", "ready").status.error_reason_code == code
    uid = cloudflare.upload(sound)
    assert cloudflare.await_state(uid, "error").status.error_reason_code == "ERR_NON_VIDEO"
    cloudflare.control("POST", "clock", ready="failed")
    uid = cloudflare.upload(video)
    assert cloudflare.await_state(uid, "error").status.error_reason_code == "ERR_UNKNOWN"


def test_a_reason_may_be_spelt_in_the_way_of_the_docs(cloudflare: CloudflareServer, sound: Path) -> None:
    cloudflare.control("POST", "settings", reason_prefix="errReason")
    failed = cloudflare.await_state(cloudflare.upload(sound), "error")

    assert failed.status.error_reason_code is None
    assert failed.status.model_extra["errReasonCode"] == "ERR_NON_VIDEO"


def test_a_list_has_the_newest_first_or_the_oldest_and_knows_its_filters(cloudflare: CloudflareServer) -> None:
    first, second, third = _made(cloudflare, 3)
    mine = _made(cloudflare, 1, upload_creator="teacher-1")[0]
    created = cloudflare.video(second).created

    assert _listed(cloudflare) == [mine, third, second, first]
    assert _listed(cloudflare, asc=True) == [first, second, third, mine]
    assert _listed(cloudflare, creator="teacher-1") == [mine]
    assert _listed(cloudflare, creator="teacher") == []
    assert _listed(cloudflare, start=created, asc=True) == [third, mine]
    assert _listed(cloudflare, end=created) == [first]
    assert _listed(cloudflare, start=created - timedelta(seconds=60), end=created, asc=True) == [first]
    assert _listed(cloudflare, id=f"{third},{first},unknown") == [first, third]
    assert _listed(cloudflare, search="FILM 1") == [second]
    assert _listed(cloudflare, status="ready") == []
    assert _listed(cloudflare, status="pendingupload", limit=2) == [mine, third]
    counted = cloudflare.sdk.stream.with_raw_response.list(account_id=ACCOUNT_ID, include_counts=True, limit=2)
    assert (counted.http_response.json()["total"], counted.http_response.json()["range"]) == (4, 2)


def test_an_edit_changes_what_it_names_and_nothing_else(cloudflare: CloudflareServer) -> None:
    (uid,) = _made(cloudflare, 1, upload_creator="one")

    cloudflare.sdk.stream.edit(
        uid, account_id=ACCOUNT_ID, creator="two", meta={"name": "new"}, require_signed_urls=True
    )

    changed = cloudflare.video(uid)
    assert (changed.creator, changed.meta, changed.require_signed_urls) == ("two", {"name": "new"}, True)
    assert _listed(cloudflare, creator="two") == [uid]
    assert _listed(cloudflare, creator="one") == []


def test_deleted_video_is_not_found(cloudflare: CloudflareServer, video: Path) -> None:
    uid = cloudflare.upload(video)
    cloudflare.await_state(uid, "ready")

    cloudflare.sdk.stream.delete(uid, account_id=ACCOUNT_ID)

    assert _listed(cloudflare) == []
    assert requests.get(f"{cloudflare.url}/{uid}/manifest/video.m3u8", timeout=10).status_code == 404
    for again in (cloudflare.sdk.stream.delete, cloudflare.sdk.stream.get):
        with pytest.raises(sdk.NotFoundError):
            again(uid, account_id=ACCOUNT_ID)


def test_webhook_is_sent_once_at_the_end_signed_and_retried(
    cloudflare: CloudflareServer, video: Path, sound: Path
) -> None:
    with listening("/hook", [500]) as listener:
        url = listener.url
        told: Any = cloudflare.sdk.stream.webhooks.update(account_id=ACCOUNT_ID, body_notification_url_2=url)
        uid = cloudflare.upload(video, {"school": "north"})
        heard = [listener.next(), listener.next()]
        failed = cloudflare.upload(sound)
        heard.append(listener.next())
        assert listener.arrived.empty()

    for headers, body in heard:
        at, signature = (part.partition("=")[2] for part in headers["Webhook-Signature"].split(","))
        expected = hmac.new(told.secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
        assert signature == expected
    bodies = [json.loads(body) for _, body in heard]
    assert [each["uid"] for each in bodies] == [uid, uid, failed]
    assert [each["status"]["state"] for each in bodies] == ["ready", "ready", "error"]
    assert bodies[0]["meta"] == {"school": "north"}
    known: Any = cloudflare.sdk.stream.webhooks.get(account_id=ACCOUNT_ID)
    assert (known.notification_url, known.secret) == (url, told.secret)
    cloudflare.sdk.stream.webhooks.delete(account_id=ACCOUNT_ID)
    with pytest.raises(sdk.NotFoundError):
        cloudflare.sdk.stream.webhooks.get(account_id=ACCOUNT_ID)


def test_a_live_input_is_made_changed_listed_and_deleted(cloudflare: CloudflareServer) -> None:
    inputs = cloudflare.sdk.stream.live_inputs
    made: Any = inputs.create(account_id=ACCOUNT_ID, meta={"name": "lecture"}, recording={"mode": "automatic"})

    inputs.update(made.uid, account_id=ACCOUNT_ID, meta={"name": "seminar"})

    found: Any = inputs.get(made.uid, account_id=ACCOUNT_ID)
    assert (found.meta, found.recording.mode, found.rtmps.stream_key) == (
        {"name": "seminar"},
        "automatic",
        made.rtmps.stream_key,
    )
    listed: Any = inputs.list(account_id=ACCOUNT_ID)
    assert [each.uid for each in listed.live_inputs] == [made.uid]
    inputs.delete(made.uid, account_id=ACCOUNT_ID)
    with pytest.raises(sdk.NotFoundError):
        inputs.get(made.uid, account_id=ACCOUNT_ID)
