"""Shared live media through the emulators: a real presentation is converted in the sandbox, shown and deleted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any, Final

import pytest

from emulator_tests.conftest import SETTINGS
from emulator_tests.contract.xmpp_client import WebSocketClient, body_of
from emulator_tests.convert.documents import PdfPage, Slide, pdf, pptx
from emulator_tests.flow.school import Person, School
from emulator_tests.rules.firestore import Denied
from emulator_tests.testbed import Testbed
from emulator_tests.testbed.places import state_folder
from shared.core.paths import shared_media_path
from shared.slides.types import TYPES

BUCKET: Final = "slides"
MEDIAS: Final = "/api/sharedlivemedias/"
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
    stack = Testbed(state, SETTINGS | {"SLIDES_BUCKET": BUCKET}, has_chat=True)
    with stack as testbed, pytest.MonkeyPatch.context() as patched:
        # The library that listens takes the emulator's address from the environment, when it is made.
        patched.setenv("FIRESTORE_EMULATOR_HOST", testbed.firestore_host)
        school = School(testbed)
        yield school
        school.close()


@pytest.fixture
def teacher(sharing: School) -> Person:
    return sharing.teacher()


class Seat:
    """A person in a live session, with the token that `joinSession` gave them."""

    def __init__(self, school: School, person: Person, session_id: str) -> None:
        self.school = school
        joined = person.call("joinSession", {"sessionId": session_id})
        self.token: str = joined["slides"]["token"]
        self.chat: dict[str, str] = joined["slides"]["chat"]

    def ask(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """Call the API. Returns the status and the body."""
        answer = self.school.http.request(
            method,
            f"{self.school.testbed.functions_url}/api{path}",
            json={} if body is None and method != "GET" else body,
            headers={"Authorization": f"Bearer {self.token}"},
            timeout=60,
        )
        return answer.status_code, answer.json() if answer.content else None

    def enter_chat(self) -> WebSocketClient:
        """Enter the session's chat room, as a browser does."""
        name, _, domain = self.chat["jid"].partition("@")
        client = WebSocketClient(self.chat["address"], domain)
        client.login(name, self.chat["password"])
        client.join(self.chat["roomJid"], "somebody")
        return client

    def upload(self, media_id: str, content: bytes, name: str, kind: str) -> None:
        """Upload a document as a browser does: in one piece, to the address that the API gave."""
        body = {"filename": name, "mimetype": TYPES[kind], "size": len(content)}
        status, begun = self.ask("POST", f"{MEDIAS}{media_id}/initiate-upload/", body)
        assert status == 200, begun
        http = self.school.http
        pieces = http.request(begun["method"], begun["url"], headers=begun["headers"], timeout=60).headers["location"]
        sent = http.put(pieces, content, headers={"content-type": TYPES[kind]}, timeout=60)
        assert sent.status_code in (200, 201), sent.text


def live(school: School, teacher: Person) -> str:
    """A live session that is on now, and ready."""
    now = datetime.now(UTC).replace(microsecond=0)
    times = {"startsAt": now, "endsAt": now + timedelta(hours=1)}
    session_id = teacher.write_live_session(status="public", visibility="open", **times)
    school.await_event(session_id)
    return session_id


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
