"""The story of a removal: all that a teacher has goes, at both providers, and nobody else's; what is bad is refused."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from emulator_tests.flow.school import Person, Refused, School


def test_all_that_a_teacher_has_goes_at_both_providers_and_nobody_elses(
    school: School, teacher: Person, film: bytes
) -> None:
    other = school.teacher()
    kept_session = other.write_session(videoProvider="cloudflare")
    kept = other.upload_film(kept_session, film)
    at_kaltura = teacher.write_session(visibility="enrolled")
    at_cloudflare = teacher.write_session(videoProvider="cloudflare")
    live = teacher.write_live_session(status="public")
    student = school.person()
    teacher.enrol(at_kaltura, student)
    first, second = teacher.upload_film(at_kaltura, film), teacher.upload_film(at_cloudflare, film)
    school.await_event(live)
    request = {"requestId": uuid.uuid4().hex, "uid": teacher.uid}

    asked = teacher.call("deleteContent", request)

    assert asked["state"] == "marking"
    assert teacher.call("deleteContent", request)["removalId"] == asked["removalId"]
    school.await_provider(
        "everything to go",
        lambda: not school.made_for(first) and not school.cloudflare_videos(second) and not school.made_for(live),
    )
    school.await_document(f"sessions/{at_kaltura}", lambda fields: fields is None)
    school.await_document(f"enrolments/{at_kaltura}_{student.uid}", lambda fields: fields is None)
    # The pause between pages goes by.
    removal = f"removals/{asked['removalId']}"

    def hurried() -> bool:
        found = school.document(removal)
        assert found is not None
        if found["state"] != "done":
            school.write(removal, nextAt=None, dueAt=found["askedAt"])
            school.sweep()
        return bool(found["state"] == "done")

    school.await_provider("the removal's end", hurried)
    told = teacher.call("getRemoval", {"removalId": asked["removalId"]})
    assert told == {
        "removalId": asked["removalId"],
        "state": "done",
        "sessions": 3,
        "enrolments": 1,
        "videos": 2,
        "videosLeft": 0,
        "copiesLeft": 0,
        "deletionsLeft": 0,
    }
    assert (school.firestore.get(teacher.caller, removal) or {})["sessions"] == 3
    assert len(school.cloudflare_videos(kept)) == 1
    assert other.call("issuePlayback", {"videoId": kept})["manifestUrl"]


BAD: dict[str, dict[str, Any]] = {
    "nothing": {},
    "neither whose nor everything": {"requestId": "r"},
    "both": {"requestId": "r", "uid": "teacher", "everything": True},
    "everything: false": {"requestId": "r", "everything": False},
    "everything as a text": {"requestId": "r", "everything": "true"},
    "a path for a uid": {"requestId": "r", "uid": "a/b"},
    "an empty uid": {"requestId": "r", "uid": ""},
    "a number for a uid": {"requestId": "r", "uid": 7},
    "no request id": {"uid": "teacher"},
    "a path for a request id": {"requestId": "../r", "uid": "teacher"},
    "another field": {"requestId": "r", "uid": "teacher", "force": True},
}


@pytest.mark.parametrize("data", BAD.values(), ids=BAD)
def test_a_bad_request_is_refused_and_nothing_goes(school: School, teacher: Person, data: dict[str, Any]) -> None:
    session_id = teacher.write_session()
    administrator = school.person(admin=True)

    with pytest.raises(Refused) as refused:
        administrator.call("deleteContent", data)

    assert refused.value.code == "INVALID_ARGUMENT"
    assert school.document(f"sessions/{session_id}") is not None


def test_nobody_has_anothers_content_go(school: School, teacher: Person) -> None:
    session_id = teacher.write_session()
    for person, data in (
        (school.teacher(), {"requestId": "r", "uid": teacher.uid}),
        (school.person(), {"requestId": "r", "uid": teacher.uid}),
        (teacher, {"requestId": "r", "everything": True}),
        (school.person(admin="true"), {"requestId": "r", "everything": True}),
    ):
        with pytest.raises(Refused) as refused:
            person.call("deleteContent", data)
        assert refused.value.code == "PERMISSION_DENIED"
    with pytest.raises(Refused) as refused:
        school.nobody().call("deleteContent", {"requestId": "r", "uid": teacher.uid})
    assert refused.value.code == "UNAUTHENTICATED"
    assert school.document(f"sessions/{session_id}") is not None
