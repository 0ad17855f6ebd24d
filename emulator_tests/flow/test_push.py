"""The story of pushes: installed by a command, they bring reconciles forward; forged or replayed, they do nothing."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from emulator_tests.flow.school import DEADLINE_S, Person, School
from emulator_tests.rules.callers import SERVER
from emulator_tests.rules.firestore import create

FEED = "operations/feed-kaltura"
NEVER = {"ready": "never"}
RETRY_S = 60.0


@pytest.fixture
def pushing(school: School) -> Iterator[School]:
    """
    A school whose feed stands still, so that nothing but a push is left; afterwards it is as it was.
    """
    chain = school.document(FEED)
    far_off = datetime.now(UTC) + timedelta(hours=1)
    standing = {"running": True, "tick": 1_000_000, "ticksLeft": 8640, "cursor": far_off, "dueAt": far_off}
    if chain is None:
        school.firestore.commit(SERVER, create(FEED, standing))
    else:
        school.write(FEED, **{**standing, "tick": chain["tick"] + 1_000_000})
    yield school
    school.write(FEED, dueAt=datetime.now(UTC) - timedelta(hours=1), cursor=datetime.now(UTC) - timedelta(hours=1))
    school.sweep()
    removed = school.testbed.command("remove-hook")
    assert removed.returncode == 0, removed.stderr


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_installed_webhook_makes_a_video_ready_without_the_poller(
    pushing: School, teacher: Person, video_bytes: bytes, algorithm: str
) -> None:
    installed = pushing.testbed.command("install-hook", "--algorithm", algorithm)
    assert installed.returncode == 0, installed.stderr
    assert f"signed with {algorithm}" in installed.stdout
    # Once more makes no second copy.
    pushing.testbed.command("install-hook", "--algorithm", algorithm)
    assert len(pushing.things("eventNotificationTemplates")) == 2
    session_id = teacher.write_session()
    token = teacher.ask_to_upload(session_id, len(video_bytes))
    heard_before = _heard(pushing)

    pushing.upload(token, video_bytes)

    pushing.await_video(session_id, token["videoId"], "ready")
    pushing.await_provider("the notification's arrival", lambda: _heard(pushing) > heard_before)
    # Where the function was still starting, Kaltura gives up after ten seconds and sends it again after a minute.
    pushing.await_provider(
        "all notifications' being taken",
        lambda: not pushing.things("notificationJobs"),
        deadline_s=RETRY_S + DEADLINE_S,
    )


def test_forged_notification_is_refused_and_enqueues_nothing(
    school: School, teacher: Person, video_bytes: bytes
) -> None:
    school.simulator("POST", "clock", NEVER)
    session_id = teacher.write_session()
    token = teacher.ask_to_upload(session_id, len(video_bytes))
    reference = _reference(school, token["videoId"])
    body = _notification(reference)
    forgeries = {
        "unsigned": {},
        "signed with another secret": _signed(body, "another secret", "sha256"),
        "of another body": _signed(body + b" ", school.testbed.kaltura_admin_secret, "sha256"),
        "by an algorithm that Kaltura has not": {
            **_signed(body, school.testbed.kaltura_admin_secret, "sha256"),
            "X-Kaltura-Hash-Algo": "md5",
        },
        "signed with SHA-1": _signed(body, school.testbed.kaltura_admin_secret, "sha1"),
        "signed by HMAC": {
            "X-Kaltura-Hash-Algo": "sha256",
            "X-Kaltura-Signature": hmac.new(school.testbed.kaltura_admin_secret.encode(), body, "sha256").hexdigest(),
        },
    }
    looks = _looks(school, token["videoId"])

    for name, headers in forgeries.items():
        answer = _post(school, body, headers)
        assert answer == 403, name

    # A true one afterwards is heard: had a forged one left a task, its reconciliation would have come before.
    assert _post(school, body, _signed(body, school.testbed.kaltura_admin_secret, "sha256")) == 204
    school.await_document(f"videos/{token['videoId']}", lambda fields: fields is not None and fields["looks"] > looks)


def test_notification_only_names_what_to_reconcile(school: School, teacher: Person, video_bytes: bytes) -> None:
    session_id = teacher.write_session()
    token = teacher.ask_to_upload(session_id, len(video_bytes))
    # A true signature, as of a replayed notification, on a lie: nothing was uploaded, and it says ready.
    body = _notification(_reference(school, token["videoId"]), status=2)
    looks = _looks(school, token["videoId"])

    assert {_post(school, body, _signed(body, school.testbed.kaltura_admin_secret, "sha512")) for _ in range(5)} == {
        204
    }

    video = school.await_document(
        f"videos/{token['videoId']}", lambda fields: fields is not None and fields["looks"] > looks
    )
    assert video["state"] == "uploading"
    assert video["playable"] is None
    school.upload(token, video_bytes)
    school.await_video(session_id, token["videoId"], "ready")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"[]", 400),
        (b'{"object": null}', 400),
        (b'{"object": {"referenceId": "another-school:video:0123456789abcdef0123:1"}}', 204),
        (b'{"object": {"referenceId": "demo-greenroom:video:0123456789abcdef0123:1"}}', 204),
        (b'{"object": {"referenceId": "demo-greenroom:video:../../sessions/x:1"}}', 204),
        (b'{"object": {"referenceId": 5}}', 204),
        (b"x" * (1024 * 1024 + 1), 400),
    ],
    ids=["empty", "cut off", "a list", "no object", "another school's", "unknown", "a path", "a number", "too large"],
)
def test_signed_but_malformed_notification_does_no_harm(school: School, body: bytes, status: int) -> None:
    headers = _signed(body, school.testbed.kaltura_admin_secret, "sha512")
    assert _post(school, body, headers) == status


@pytest.mark.parametrize("algorithm", ["md5", "sha1"])
def test_command_refuses_an_unsupported_hash(school: School, algorithm: str) -> None:
    refused = school.testbed.command("install-hook", "--algorithm", algorithm)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "Choose one of sha256, sha512 for Kaltura to sign with." in refused.stderr


def _notification(reference: str, status: int = 1) -> bytes:
    entry = {"objectType": "KalturaMediaEntry", "referenceId": reference, "status": status}
    return json.dumps({"objectType": "KalturaHttpNotification", "object": entry}).encode()


def _signed(body: bytes, secret: str, algorithm: str) -> dict[str, str]:
    signature = hashlib.new(algorithm, secret.encode() + body).hexdigest()
    return {"X-Kaltura-Hash-Algo": algorithm, "X-Kaltura-Signature": signature}


def _post(school: School, body: bytes, headers: dict[str, str]) -> int:
    url = f"{school.testbed.functions_url}/kalturaHook"
    return school.http.post(url, body, headers={"Content-Type": "application/json", **headers}, timeout=30).status_code


def _reference(school: School, video_id: str) -> str:
    (entry,) = [entry for entry in school.things("entries") if video_id in str(entry.get("referenceId"))]
    return str(entry["referenceId"])


def _looks(school: School, video_id: str) -> int:
    video = school.document(f"videos/{video_id}")
    assert video is not None
    looks: int = video["looks"]
    return looks


def _heard(school: School) -> int:
    """
    How many notifications the function has heard so far, as its log tells.
    """
    return sum(
        log.read_text(errors="replace").count("webhook received") for log in school.testbed.logs.glob("firebase*")
    )
