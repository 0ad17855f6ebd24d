"""Videos at the Cloudflare simulator: states, lists, tokens, playback, webhooks, faults; judged by Cloudflare's SDK."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any

import cloudflare as sdk
import jwt
import pytest
import requests

from emulator_tests.simulators.tests.cloudflare_server import ACCOUNT_ID, CloudflareServer
from emulator_tests.simulators.tests.listener import listening
from emulator_tests.simulators.tests.served import wait_until

SIGNED: dict[str, str | None] = {"requiresignedurls": None}


def _made(cloudflare: CloudflareServer, count: int, **more: Any) -> list[str]:
    return [cloudflare.create(10, {"name": f"film {number}"}, **more)["stream-media-id"] for number in range(count)]


def _listed(cloudflare: CloudflareServer, **asked: Any) -> list[str]:
    return [str(each.uid) for each in cloudflare.sdk.stream.list(account_id=ACCOUNT_ID, **asked)]


# --- states -------------------------------------------------------------------------------------------------------


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


def test_what_is_no_film_or_too_long_or_damaged_ends_in_error_with_its_code(
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


# --- lists and changes --------------------------------------------------------------------------------------------


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


def test_what_is_deleted_is_gone_and_deleting_it_again_says_so(cloudflare: CloudflareServer, video: Path) -> None:
    uid = cloudflare.upload(video)
    cloudflare.await_state(uid, "ready")

    cloudflare.sdk.stream.delete(uid, account_id=ACCOUNT_ID)

    assert _listed(cloudflare) == []
    assert requests.get(f"{cloudflare.url}/{uid}/manifest/video.m3u8", timeout=10).status_code == 404
    for again in (cloudflare.sdk.stream.delete, cloudflare.sdk.stream.get):
        with pytest.raises(sdk.NotFoundError):
            again(uid, account_id=ACCOUNT_ID)


# --- playback -----------------------------------------------------------------------------------------------------


def _signed(cloudflare: CloudflareServer, uid: str, **claims: Any) -> str:
    """A token by a key of the account, as an application signs it."""
    key = cloudflare.sdk.stream.keys.create(account_id=ACCOUNT_ID)
    assert key is not None
    usual = {"sub": uid, "kid": key.id, "exp": int(cloudflare.control("GET", "clock")["now"]) + 600}
    told = {name: value for name, value in (usual | claims).items() if value is not None}
    return jwt.encode(told, base64.b64decode(key.pem or ""), algorithm="RS256", headers={"kid": str(key.id)})


def _plays(cloudflare: CloudflareServer, who: str) -> int:
    return requests.get(f"{cloudflare.url}/{who}/manifest/video.m3u8", timeout=30).status_code


def test_a_signed_token_plays_real_bytes_and_the_id_alone_does_not(cloudflare: CloudflareServer, video: Path) -> None:
    uid = cloudflare.upload(video, SIGNED)
    cloudflare.await_state(uid, "ready")
    token = _signed(cloudflare, uid)

    assert _plays(cloudflare, uid) == 401
    url = f"{cloudflare.url}/{token}/manifest/video.m3u8"
    played = subprocess.run(
        ["ffprobe", "-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0", url],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert float(played.stdout) == pytest.approx(2, abs=0.3)
    picture = requests.get(f"{cloudflare.url}/{token}/thumbnails/thumbnail.jpg", timeout=30)
    assert picture.content[:2] == b"\xff\xd8"


BAD_CLAIMS: dict[str, dict[str, Any]] = {
    "another video's": {"sub": "0" * 32},
    "expired": {"exp": 1_700_000_000},
    "without an end": {"exp": None},
    "for longer than a day": {"exp": 4_000_000_000},
    "not yet": {"nbf": 4_000_000_000},
    "another key's": {"kid": "0" * 32},
    "nobody is let in": {"accessRules": [{"type": "any", "action": "block"}]},
    "another address": {
        "accessRules": [{"type": "ip.src", "action": "allow", "ip": ["10.0.0.0/8"]}, {"type": "any", "action": "block"}]
    },
}


@pytest.mark.parametrize("claims", BAD_CLAIMS.values(), ids=BAD_CLAIMS)
def test_a_token_that_says_something_else_plays_nothing(
    cloudflare: CloudflareServer, video: Path, claims: dict[str, Any]
) -> None:
    uid = cloudflare.upload(video, SIGNED)
    cloudflare.await_state(uid, "ready")

    assert _plays(cloudflare, _signed(cloudflare, uid, **claims)) in (401, 403)


def test_a_token_of_a_deleted_key_or_of_a_stranger_plays_nothing(cloudflare: CloudflareServer, video: Path) -> None:
    uid = cloudflare.upload(video, SIGNED)
    cloudflare.await_state(uid, "ready")
    token = _signed(cloudflare, uid)
    assert _plays(cloudflare, token) == 200
    key_id = jwt.get_unverified_header(token)["kid"]

    cloudflare.sdk.stream.keys.delete(key_id, account_id=ACCOUNT_ID)

    assert _plays(cloudflare, token) == 401
    assert _plays(cloudflare, jwt.encode({"sub": uid}, "x" * 32, algorithm="HS256", headers={"kid": key_id})) == 401
    assert _plays(cloudflare, "a.b.c") == 401
    keys: Any = cloudflare.sdk.stream.keys.get(account_id=ACCOUNT_ID)
    assert key_id not in [key.id for key in keys]


def test_the_service_signs_tokens_too(cloudflare: CloudflareServer, video: Path) -> None:
    uid = cloudflare.upload(video, SIGNED)
    cloudflare.await_state(uid, "ready")

    made = cloudflare.sdk.stream.token.create(uid, account_id=ACCOUNT_ID)

    assert made is not None
    assert _plays(cloudflare, str(made.token)) == 200
    with pytest.raises(sdk.BadRequestError):
        cloudflare.sdk.stream.token.create(uid, account_id=ACCOUNT_ID, exp=4_000_000_000)


def test_a_download_must_be_asked_for_and_allowed_by_the_token(cloudflare: CloudflareServer, video: Path) -> None:
    uid = cloudflare.upload(video, SIGNED)
    cloudflare.await_state(uid, "ready")
    allowed, not_allowed = _signed(cloudflare, uid, downloadable=True), _signed(cloudflare, uid)

    def status(who: str) -> int:
        return requests.get(f"{cloudflare.url}/{who}/downloads/default.mp4", timeout=30).status_code

    assert status(allowed) == 404
    cloudflare.sdk.stream.downloads.create(uid, account_id=ACCOUNT_ID)
    cloudflare.control("POST", "clock", advance_s=2)
    assert (status(allowed), status(not_allowed), status(uid)) == (200, 403, 401)
    part = requests.get(
        f"{cloudflare.url}/{allowed}/downloads/default.mp4", headers={"Range": "bytes=0-99"}, timeout=30
    )
    assert (part.status_code, part.content) == (206, video.read_bytes()[:100])


# --- webhooks -----------------------------------------------------------------------------------------------------


def test_a_webhook_is_told_of_the_end_only_signed_with_its_secret_until_it_has_heard(
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


# --- live inputs --------------------------------------------------------------------------------------------------


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


# --- faults -------------------------------------------------------------------------------------------------------


def _fault(cloudflare: CloudflareServer, kind: str, operation: str = "create", **more: Any) -> None:
    cloudflare.control("POST", "faults", kind=kind, match={"operation": operation}, **more)


FAULTS: dict[str, tuple[dict[str, Any], type[Exception] | None, int]] = {
    "not done, 503": ({"kind": "status", "status": 503}, sdk.InternalServerError, 0),
    "done, 503": ({"kind": "status", "status": 503, "commits": True}, sdk.InternalServerError, 1),
    "a page instead": ({"kind": "html"}, sdk.InternalServerError, 0),
    "the line breaks before": ({"kind": "drop_before"}, sdk.APIConnectionError, 0),
    "the line breaks after": ({"kind": "drop_after_commit"}, sdk.APIConnectionError, 1),
    "throttled": ({"kind": "throttle", "after_s": 7}, sdk.RateLimitError, 0),
    "done twice": ({"kind": "duplicate"}, None, 2),
}


@pytest.mark.parametrize(("fault", "error", "made"), FAULTS.values(), ids=FAULTS)
def test_a_fault_strikes_once_and_leaves_what_it_says(
    cloudflare: CloudflareServer, fault: dict[str, Any], error: type[Exception] | None, made: int
) -> None:
    cloudflare.control("POST", "faults", match={"operation": "create"}, **fault)

    if error is None:
        cloudflare.create(10)
    else:
        with pytest.raises(error):
            cloudflare.create(10)

    assert len(_listed(cloudflare)) == made
    cloudflare.create(10)
    assert len(_listed(cloudflare)) == made + 1


def test_what_is_carried_out_late_comes_when_its_time_has_come(cloudflare: CloudflareServer) -> None:
    _fault(cloudflare, "late_commit", after_s=3600)
    with pytest.raises(sdk.APIConnectionError):
        cloudflare.create(10)
    assert _listed(cloudflare) == []

    cloudflare.control("POST", "clock", advance_s=3601)

    wait_until(lambda: len(_listed(cloudflare)) == 1)


def test_lists_lag_and_answers_are_cut_short_and_late(cloudflare: CloudflareServer) -> None:
    (uid,) = _made(cloudflare, 1)
    _fault(cloudflare, "list_lag", "list", after_s=60)
    assert _listed(cloudflare) == []
    assert _listed(cloudflare) == [uid]
    _fault(cloudflare, "truncated", "get")
    cut = cloudflare.sdk.stream.with_raw_response.get(uid, account_id=ACCOUNT_ID).http_response
    with pytest.raises(ValueError, match=r"JSON|delimiter|Unterminated|Expecting"):
        json.loads(cut.content)
    _fault(cloudflare, "empty", "get")
    assert cloudflare.sdk.stream.with_raw_response.get(uid, account_id=ACCOUNT_ID).http_response.content == b""
    _fault(cloudflare, "delay", "get", after_s=0.3)
    assert cloudflare.sdk.stream.with_raw_response.get(uid, account_id=ACCOUNT_ID).elapsed.total_seconds() >= 0.3


def test_a_reset_leaves_nothing_but_the_keys(cloudflare: CloudflareServer) -> None:
    _made(cloudflare, 2)
    cloudflare.sdk.stream.keys.create(account_id=ACCOUNT_ID)
    keys = cloudflare.control("GET", "things")["keys"]
    cloudflare.control("POST", "clock", advance_s=100)

    cloudflare.control("POST", "reset")

    things = cloudflare.control("GET", "things")
    assert (things["videos"], things["keys"], things["webhook"]) == ([], keys, None)
    assert cloudflare.control("GET", "clock")["offset_s"] == 0
    assert cloudflare.control("GET", "faults") == []
