"""Shared live media through the emulators: a real presentation is converted in the sandbox, shown and deleted."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any, Final
from uuid import uuid4

import pytest

from emulator_tests.conftest import SETTINGS
from emulator_tests.contract.xmpp_client import body_of
from emulator_tests.convert.documents import PdfPage, Slide, pdf, pptx
from emulator_tests.flow.school import Person, School, school_of
from emulator_tests.flow.slides import MEDIAS, Seat, live
from emulator_tests.rules.firestore import Denied
from emulator_tests.testbed import Testbed
from emulator_tests.testbed.places import state_folder
from shared.core.paths import shared_media_path
from shared.slides.types import TYPES

BUCKET: Final = "slides"
CONVERTED_WITHIN_S: Final = 120.0
"""LibreOffice starts within seconds, if nothing else runs."""

TOLD_WITHIN_S: Final = 60.0

WEBP: Final = b"RIFF"
PNG: Final = b"\x89PNG"


@pytest.fixture(scope="module")
def sharing() -> Iterator[School]:
    """A school that shares documents, and tells of them in chat rooms."""
    shared_state = state_folder("test")
    state = shared_state.with_name(f"{shared_state.name}-slides")
    settings = SETTINGS | {"SLIDES_BUCKET": BUCKET, "STRAY_AGE_S": "1"}
    with Testbed(state, settings, has_chat=True) as testbed, school_of(testbed) as school:
        yield school


@pytest.fixture
def teacher(sharing: School) -> Person:
    return sharing.teacher()


def objects(school: School, media_id: str) -> list[str]:
    """The names of all objects of a media."""
    url = f"{school.testbed.storage_url}/storage/v1/b/{BUCKET}/o?prefix=slides/{media_id}/"
    return [one["name"] for one in school.http.get(url, timeout=10).json().get("items", [])]


def await_no_object(school: School, media_id: str) -> None:
    """Wait until nothing of a media is in the bucket."""
    school.await_provider("the objects are deleted", lambda: objects(school, media_id) == [])


def await_state(school: School, session_id: str, media_id: str, state: str) -> Any:
    """Wait until the view of a media has this state."""
    path = shared_media_path(session_id, media_id)
    return school.await_document(path, lambda view: (view or {}).get("uploadState") == state, CONVERTED_WITHIN_S)


def test_presentation_is_uploaded_converted_shown_and_deleted(sharing: School, teacher: Person) -> None:
    session_id = live(sharing, teacher)
    student = sharing.person()
    instructor, viewer = Seat(sharing, teacher, session_id), Seat(sharing, student, session_id)
    status, media = instructor.ask("POST", MEDIAS, {"title": "Optics"})
    assert (status, media["upload_state"]) == (201, "pending")
    media_id = media["id"]
    instructor.upload(media_id, pptx([Slide("Light"), Slide("Mirrors"), Slide("Lenses")]), "optics.pptx", "pptx")
    await_state(sharing, session_id, media_id, "ready")

    seen = viewer.ask("GET", f"{MEDIAS}{media_id}/")[1]
    assert (seen["nb_pages"], seen["filename"], list(seen["urls"]["pages"])) == (3, "optics.pptx", ["1", "2", "3"])
    for url in (*seen["urls"]["pages"].values(), *seen["urls"]["thumbnails"].values()):
        assert sharing.http.get(url, timeout=10).content[:4] in (WEBP, PNG)
    assert "media" in seen["urls"]
    assert instructor.ask("PATCH", f"{MEDIAS}{media_id}/", {"show_download": False})[0] == 200
    assert "media" not in viewer.ask("GET", f"{MEDIAS}{media_id}/")[1]["urls"]

    assert viewer.ask("POST", f"{MEDIAS}{media_id}/start/")[0] == 403
    assert instructor.ask("POST", f"{MEDIAS}{media_id}/start/")[0] == 200
    assert instructor.ask("POST", f"{MEDIAS}{media_id}/navigate/", {"target_page": 3})[0] == 200
    shown = sharing.await_document(
        f"sessions/{session_id}", lambda fields: (fields or {}).get("activeSharedLiveMediaPage") == 3
    )
    assert shown["activeSharedLiveMedia"] == media_id
    assert viewer.ask("GET", f"/api/videos/{session_id}/")[1]["active_shared_live_media_page"] == 3
    assert instructor.ask("DELETE", f"{MEDIAS}{media_id}/")[0] == 409
    assert instructor.ask("POST", f"{MEDIAS}{media_id}/end/")[0] == 200
    assert instructor.ask("DELETE", f"{MEDIAS}{media_id}/")[0] == 204
    await_no_object(sharing, media_id)


def test_people_in_the_chat_room_are_told_in_order(sharing: School, teacher: Person) -> None:
    session_id = live(sharing, teacher)
    instructor, viewer = Seat(sharing, teacher, session_id), Seat(sharing, sharing.person(), session_id)
    media_id = instructor.ask("POST", MEDIAS, {"title": "Optics"})[1]["id"]
    instructor.upload(media_id, pdf([PdfPage(), PdfPage(), PdfPage()]), "optics.pdf", "pdf")
    await_state(sharing, session_id, media_id, "ready")
    path = f"{MEDIAS}{media_id}"
    with viewer.enter_chat() as client:
        instructor.ask("POST", f"{path}/start/")
        for page in (2, 3, 1):
            assert instructor.ask("POST", f"{path}/navigate/", {"target_page": page})[0] == 200
        instructor.ask("POST", f"{path}/end/")
        heard: list[tuple[str, int | None]] = []
        ends_at = monotonic() + TOLD_WITHIN_S
        while len(heard) < 5 and monotonic() < ends_at:
            for message in client.messages():
                body = json.loads(body_of(message))
                assert body["id"] == session_id
                heard.append((message.get("event", ""), body["active_shared_live_media_page"]))
    assert heard == [
        ("start_sharing", 1),
        ("navigate_sharing", 2),
        ("navigate_sharing", 3),
        ("navigate_sharing", 1),
        ("end_sharing", None),
    ]


def test_document_that_cannot_be_shown_says_why(sharing: School, teacher: Person) -> None:
    session_id = live(sharing, teacher)
    instructor = Seat(sharing, teacher, session_id)
    media_id = instructor.ask("POST", MEDIAS)[1]["id"]
    instructor.upload(media_id, b"<html>no document</html>", "optics.pdf", "pdf")
    view = await_state(sharing, session_id, media_id, "error")
    assert view["error"]["reason"] == "TYPE_MISMATCH"
    assert view["error"]["message"].endswith(".")
    instructor.upload(media_id, pdf([PdfPage(), PdfPage()]), "optics.pdf", "pdf")
    assert await_state(sharing, session_id, media_id, "ready")["nbPages"] == 2


def finalised(school: School, name: str, bucket: str = BUCKET) -> int:
    """Send the event of a finished object, as Firebase's storage emulator does. Returns the status."""
    ids = {"bucket": bucket, "name": name, "id": f"{bucket}/{name}/1", "generation": "1", "metageneration": "1"}
    event = {
        "specversion": "1.0",
        "id": uuid4().hex,
        "type": "google.cloud.storage.object.v1.finalized",
        "source": f"//storage.googleapis.com/projects/_/buckets/{bucket}",
        "subject": f"objects/{name}",
        "time": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "data": {**ids, "size": "1", "storageClass": "STANDARD"},
    }
    host = school.testbed.functions_url.split("/")[2]
    url = f"http://{host}/functions/projects/{school.testbed.project_id}/trigger_multicast"
    headers = {"Content-Type": "application/cloudevents+json"}
    return int(school.http.post(url, data=json.dumps(event), headers=headers, timeout=10).status_code)


def test_arrived_document_is_noticed_by_its_event(sharing: School, teacher: Person) -> None:
    """The next look would be ten minutes later, because the upload was begun hours ago."""
    session_id = live(sharing, teacher)
    instructor = Seat(sharing, teacher, session_id)
    media_id = instructor.ask("POST", MEDIAS)[1]["id"]
    content = pdf([PdfPage()])
    body = {"filename": "optics.pdf", "mimetype": TYPES["pdf"], "size": len(content)}
    begun = instructor.ask("POST", f"{MEDIAS}{media_id}/initiate-upload/", body)[1]
    path = f"slides/{media_id}"
    record = sharing.await_document(path, lambda fields: fields is not None and fields["upload"] is not None)
    aged = {**record["upload"], "begunAt": record["upload"]["begunAt"] - timedelta(hours=3)}
    sharing.write(path, upload=aged, looks=8)
    far = timedelta(minutes=5)
    sharing.await_document(
        path, lambda found: found is not None and found["looks"] > 8 and found["dueAt"] > datetime.now(UTC) + far
    )
    pieces = sharing.http.request(begun["method"], begun["url"], headers=begun["headers"], timeout=60)
    sharing.http.put(pieces.headers["location"], content, headers={"content-type": TYPES["pdf"]}, timeout=60)
    (name,) = objects(sharing, media_id)
    for other in (f"{name}/x", "slides/nobody/1/source.pdf", f"{path}/1/1/1.png"):
        assert finalised(sharing, other) == 200
    assert finalised(sharing, name) == 200
    await_state(sharing, session_id, media_id, "ready")
    assert finalised(sharing, name) == 200
    sharing.await_document(path, lambda found: found is not None and found["looks"] == 0 and found["tries"] == 1)


def test_doctor_uses_the_bucket_and_the_chat_server(sharing: School) -> None:
    told = sharing.testbed.command("doctor")
    said = told.stdout + told.stderr
    assert sorted(
        re.findall("^ *([a-z]+) +(slides bucket|slides addresses|slides CORS|slides converter|chat server)", said, re.M)
    ) == [
        ("missing", "slides CORS"),
        ("ok", "chat server"),
        ("ok", "slides addresses"),
        ("ok", "slides bucket"),
        ("ok", "slides converter"),
    ]
    assert "gcloud storage buckets update" in said


def test_objects_that_no_record_names_are_reported_and_deleted_by_the_operator(
    sharing: School, teacher: Person
) -> None:
    session_id = live(sharing, teacher)
    instructor = Seat(sharing, teacher, session_id)
    media_id, orphan = instructor.ask("POST", MEDIAS)[1]["id"], str(uuid4())
    instructor.upload(media_id, pdf([PdfPage()]), "optics.pdf", "pdf")
    await_state(sharing, session_id, media_id, "ready")
    for number in range(3):
        url = f"{sharing.testbed.storage_url}/upload/storage/v1/b/{BUCKET}/o?uploadType=media"
        name = f"slides/{orphan}/17/1/{number}.png"
        sharing.http.post(f"{url}&name={name}", data=PNG, timeout=10).raise_for_status()
    # The youngest object counts, in whole seconds of two clocks.
    sharing.await_provider("it is old enough", lambda: f"media:{orphan}:1" in reported(sharing))
    assert media_id not in reported(sharing)
    assert len(objects(sharing, orphan)) == 3
    deleted = sharing.testbed.command("find-orphans", "--delete-content", f"media:{orphan}:1")
    assert f"media:{orphan}:1, folder slides/{orphan}: is being deleted" in deleted.stdout, deleted.stderr
    await_no_object(sharing, orphan)
    assert objects(sharing, media_id)


def reported(school: School) -> str:
    """Run the operator's command, and return its report about orphans."""
    told = school.testbed.command("find-orphans")
    assert told.returncode == 0, told.stderr
    return told.stdout


def test_deleted_session_leaves_no_object(sharing: School, teacher: Person) -> None:
    session_id = live(sharing, teacher)
    instructor = Seat(sharing, teacher, session_id)
    media_id = instructor.ask("POST", MEDIAS)[1]["id"]
    instructor.upload(media_id, pdf([PdfPage()]), "optics.pdf", "pdf")
    await_state(sharing, session_id, media_id, "ready")
    assert objects(sharing, media_id)
    teacher.delete_session(session_id)
    await_no_object(sharing, media_id)
    assert instructor.ask("GET", f"{MEDIAS}{media_id}/")[0] == 404


def test_views_are_read_by_viewers_alone_and_records_by_nobody(sharing: School, teacher: Person) -> None:
    session_id = live(sharing, teacher)
    media_id = Seat(sharing, teacher, session_id).ask("POST", MEDIAS)[1]["id"]
    student, firestore = sharing.person(), sharing.firestore
    assert firestore.get(student.caller, shared_media_path(session_id, media_id))
    with pytest.raises(Denied):
        firestore.get(student.caller, f"slides/{media_id}")
    teacher.change_session(session_id, visibility="enrolled")
    with pytest.raises(Denied):
        firestore.get(student.caller, shared_media_path(session_id, media_id))


def test_tokens_and_addresses_are_never_logged(sharing: School, teacher: Person) -> None:
    session_id = live(sharing, teacher)
    instructor = Seat(sharing, teacher, session_id)
    media_id = instructor.ask("POST", MEDIAS)[1]["id"]
    instructor.upload(media_id, pdf([PdfPage()]), "optics.pdf", "pdf")
    await_state(sharing, session_id, media_id, "ready")
    address = instructor.ask("GET", f"{MEDIAS}{media_id}/")[1]["urls"]["pages"]["1"]
    signature = address.partition("X-Goog-Signature=")[2][:40]
    logs = "".join(path.read_text(errors="replace") for path in sharing.testbed.logs.glob("firebase*"))
    assert "step done" in logs
    for secret in (instructor.token, instructor.chat["password"], sharing.testbed.slides_token_secret, signature):
        assert secret
        assert secret not in logs
