"""The story of an export: what is stored about somebody is handed to them, or to an administrator, and nobody else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from emulator_tests.flow.school import Person, Refused, School


def export_of(person: Person, uid: str) -> list[dict[str, Any]]:
    """
    Return the things of all pages.
    """
    things: list[dict[str, Any]] = []
    asked: dict[str, Any] = {"uid": uid}
    while True:
        page = person.call("exportContent", asked)
        things += page["things"]
        if page["after"] is None:
            return things
        asked = {"uid": uid, "after": page["after"]}


def test_export_returns_what_is_stored_about_the_caller(school: School, teacher: Person, video_bytes: bytes) -> None:
    """
    A12.
    """
    student, administrator = school.person("Yolanda"), school.person(admin=True)
    now = datetime.now(UTC).replace(microsecond=0)
    session_id = teacher.write_live_session(
        status="public", visibility="enrolled", title="Xylographie", startsAt=now, endsAt=now + timedelta(hours=1)
    )
    video_id = teacher.upload_video(session_id, video_bytes, title="Quagga")
    school.await_event(session_id)
    teacher.enrol(session_id, student)
    teacher.call("setModerator", {"sessionId": session_id, "uid": student.uid, "isModerator": True})
    student.call("joinSession", {"sessionId": session_id})

    theirs = {one["path"]: one for one in export_of(teacher, teacher.uid)}

    assert theirs[f"videos/{video_id}"]["fields"]["title"] == "Quagga"
    assert theirs[f"sessions/{session_id}"]["fields"]["title"] == "Xylographie"
    enrolment = f"enrolments/{session_id}_{student.uid}"
    assert {enrolment, f"uploaders/{teacher.uid}", f"kalturaSession/{session_id}"} <= theirs.keys()
    assert "'parts'" not in repr(theirs)

    of_student = export_of(student, student.uid)

    assert {one["section"] for one in of_student} >= {"enrolments", "moderates", "kalturaUser"}
    assert [one["path"] for one in of_student if one["section"] == "enrolments"] == [enrolment]
    assert "Xylographie" not in repr(of_student)
    assert [one["path"] for one in export_of(administrator, student.uid)] == [one["path"] for one in of_student]


def test_export_of_another_user_is_refused(school: School, teacher: Person) -> None:
    for person, code in (
        (school.teacher(), "PERMISSION_DENIED"),
        (school.person(), "PERMISSION_DENIED"),
        (school.person(admin="true"), "PERMISSION_DENIED"),
        (school.anonymous(), "PERMISSION_DENIED"),
        (school.nobody(), "UNAUTHENTICATED"),
    ):
        with pytest.raises(Refused) as refused:
            person.call("exportContent", {"uid": teacher.uid})
        assert refused.value.code == code


BAD: dict[str, dict[str, Any]] = {
    "nothing": {},
    "a path for a uid": {"uid": "a/b"},
    "an empty uid": {"uid": ""},
    "a number for a uid": {"uid": 7},
    "another field": {"uid": "somebody", "everything": True},
    "a number for a place": {"uid": "somebody", "after": 7},
    "a place without a section": {"uid": "somebody", "after": "/x"},
    "a section that there is not": {"uid": "somebody", "after": "operations/x"},
    "a path behind the section": {"uid": "somebody", "after": "videos/a/b"},
    "a reserved id": {"uid": "somebody", "after": "videos/__x__"},
    "an id that is too long": {"uid": "somebody", "after": "videos/" + "é" * 1500},
}


@pytest.mark.parametrize("data", BAD.values(), ids=BAD)
def test_a_bad_request_is_refused(school: School, data: dict[str, Any]) -> None:
    with pytest.raises(Refused) as refused:
        school.person(admin=True).call("exportContent", data)
    assert refused.value.code == "INVALID_ARGUMENT"
