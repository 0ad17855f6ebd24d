"""No secret, KS or upload address stands in a log or a document, whatever has happened."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from google.cloud.firestore import Client

from emulator_tests.flow.provider import ks_of
from emulator_tests.flow.school import Person, Refused, School


def test_no_secret_is_logged_or_written(school: School, teacher: Person, video_bytes: bytes) -> None:
    session_id = teacher.write_session(status="public")
    token = teacher.ask_to_upload(session_id, len(video_bytes))
    school.upload(token, video_bytes)
    school.await_video(session_id, token["videoId"], "ready")
    grant, again = (teacher.call("issuePlayback", {"videoId": token["videoId"], "playerKs": True}) for _ in range(2))
    replacing = teacher.ask_to_replace(token["videoId"], len(video_bytes))
    renewed = teacher.call("renewUploadToken", {"videoId": token["videoId"]})
    teacher.call("cancelUpload", {"videoId": token["videoId"]})
    assert school.testbed.command("install-hook").returncode == 0
    assert school.testbed.command("remove-hook").returncode == 0
    school.simulator("POST", "faults", {"kind": "error", "code": "INVALID_KS", "match": {"times": 0}})
    with pytest.raises(Refused):
        teacher.ask_to_upload(session_id, 1000)
    school.simulator("DELETE", "faults")
    live = teacher.write_live_session(status="public")
    school.await_event(live)

    secrets = {
        "admin secret": school.testbed.kaltura_admin_secret,
        "upload KS": token["upload"]["ks"],
        "playback KS": ks_of(grant),
        "player KS": grant["ks"],
        "renewed playback KS": ks_of(again),
        "renewed player KS": again["ks"],
        "replacing upload KS": replacing["upload"]["ks"],
        "renewed upload KS": renewed["upload"]["ks"],
        "ID token": str(teacher.id_token),
        "any KS": "djJ8",
    }
    logs = _logs(school)
    assert "step done" in logs
    documents = _everything(school)
    assert session_id in documents
    _assert_nowhere(secrets, logs, documents)


def test_nothing_that_opens_a_live_event_is_logged_or_written(school: School, teacher: Person) -> None:
    assert school.testbed.command("setup").returncode == 0
    now = datetime.now(UTC).replace(microsecond=0)
    times = {"startsAt": now, "endsAt": now + timedelta(hours=1)}
    session_id = teacher.write_live_session(status="public", visibility="open", **times)
    event = school.await_event(session_id)
    student = school.person()
    joined = student.call("joinSession", {"sessionId": session_id, "playerKs": True})
    again = student.call("joinSession", {"sessionId": session_id, "forceRefresh": True, "playerKs": True})
    old, new = (teacher.call(name, {"sessionId": session_id}) for name in ("getStreamIngest", "rotateStreamKey"))
    with pytest.raises(Refused):
        student.call("getStreamIngest", {"sessionId": session_id})
    school.simulator("POST", "faults", {"kind": "error", "code": "INVALID_KS", "match": {"times": 0}})
    for person, name in ((school.person(), "joinSession"), (teacher, "rotateStreamKey")):
        with pytest.raises(Refused):
            person.call(name, {"sessionId": session_id})
    school.simulator("DELETE", "faults")
    tokens = school.administrator().appToken.list().objects

    secrets = {
        "playback KS": ks_of(joined["player"]),
        "player KS": joined["player"]["ks"],
        "renewed player KS": again["player"]["ks"],
        "chat token": joined["chat"]["jwt"],
        "signature of a chat token": again["chat"]["jwt"].rpartition(".")[2],
        "KS of a room": joined["room"]["url"].rpartition("ks=")[2],
        "address of a room": "virtualEvent/launch",
        "old stream key": old["streamKey"],
        "new stream key": new["streamKey"],
        **{f"app token {token.id}": token.token for token in tokens},
        "any KS": "djJ8",
        "any JWT of ours": "eyJhbGciOiJIUzI1NiIs",
    }
    assert old["streamKey"] != new["streamKey"]
    logs, documents = _logs(school), _everything(school)
    assert session_id in logs
    assert event["entryId"] in documents
    _assert_nowhere(secrets, logs, documents)


def _assert_nowhere(secrets: dict[str, str], logs: str, documents: str) -> None:
    for name, secret in secrets.items():
        assert len(secret) >= 4, name
        assert secret not in logs, f"{name} in a log"
        assert secret not in documents, f"{name} in a document"


def _logs(school: School) -> str:
    return "\n".join(log.read_text(errors="replace") for log in school.testbed.logs.glob("firebase*"))


def _everything(school: School) -> str:
    return "\n".join(
        f"{document.reference.path} {document.to_dict()}"
        for collection in Client(project=school.testbed.project_id).collections()
        for document in collection.stream()
    )
