"""The stories of videos that only Cloudflare tells: minutes, addresses, 1 GiB by TUS, webhooks; and both providers."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from tusclient.uploader.uploader import Uploader

from emulator_tests.conftest import NEIGHBOUR
from emulator_tests.flow.long_upload import LongFilm
from emulator_tests.flow.school import Person, School
from emulator_tests.simulators.tests.listener import Listener, listening
from emulator_tests.simulators.tests.tus import VERSION
from emulator_tests.testbed.line import Break, line_to
from emulator_tests.testbed.places import TEST_PICTURE

NEVER = {"ready": "never"}
FEED = "operations/feed-cloudflare"
LONG_BYTES = 1024**3
BREAKS = 20


@pytest.fixture
def session_id(teacher: Person) -> str:
    """A public session for the enrolled, whose videos are at Cloudflare."""
    return teacher.write_session(videoProvider="cloudflare", visibility="enrolled", status="public")


def _reserved(school: School, video_id: str) -> float:
    """How many minutes are reserved for a video."""
    waiting = [
        video for video in school.cloudflare_videos(video_id) if video["status"]["state"] not in ("ready", "error")
    ]
    return sum(float(video["maxDurationSeconds"]) / 60 for video in waiting)


# --- from the address to playing ----------------------------------------------------------------------------------


def test_a_session_may_have_videos_at_both_providers(school: School, teacher: Person, video_bytes: bytes) -> None:
    session_id = teacher.write_session()
    at_kaltura = teacher.ask_to_upload(session_id, len(video_bytes))
    teacher.change_session(session_id, videoProvider="cloudflare")
    at_cloudflare = teacher.ask_to_upload(session_id, len(video_bytes))

    for token in (at_kaltura, at_cloudflare):
        school.upload(token, video_bytes)

    shown = {
        token["videoId"]: school.await_video(session_id, token["videoId"], "ready")
        for token in (at_kaltura, at_cloudflare)
    }
    assert [one["provider"] for one in shown.values()] == ["kaltura", "cloudflare"]
    teacher.delete_session(session_id)
    school.await_provider(
        "both to go",
        lambda: not school.made_for(at_kaltura["videoId"]) and not school.cloudflare_videos(at_cloudflare["videoId"]),
    )


def test_a_token_says_until_when_the_address_takes_bytes_and_from_which_speed(teacher: Person, session_id: str) -> None:
    """B12: 10 GiB at 3 Mbit/s do not arrive within the six hours of an address, and that is said at once."""
    token = teacher.ask_to_upload(session_id, 10 * LONG_BYTES)

    left_s = (datetime.fromisoformat(token["uploadUntil"]) - datetime.now(UTC)).total_seconds()
    assert 6 * 3600 - 120 < left_s <= 6 * 3600
    assert datetime.fromisoformat(token["expiresAt"]) < datetime.fromisoformat(token["uploadUntil"])
    assert 4900 < token["minKbps"] < 5100
    renewed = teacher.call("renewUploadToken", {"videoId": token["videoId"]})
    assert renewed["uploadUntil"] == token["uploadUntil"]
    teacher.call("cancelUpload", {"videoId": token["videoId"]})


def test_upload_of_one_gib_survives_twenty_disconnects(
    school: School, teacher: Person, session_id: str, tmp_path: Path
) -> None:
    video_bytes = LongFilm(str(TEST_PICTURE), LONG_BYTES, seed=7)
    file, digest = tmp_path / "long.mp4", hashlib.sha256()
    with file.open("wb") as kept:
        for block in video_bytes.blocks(0, LONG_BYTES):
            kept.write(block)
            digest.update(block)
    token = teacher.ask_to_upload(session_id, LONG_BYTES)
    host, _, port = school.testbed.cloudflare_url.removeprefix("http://").partition(":")
    breaks = [
        Break(LONG_BYTES // (BREAKS + 1) * number, resets=number % 2 == 0, loses_answer=number % 5 == 0)
        for number in range(1, BREAKS + 1)
    ]

    upload = token["upload"]
    with line_to((host, int(port)), breaks) as line, file.open("rb") as stream:
        url = upload["url"].replace(f"{host}:{port}", f"{line.address[0]}:{line.address[1]}")
        # What tuspy counts as tries begins anew with each chunk that has arrived.
        Uploader(
            file_stream=stream, url=url, chunk_size=upload["chunkSizeBytes"], retries=BREAKS, retry_delay=0
        ).upload()
        assert len(line.broken) == BREAKS

    school.await_video(session_id, token["videoId"], "ready")
    (made,) = school.cloudflare_videos(token["videoId"])
    assert made["uploadedBytes"] == made["size"] == LONG_BYTES
    assert _arrived(school, made["uid"]) == digest.hexdigest()
    teacher.call("deleteVideo", {"videoId": token["videoId"]})
    school.await_provider("its going", lambda: not school.cloudflare_videos(token["videoId"]))


def _arrived(school: School, uid: str) -> str:
    """The digest of what has arrived of a video, as an administrator downloads it."""
    account = f"{school.testbed.cloudflare_url}/client/v4/accounts/{school.testbed.cloudflare_account_id}/stream/{uid}"
    headers = {"Authorization": f"Bearer {school.testbed.cloudflare_api_token}"}
    school.http.post(f"{account}/downloads", headers=headers, timeout=30).raise_for_status()
    told = school.http.post(f"{account}/token", json={"downloadable": True}, headers=headers, timeout=30).json()
    url = f"{school.testbed.cloudflare_url}/{told['result']['token']}/downloads/default.mp4"
    school.await_provider("the download", lambda: school.http.head(url, timeout=30).status_code != 404)
    digest = hashlib.sha256()
    with school.http.get(url, stream=True, timeout=60) as answer:
        for block in answer.iter_content(1024 * 1024):
            digest.update(block)
    return digest.hexdigest()


# --- and back to none ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sent", ["before a byte", "while it is processed"])
@pytest.mark.parametrize("end", ["cancelled", "deleted", "its session deleted"])
def test_ended_upload_leaves_no_video_and_no_reservation(
    school: School, teacher: Person, session_id: str, video_bytes: bytes, sent: str, end: str
) -> None:
    school.cloudflare("POST", "clock", NEVER)
    token = teacher.ask_to_upload(session_id, len(video_bytes))
    video_id = token["videoId"]
    assert _reserved(school, video_id) > 0
    if sent == "while it is processed":
        school.upload(token, video_bytes)
        school.await_video(session_id, video_id, "processing")

    match end:
        case "cancelled":
            teacher.call("cancelUpload", {"videoId": video_id})
        case "deleted":
            teacher.call("deleteVideo", {"videoId": video_id})
        case _:
            teacher.delete_session(session_id)

    school.await_provider("its going", lambda: not school.cloudflare_videos(video_id))
    assert _reserved(school, video_id) == 0
    school.await_document(f"videos/{video_id}", lambda fields: fields is not None and fields["state"] == "gone")
    assert school.http.head(token["upload"]["url"], headers=VERSION, timeout=10).status_code == 404


def test_a_creation_whose_answer_is_lost_makes_one_video_and_reserves_once(
    school: School, teacher: Person, session_id: str, video_bytes: bytes
) -> None:
    school.cloudflare("POST", "faults", {"kind": "drop_after_commit", "match": {"operation": "create"}})

    token = teacher.ask_to_upload(session_id, len(video_bytes))

    assert (
        _reserved(school, token["videoId"]) == school.cloudflare_videos(token["videoId"])[0]["maxDurationSeconds"] / 60
    )
    assert len(school.cloudflare_videos(token["videoId"])) == 1
    school.upload(token, video_bytes)
    school.await_video(session_id, token["videoId"], "ready")


# --- secrets and webhooks -----------------------------------------------------------------------------------------


def test_upload_address_is_in_no_document_and_no_log(
    school: School, teacher: Person, session_id: str, video_bytes: bytes
) -> None:
    token = teacher.ask_to_upload(session_id, len(video_bytes))
    key = token["upload"]["url"].rpartition("/")[2].partition("?")[0]
    assert len(key) > 20
    # Who asks how much has arrived asks at that address.
    assert teacher.call("renewUploadToken", {"videoId": token["videoId"]})["upload"]["url"] == token["upload"]["url"]

    documents = json.dumps(
        [school.document(f"videos/{token['videoId']}"), school.document(f"sessions/{session_id}")], default=str
    )
    logs = "".join(log.read_text(errors="replace") for log in school.testbed.logs.glob("firebase*"))

    assert key not in documents
    assert key not in logs
    assert school.testbed.cloudflare_api_token not in documents + logs


@pytest.fixture(scope="module")
def _told(_school: School) -> Iterator[None]:
    """Cloudflare tells us, as long as the stories of this file last: each new webhook has another secret."""
    said = _school.testbed.command("install-hook", "--provider", "cloudflare")
    assert said.returncode == 0, said.stderr
    assert "Cloudflare now notifies" in said.stdout
    yield
    assert _school.testbed.command("remove-hook", "--provider", "cloudflare").returncode == 0


@pytest.fixture
def pushing(school: School, _told: None) -> School:
    """A school that is told."""
    return school


def test_webhook_makes_a_video_ready_without_the_poller(
    pushing: School, teacher: Person, session_id: str, video_bytes: bytes
) -> None:
    token = teacher.ask_to_upload(session_id, len(video_bytes))
    # Nobody ticks for an hour.
    now = datetime.now(UTC)
    pushing.write(FEED, running=True, tick=999_999, dueAt=now + timedelta(hours=1))

    pushing.upload(token, video_bytes)

    pushing.await_video(session_id, token["videoId"], "ready")
    pushing.write(FEED, dueAt=now - timedelta(hours=1))


def _secret(school: School) -> str:
    """What signs the account's notifications."""
    account = f"{school.testbed.cloudflare_url}/client/v4/accounts/{school.testbed.cloudflare_account_id}/stream"
    headers = {"Authorization": f"Bearer {school.testbed.cloudflare_api_token}"}
    return str(school.http.get(f"{account}/webhook", headers=headers, timeout=30).json()["result"]["secret"])


def _neighbour(school: School, statuses: Sequence[int]) -> AbstractContextManager[Listener]:
    """Another deployment on the account, which answers with these statuses first."""
    place = urlsplit(school.testbed.environment["CLOUDFLARE_PASS_ON"].partition("=")[2])
    return listening(place.path, statuses, place.port or 0)


def test_webhook_of_another_deployment_is_forwarded_once(
    pushing: School,
) -> None:
    body = json.dumps({"uid": "u", "meta": {"greenroom": f"{NEIGHBOUR}:video:v1:1"}}).encode()
    signed = _signed(body, _secret(pushing), int(datetime.now(UTC).timestamp()))
    unknown = json.dumps({"uid": "u", "meta": {"greenroom": "a-third-school:video:v1:1"}}).encode()
    signed_unknown = _signed(unknown, _secret(pushing), int(datetime.now(UTC).timestamp()))

    # While it is away, or sends elsewhere, the sender is told to come again.
    assert _post(pushing, body, signed) == 503
    with _neighbour(pushing, [500, 302]) as neighbour:
        assert _post(pushing, body, signed) == 503
        assert _post(pushing, body, signed) == 503
        assert _post(pushing, body, signed) == 204
        # What was passed on already, and what is nobody's that is known here, goes nowhere.
        assert _post(pushing, body, {**signed, "Greenroom-Passed-On": "1"}) == 204
        assert _post(pushing, unknown, signed_unknown) == 204

    heard = [neighbour.next() for _ in range(3)]
    assert neighbour.arrived.empty()
    assert [sent for _, sent in heard] == [body] * 3
    headers = {name.lower(): value for name, value in heard[-1][0].items()}
    assert (headers["webhook-signature"], headers["greenroom-passed-on"]) == (signed["Webhook-Signature"], "1")


def test_a_forged_or_old_webhook_is_refused_and_replaying_a_true_one_changes_nothing(
    pushing: School, teacher: Person, session_id: str, video_bytes: bytes
) -> None:
    secret = _secret(pushing)
    token = teacher.ask_to_upload(session_id, len(video_bytes))
    (made,) = pushing.cloudflare_videos(token["videoId"])
    # A true signature on a lie: nothing was uploaded, and it says ready.
    body = json.dumps({**made, "readyToStream": True, "status": {"state": "ready"}}).encode()
    now = int(datetime.now(UTC).timestamp())

    assert {_post(pushing, body, _signed(body, secret, now)) for _ in range(5)} == {204}
    assert _post(pushing, body, _signed(body, "another secret", now)) == 403
    assert _post(pushing, body, _signed(body, secret, now - 3600)) == 403
    assert _post(pushing, body + b" ", _signed(body, secret, now)) == 403
    assert _post(pushing, body, {}) == 403
    assert _post(pushing, b"{", _signed(b"{", secret, now)) == 400
    assert pushing.await_video(session_id, token["videoId"], "uploading")["percent"] == 0
    pushing.upload(token, video_bytes)
    pushing.await_video(session_id, token["videoId"], "ready")


def _signed(body: bytes, secret: str, at: int) -> dict[str, str]:
    signature = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return {"Webhook-Signature": f"time={at},sig1={signature}"}


def _post(school: School, body: bytes, headers: dict[str, str]) -> int:
    url = f"{school.testbed.functions_url}/cloudflareHook"
    return school.http.post(url, body, headers={"Content-Type": "application/json", **headers}, timeout=30).status_code


def test_doctor_checks_both_accounts(school: School) -> None:
    said: Any = school.testbed.command("doctor")

    assert "Cloudflare signing key" in said.stdout
    assert "Cloudflare Stream storage" in said.stdout
    assert "Traceback" not in said.stderr
