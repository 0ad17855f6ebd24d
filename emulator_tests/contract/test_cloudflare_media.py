"""Promises that only Cloudflare's adapter makes: no doubled creations, secret addresses, signed playback, bad days."""

from __future__ import annotations

import json
import logging
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import jwt
import pytest

from emulator_tests.contract.accounts import CloudflareTestAccount, Film
from emulator_tests.contract.hostile import hostile, once
from shared.core.errors import Doubtful, Permanent, Transient, WrongState
from shared.ports import Allowance, ExternalIds, MediaState, Observation, UploadSpec
from shared.providers.cloudflare.signing import SigningKey

REFERENCE = "video:v1:1"
WISH = UploadSpec("Algebra, first part ☃", "lecture.mp4", 1_000_000)


def _things(account: CloudflareTestAccount) -> dict[str, Any]:
    things: dict[str, Any] = account.control("GET", "things")
    return things


def _seen(account: CloudflareTestAccount, external_ids: ExternalIds) -> Observation:
    (seen,) = account.media.observe([external_ids])
    return seen


# --- creating -----------------------------------------------------------------------------------------------------


def test_limits_travel_in_the_header_that_counts(cloudflare_account: CloudflareTestAccount) -> None:
    cloudflare_account.media.prepare_upload(REFERENCE, WISH)

    (video,) = _things(cloudflare_account)["videos"]
    assert (video["maxDurationSeconds"], video["requireSignedURLs"]) == (3600, True)
    assert video["meta"] == {"name": WISH.title, "greenroom": f"contract:{REFERENCE}"}
    assert video["creator"] == f"contract:{REFERENCE}"
    assert _things(cloudflare_account)["storage"]["reservedMinutes"] == 60


BAD_DAYS: dict[str, tuple[dict[str, Any], type[Transient], int]] = {
    "503, not done": ({"kind": "status", "status": 503}, Doubtful, 0),
    "503, done": ({"kind": "status", "status": 503, "commits": True}, Doubtful, 1),
    "500": ({"kind": "status", "status": 500}, Doubtful, 0),
    "a page of HTML": ({"kind": "html"}, Doubtful, 0),
    "a page of HTML, done": ({"kind": "html", "commits": True}, Doubtful, 1),
    "nothing, with 200": ({"kind": "empty"}, Doubtful, 0),
    "nothing, with 200, done": ({"kind": "empty", "commits": True}, Doubtful, 1),
    "half a body": ({"kind": "truncated"}, Doubtful, 1),
    "the line breaks before": ({"kind": "drop_before"}, Doubtful, 0),
    "the line breaks after": ({"kind": "drop_after_commit"}, Doubtful, 1),
    "429": ({"kind": "throttle", "after_s": 7}, Transient, 0),
}


@pytest.mark.parametrize(("fault", "error", "made"), BAD_DAYS.values(), ids=BAD_DAYS)
def test_failing_creation_is_requested_once_and_found_again(
    cloudflare_account: CloudflareTestAccount, fault: dict[str, Any], error: type[Transient], made: int
) -> None:
    account = cloudflare_account
    account.disturb({**fault, "match": {"operation": "create"}})

    with pytest.raises(error) as failed:
        account.media.prepare_upload(REFERENCE, WISH)

    assert type(failed.value) is error
    asked = [each["operation"] for each in account.control("GET", "requests")]
    assert asked.count("create") == 1
    assert len(account.alive()) == made
    assert (failed.value.retry_after_s == 7) == (fault["kind"] == "throttle")
    account.go_on(7)
    found = account.media.find_upload(REFERENCE, WISH)
    assert bool(found) == bool(made)
    assert len(account.alive()) == made
    assert _things(account)["storage"]["reservedMinutes"] == 60 * made
    if found:
        account.upload(found, Film.VIDEO)
        assert _seen(account, found).state is MediaState.READY


def test_late_commit_is_found_and_reserves_minutes_once(cloudflare_account: CloudflareTestAccount) -> None:
    account = cloudflare_account
    account.disturb({"kind": "late_commit", "after_s": 120, "match": {"operation": "create"}})
    with pytest.raises(Doubtful):
        account.media.prepare_upload(REFERENCE, WISH)
    assert account.media.find_upload(REFERENCE, WISH) == {}

    account.go_on(121)

    found = account.media.find_upload(REFERENCE, WISH)
    assert {("uid", found["uid"])} == account.alive()
    assert _things(account)["storage"]["reservedMinutes"] == 60


def test_duplicate_creation_under_one_reference_is_reduced_to_one(cloudflare_account: CloudflareTestAccount) -> None:
    account = cloudflare_account
    account.disturb({"kind": "duplicate", "match": {"operation": "create"}})
    account.media.prepare_upload(REFERENCE, WISH)
    assert len(account.alive()) == 2

    found = account.media.find_upload(REFERENCE, WISH)

    assert account.alive() == {("uid", found["uid"])}


def test_account_without_minutes_is_a_permanent_error(cloudflare_account: CloudflareTestAccount) -> None:
    cloudflare_account.control("POST", "settings", {"storage_minutes": 10})

    with pytest.raises(Permanent) as refused:
        cloudflare_account.media.prepare_upload(REFERENCE, WISH)

    assert (refused.value.code, str(refused.value)) == ("NO_ROOM", "The video provider has no room for this video.")


def test_rejected_token_is_retried_and_never_logged(cloudflare_account: CloudflareTestAccount) -> None:
    account = cloudflare_account
    other = account.as_seen_with(api_token="another-token-0123456789")
    try:
        with pytest.raises(Transient) as refused:
            other.media.prepare_upload(REFERENCE, WISH)
        assert refused.value.code == "UNAUTHORIZED"
        assert "another-token" not in repr(refused.value) + repr(other.provider_account)
    finally:
        other.close()


def test_refused_connection_differs_from_a_lost_answer(cloudflare_account: CloudflareTestAccount) -> None:
    account = cloudflare_account
    # Nothing listens there.
    away = account.as_seen_with(url="http://127.0.0.1:9")
    try:
        with pytest.raises(Transient) as failed:
            away.media.prepare_upload(REFERENCE, WISH)
        assert type(failed.value) is Transient
        assert failed.value.code == "UNREACHABLE"
    finally:
        away.close()


# --- upload addresses ---------------------------------------------------------------------------------------------


def test_upload_address_is_only_in_sealed_ids_and_the_upload_token(cloudflare_account: CloudflareTestAccount) -> None:
    account = cloudflare_account
    external_ids = account.media.prepare_upload(REFERENCE, WISH)

    grant = account.media.upload_grant(external_ids, WISH, account.allowance(account.media, WISH.size_bytes))

    key = grant.url.rpartition("/")[2]
    assert grant.url.startswith("http")
    assert key.partition("?")[0] not in str(external_ids)
    assert grant.url not in repr(grant)
    assert grant.url not in str(_things(account))


def test_upload_address_is_never_logged(
    cloudflare_account: CloudflareTestAccount, caplog: pytest.LogCaptureFixture
) -> None:
    account = cloudflare_account
    caplog.set_level(logging.INFO)
    external_ids = account.media.prepare_upload(REFERENCE, WISH)
    account.send_some(external_ids, 300_000)

    assert _seen(account, external_ids).received_bytes == 300_000

    key = (
        account.media.upload_grant(external_ids, WISH, account.allowance(account.media, WISH.size_bytes))
        .url.rpartition("/")[2]
        .partition("?")[0]
    )
    assert key not in caplog.text


def test_an_address_that_has_expired_or_was_sealed_with_another_key_is_not_given(
    cloudflare_account: CloudflareTestAccount,
) -> None:
    account = cloudflare_account
    external_ids = account.media.prepare_upload(REFERENCE, WISH)
    other = SigningKey("other", account.provider_account.signing_key.pem + b"\n")
    stranger = replace(account.media, account=replace(account.provider_account, signing_key=other))
    with pytest.raises(WrongState):
        stranger.upload_grant(external_ids, WISH, account.allowance(account.media, WISH.size_bytes))
    soon = account.media.upload_grant(external_ids, WISH, Allowance(0, account.clock() + timedelta(hours=10)))
    assert soon.expires_at - account.clock() <= timedelta(hours=6)
    # The token ends earlier than the address. `renewable_until` is still the end of the address.
    brief = Allowance(0, account.clock() + timedelta(seconds=600))
    assert (
        account.media.upload_grant(external_ids, WISH, brief).renewable_until == soon.renewable_until == soon.expires_at
    )

    account.go_on(6 * 3600)

    with pytest.raises(WrongState, match="The time for this upload is over"):
        account.media.upload_grant(external_ids, WISH, account.allowance(account.media, WISH.size_bytes))


def test_expired_upload_is_an_error_for_observers_and_poller(
    cloudflare_account: CloudflareTestAccount,
) -> None:
    account = cloudflare_account
    external_ids = account.media.prepare_upload(REFERENCE, WISH)
    account.send_some(external_ids, 300_000)
    since = account.clock()
    assert account.media.changes(since, 1).items == ()

    account.go_on(6 * 3600 + 1)

    seen = _seen(account, external_ids)
    assert (seen.state, seen.retryable) == (MediaState.ERROR, False)
    assert seen.reason == "The upload was not finished before its address expired. Start it again."
    (change,) = account.media.changes(since, 1).items
    assert (change.reference, change.observation) == (REFERENCE, seen)
    assert account.media.delete_media(external_ids) == {}
    assert _things(account)["storage"]["reservedMinutes"] == 0


# --- reasons and lists --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("prefix", ["errorReason", "errReason"])
def test_error_reason_is_read_in_every_spelling(cloudflare_account: CloudflareTestAccount, prefix: str) -> None:
    cloudflare_account.control("POST", "settings", {"reason_prefix": prefix})
    external_ids = cloudflare_account.media.prepare_upload(REFERENCE, WISH)
    cloudflare_account.upload(external_ids, Film.GARBAGE)

    assert _seen(cloudflare_account, external_ids).reason == "The file is not a video."


def test_video_missing_from_a_lagging_list_is_read_before_it_counts_as_gone(
    cloudflare_account: CloudflareTestAccount,
) -> None:
    first, second = (cloudflare_account.media.prepare_upload(f"video:v{number}:1", WISH) for number in range(2))
    cloudflare_account.disturb({"kind": "list_lag", "after_s": 60, "match": {"operation": "list"}})

    seen = cloudflare_account.media.observe([first, second])

    assert [one.state for one in seen] == [MediaState.AWAITING_UPLOAD] * 2


def test_truncated_or_malformed_answer_is_no_observation(cloudflare_account: CloudflareTestAccount) -> None:
    external_ids = cloudflare_account.media.prepare_upload(REFERENCE, WISH)
    for kind in ("truncated", "empty", "html", "drop_after_commit"):
        cloudflare_account.disturb({"kind": kind, "match": {"operation": "get"}})
        with pytest.raises(Transient):
            _seen(cloudflare_account, external_ids)
    assert _seen(cloudflare_account, external_ids).state is MediaState.AWAITING_UPLOAD


def test_a_deletion_that_the_provider_forgets_leaves_what_is_there(cloudflare_account: CloudflareTestAccount) -> None:
    account = cloudflare_account
    external_ids = account.media.prepare_upload(REFERENCE, WISH)
    # The API reports a success, but has not deleted the video.
    account.disturb({"kind": "status", "status": 200, "match": {"operation": "delete"}})

    with pytest.raises(Transient):
        account.media.delete_media(external_ids)

    assert account.media.delete_media(external_ids) == {}


# --- playback -----------------------------------------------------------------------------------------------------


def test_playback_token_plays_its_video_only(cloudflare_account: CloudflareTestAccount) -> None:
    account = cloudflare_account
    first, second = (account.media.prepare_upload(f"video:v{number}:1", WISH) for number in range(2))
    for external_ids in (first, second):
        account.upload(external_ids, Film.VIDEO)
    grant = account.media.playback_grant(first, "student1", 600)
    http = httpx.Client(timeout=30, trust_env=False)

    with http:
        assert http.get(grant.url).text.startswith("#EXTM3U")
        assert http.get(str(grant.values["thumbnailUrl"])).content[:2] == b"\xff\xd8"
        assert http.get(grant.url.replace(grant.token, first["uid"])).status_code == 401
        forged = jwt.encode({"sub": second["uid"]}, "x" * 32, algorithm="HS256")
        assert http.get(grant.url.replace(grant.token, forged)).status_code == 401
        account.go_on(601)
        assert http.get(grant.url).status_code == 401


def test_no_token_lives_longer_than_a_day(cloudflare_account: CloudflareTestAccount) -> None:
    external_ids = cloudflare_account.media.prepare_upload(REFERENCE, WISH)

    grant = cloudflare_account.media.playback_grant(external_ids, "student1", 7 * 24 * 3600)

    assert grant.expires_at - cloudflare_account.clock() <= timedelta(days=1)


# --- details of a ready video -------------------------------------------------------------------------------------

TOLD: dict[str, Any] = {
    "uid": "u",
    "readyToStream": True,
    "status": {"state": "ready"},
    "duration": 12.5,
    "size": 1_000_000,
    "input": {"width": 640, "height": 360},
}
WHOLE = Observation(MediaState.READY, 100, duration_s=12.5, size_bytes=1_000_000, is_video=True, type_is_verified=True)
SPARSE: dict[str, tuple[dict[str, Any], Observation]] = {
    "all of it": ({}, WHOLE),
    "no length": ({"duration": None}, replace(WHOLE, duration_s=None)),
    "an unknown length": ({"duration": -1}, replace(WHOLE, duration_s=None)),
    "a length of 0": ({"duration": 0}, replace(WHOLE, duration_s=None)),
    "a length that is text": ({"duration": "12"}, replace(WHOLE, duration_s=None)),
    "a length that is true": ({"duration": True}, replace(WHOLE, duration_s=None)),
    "a length beyond numbers": ({"duration": 1e400}, replace(WHOLE, duration_s=None)),
    "no size": ({"size": None}, replace(WHOLE, size_bytes=None)),
    "a size of 0": ({"size": 0}, replace(WHOLE, size_bytes=None)),
    "an unknown size": ({"size": -1}, replace(WHOLE, size_bytes=None)),
    "no input": ({"input": None}, replace(WHOLE, type_is_verified=False)),
    "an empty input": ({"input": {}}, replace(WHOLE, type_is_verified=False)),
    "an unknown width": ({"input": {"width": -1, "height": -1}}, replace(WHOLE, type_is_verified=False)),
    "an unknown height": ({"input": {"width": 640}}, replace(WHOLE, type_is_verified=False)),
    "no picture": ({"input": {"width": 0, "height": 0}}, replace(WHOLE, is_video=False, type_is_verified=False)),
}


@pytest.mark.parametrize(("changed", "expected"), SPARSE.values(), ids=SPARSE)
def test_missing_fields_of_a_ready_video_are_unknown(
    cloudflare_account: CloudflareTestAccount, changed: dict[str, Any], expected: Observation
) -> None:
    """Nothing is assumed that Cloudflare did not report. The type is set only if Cloudflare found a picture."""
    body = json.dumps({"success": True, "result": TOLD | changed}).encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode()

    with hostile(once(head + body)) as server:
        account = cloudflare_account.as_seen_with(url=server.url.removesuffix("/film"))
        with closing(account):
            assert _seen(account, {"uid": "u"}) == expected


def test_real_video_has_all_fields(cloudflare_account: CloudflareTestAccount) -> None:
    external_ids = cloudflare_account.media.prepare_upload(REFERENCE, WISH)
    cloudflare_account.upload(external_ids, Film.VIDEO)

    seen = _seen(cloudflare_account, external_ids)

    assert (seen.state, seen.is_video, seen.type_is_verified) == (MediaState.READY, True, True)
    assert seen.duration_s
    assert seen.size_bytes == WISH.size_bytes
