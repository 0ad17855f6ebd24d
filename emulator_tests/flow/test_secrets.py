"""No secret, KS or upload address stands in a log or a document, whatever has happened."""

from __future__ import annotations

import pytest
from google.cloud.firestore import Client

from emulator_tests.flow.school import Person, Refused, School


def test_no_secret_is_logged_or_written(school: School, teacher: Person, film: bytes) -> None:
    session_id = teacher.write_session(status="public")
    token = teacher.ask_to_upload(session_id, len(film))
    school.upload(token, film)
    school.await_video(session_id, token["videoId"], "ready")
    grant = teacher.call("issuePlayback", {"videoId": token["videoId"]})
    again = teacher.call("renewPlayback", {"videoId": token["videoId"]})
    replacing = teacher.ask_to_replace(token["videoId"], len(film))
    renewed = teacher.call("renewUploadToken", {"videoId": token["videoId"]})
    teacher.call("cancelUpload", {"videoId": token["videoId"]})
    assert school.command("install-hook").returncode == 0
    assert school.command("remove-hook").returncode == 0
    school.simulator("POST", "faults", {"kind": "error", "code": "INVALID_KS", "match": {"times": 0}})
    with pytest.raises(Refused):
        teacher.ask_to_upload(session_id, 1000)
    school.simulator("DELETE", "faults")
    live = teacher.write_live_session(status="public")
    school.await_event(live)

    secrets = {
        "admin secret": school.testbed.kaltura_admin_secret,
        "upload KS": token["ks"],
        "playback KS": grant["ks"],
        "renewed playback KS": again["ks"],
        "replacing upload KS": replacing["ks"],
        "renewed upload KS": renewed["ks"],
        "ID token": str(teacher.id_token),
        "any KS": "djJ8",
    }
    logs = "\n".join(log.read_text(errors="replace") for log in school.testbed.logs.glob("firebase*"))
    assert "step done" in logs
    documents = _everything(school)
    assert session_id in documents
    for name, secret in secrets.items():
        assert secret not in logs, f"{name} in a log"
        assert secret not in documents, f"{name} in a document"


def _everything(school: School) -> str:
    return "\n".join(
        f"{document.reference.path} {document.to_dict()}"
        for collection in Client(project=school.testbed.project_id).collections()
        for document in collection.stream()
    )
