"""The story of an erasure: all that somebody has goes, at providers and at hosts, and nothing names them any more."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from emulator_tests.flow.school import Person, Refused, School
from emulator_tests.flow.searching import naming
from emulator_tests.rules.callers import SERVER
from emulator_tests.rules.firestore import change

ERASED_WITHIN_S = 180
"""With its pauses gone by, an erasure takes some twenty tasks and sweeps."""


def await_erased(school: School, erasure_id: str) -> None:
    """
    Wait until an erasure is done; the pauses in it go by.
    """
    school.await_provider("the erasure's end", lambda: hurried(school, erasure_id) == "done", ERASED_WITHIN_S)


def hurried(school: School, erasure_id: str) -> str:
    """
    Let the pause in which an erasure is, if it is in one, go by.

    Returns:
        The state that it had.
    """
    path = f"erasures/{erasure_id}"
    found = school.document(path)
    assert found is not None
    state = str(found["state"])
    # With no pause before it somebody is at work on it: what is written now would be in their way.
    if state != "done" and found["nextAt"] is not None and found["nextAt"] >= datetime.now(UTC):
        past = found["askedAt"] - timedelta(seconds=200)
        is_last = state == "deleting" and found["copiesLeft"] == 0
        school.write(path, nextAt=None, dueAt=past, **({"markedAt": past} if is_last else {}))
        school.sweep()
    return state


def test_erasure_deletes_a_teachers_content_at_both_providers(
    school: School, teacher: Person, video_bytes: bytes
) -> None:
    other = school.teacher()
    kept_session = other.write_session(videoProvider="cloudflare")
    kept = other.upload_video(kept_session, video_bytes)
    at_kaltura = teacher.write_session(visibility="enrolled")
    at_cloudflare = teacher.write_session(videoProvider="cloudflare")
    live = teacher.write_live_session(status="public")
    student = school.person()
    teacher.enrol(at_kaltura, student)
    first, second = teacher.upload_video(at_kaltura, video_bytes), teacher.upload_video(at_cloudflare, video_bytes)
    school.await_event(live)
    request = {"requestId": uuid.uuid4().hex, "uid": teacher.uid}

    asked = teacher.call("eraseContent", request)

    assert asked["state"] == "marking"
    assert teacher.call("eraseContent", request)["erasureId"] == asked["erasureId"]
    again = {**request, "requestId": uuid.uuid4().hex}
    assert teacher.call("eraseContent", again)["erasureId"] == asked["erasureId"]
    school.await_provider(
        "everything to go",
        lambda: not school.made_for(first) and not school.cloudflare_videos(second) and not school.made_for(live),
    )
    school.await_document(f"sessions/{at_kaltura}", lambda fields: fields is None)
    school.await_document(f"enrolments/{at_kaltura}_{student.uid}", lambda fields: fields is None)
    await_erased(school, asked["erasureId"])
    told = teacher.call("getErasure", {"erasureId": asked["erasureId"]})
    enrolments = told.pop("enrolments")
    assert enrolments in (0, 1), "it may have gone with its session"
    assert told == {
        "erasureId": asked["erasureId"],
        "state": "done",
        "sessions": 3,
        "videos": 2,
        "videosLeft": 0,
        "copiesLeft": 0,
        "eventsLeft": 0,
        "deletionsLeft": 0,
        "deletionsDead": 0,
    }
    document = school.firestore.get(teacher.caller, f"erasures/{asked['erasureId']}") or {}
    assert (document["sessions"], document["uid"]) == (3, None)
    assert document["expiresAt"] > document["doneAt"] + timedelta(days=29)
    assert len(school.cloudflare_videos(kept)) == 1
    assert other.call("issuePlayback", {"videoId": kept})["manifestUrl"]


def test_erasure_spares_a_session_whose_owner_was_changed_by_hand(
    school: School, teacher: Person, video_bytes: bytes
) -> None:
    """
    A13: the row's own story; enrolments of the new owner's session stay, and the erasure ends.
    """
    other, student = school.teacher(), school.person()
    session_id = teacher.write_session(status="public", visibility="enrolled")
    teacher.enrol(session_id, student)
    teacher.upload_video(session_id, video_bytes)
    school.firestore.commit(SERVER, change(f"sessions/{session_id}", {"ownerUid": other.uid}))
    video_id = other.upload_video(session_id, video_bytes)

    asked = teacher.call("eraseContent", {"requestId": uuid.uuid4().hex, "uid": teacher.uid})

    job = f"transfers/{session_id}"

    def is_given_away() -> bool:
        # What is given away has a page of its own, and pages are a minute apart.
        hurried(school, asked["erasureId"])
        return school.document(job) is not None

    school.await_provider("the session to be given away", is_given_away, ERASED_WITHIN_S)
    past = datetime.now(UTC) - timedelta(seconds=200)
    school.write(job, askedAt=past, dueAt=past)
    school.sweep()
    school.await_document(job, lambda fields: fields is None)
    await_erased(school, asked["erasureId"])
    assert (school.document(f"enrolments/{session_id}_{student.uid}") or {})["ownerUid"] == other.uid
    for person in (student, other):
        assert person.call("issuePlayback", {"videoId": video_id})["manifestUrl"]
    assert naming(school, teacher.uid) == []


def test_enrolments_are_deleted_with_their_session(school: School, teacher: Person) -> None:
    """
    A12: also of one that never had anything at a provider.
    """
    student = school.person()
    for live in (False, True):
        session_id = teacher.write_live_session(status="public") if live else teacher.write_session()
        if live:
            school.await_event(session_id)
        teacher.enrol(session_id, student)
        teacher.delete_session(session_id)
        school.await_document(f"enrolments/{session_id}_{student.uid}", lambda fields: fields is None)


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
def test_invalid_erasure_request_deletes_nothing(school: School, teacher: Person, data: dict[str, Any]) -> None:
    session_id = teacher.write_session()
    administrator = school.person(admin=True)

    with pytest.raises(Refused) as refused:
        administrator.call("eraseContent", data)

    assert refused.value.code == "INVALID_ARGUMENT"
    assert school.document(f"sessions/{session_id}") is not None


def test_users_cannot_erase_content_of_others(school: School, teacher: Person) -> None:
    session_id = teacher.write_session()
    for person, data in (
        (school.teacher(), {"requestId": "r", "uid": teacher.uid}),
        (school.person(), {"requestId": "r", "uid": teacher.uid}),
        (teacher, {"requestId": "r", "everything": True}),
        (school.person(admin="true"), {"requestId": "r", "everything": True}),
    ):
        with pytest.raises(Refused) as refused:
            person.call("eraseContent", data)
        assert refused.value.code == "PERMISSION_DENIED"
    with pytest.raises(Refused) as refused:
        school.nobody().call("eraseContent", {"requestId": "r", "uid": teacher.uid})
    assert refused.value.code == "UNAUTHENTICATED"
    assert school.document(f"sessions/{session_id}") is not None
