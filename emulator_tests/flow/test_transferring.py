"""The story of a transfer: a session goes to another teacher with all that it has, at each provider."""

from __future__ import annotations

from typing import Any

import pytest

from emulator_tests.flow.provider import Provider
from emulator_tests.flow.school import Person, Refused, School
from emulator_tests.rules.firestore import Denied
from shared.transfers.decide import SETTLES_AFTER_S


def await_followed(school: School, session_id: str, former: Person) -> None:
    """
    Wait until nothing but the transfer itself names the former owner, and the time in which somebody may still write
    in their name goes by.
    """
    assert SETTLES_AFTER_S > 60

    def lags() -> bool:
        named = [
            one.reference.path
            for collection in ("videos", "copies", "kalturaSession", "enrolments")
            for one in school.documents_of(collection)
            if session_id in repr(one.to_dict()) and (one.to_dict() or {}).get("ownerUid") == former.uid
        ]
        return bool(named)

    school.await_provider("everything to follow", lambda: not lags())
    job = school.document(f"transfers/{session_id}")
    assert job is not None
    long_ago = (school.document(f"sessions/{session_id}") or {})["createdAt"]
    school.write(f"transfers/{session_id}", askedAt=long_ago.replace(year=2020), dueAt=long_ago)
    school.sweep()
    school.await_document(f"transfers/{session_id}", lambda fields: fields is None)


def test_session_is_transferred_with_all_its_content(
    school: School, teacher: Person, provider: Provider, video_bytes: bytes
) -> None:
    """
    A13.
    """
    other, student = school.teacher(), school.person()
    session_id = teacher.write_live_session(status="public", visibility="enrolled", videoProvider=provider.name)
    event = school.await_event(session_id)
    video_id = teacher.upload_video(session_id, video_bytes)
    teacher.enrol(session_id, student)
    key = teacher.call("getStreamIngest", {"sessionId": session_id})["streamKey"]
    asked = {"sessionId": session_id, "uid": other.uid}

    assert teacher.call("transferSession", asked) == {**asked, "state": "moving"}

    assert provider.plays(student.call("issuePlayback", {"videoId": video_id}), video_bytes)
    assert school.firestore.get(student.caller, f"sessions/{session_id}") is not None
    assert teacher.call("transferSession", asked)["state"] == "moving"
    with pytest.raises(Refused) as busy:
        other.call("transferSession", {"sessionId": session_id, "uid": teacher.uid})
    assert busy.value.code == "UNAVAILABLE"
    await_followed(school, session_id, teacher)

    fields = school.document(f"sessions/{session_id}") or {}
    assert (fields["ownerUid"], fields.get("formerOwnerUids")) == (other.uid, None)
    assert provider.plays(student.call("issuePlayback", {"videoId": video_id}), video_bytes)
    assert school.await_event(session_id)["entryId"] == event["entryId"]
    group = f"{event['entryId']}_moderators"
    school.await_provider(
        "the new owner to moderate",
        lambda: [one["userId"] for one in school.things("groupUsers") if one["groupId"] == group] == [other.uid],
    )
    assert other.call("getStreamIngest", {"sessionId": session_id})["streamKey"] != key
    for function, data in (("getStreamIngest", {"sessionId": session_id}), ("deleteVideo", {"videoId": video_id})):
        with pytest.raises(Refused) as refused:
            teacher.call(function, data)
        assert refused.value.code == "NOT_FOUND"
    with pytest.raises(Denied):
        teacher.change_session(session_id, title="Mine")
    other.change_session(session_id, title="Mine now")
    other.unenrol(session_id, student)
    other.call("deleteVideo", {"videoId": video_id})
    school.await_provider("the video's going", lambda: not provider.has_anything_of(video_id))


BAD: dict[str, dict[str, Any]] = {
    "nothing": {},
    "no uid": {"sessionId": "s1"},
    "no session": {"uid": "somebody"},
    "a path for a session": {"sessionId": "a/b", "uid": "somebody"},
    "a path for a uid": {"sessionId": "s1", "uid": "a/b"},
    "a number for a uid": {"sessionId": "s1", "uid": 7},
    "another field": {"sessionId": "s1", "uid": "somebody", "ownerUid": "somebody"},
}


@pytest.mark.parametrize("data", BAD.values(), ids=BAD)
def test_a_bad_request_is_refused(teacher: Person, data: dict[str, Any]) -> None:
    with pytest.raises(Refused) as refused:
        teacher.call("transferSession", data)
    assert refused.value.code == "INVALID_ARGUMENT"


def test_unauthorised_transfer_is_refused(school: School, teacher: Person) -> None:
    """
    A13.
    """
    session_id, other = teacher.write_session(), school.teacher()
    before = school.document(f"sessions/{session_id}")
    refusals: list[tuple[Person, str, str]] = [
        (other, other.uid, "NOT_FOUND"),
        (school.person(), other.uid, "PERMISSION_DENIED"),
        (school.nobody(), other.uid, "UNAUTHENTICATED"),
        (teacher, "nobody-there", "FAILED_PRECONDITION"),
        (teacher, school.person().uid, "FAILED_PRECONDITION"),
        (teacher, school.person(teacher="true").uid, "FAILED_PRECONDITION"),
        (teacher, teacher.uid, "FAILED_PRECONDITION"),
    ]
    for person, uid, code in refusals:
        with pytest.raises(Refused) as refused:
            person.call("transferSession", {"sessionId": session_id, "uid": uid})
        assert (refused.value.code, uid) == (code, uid)
    assert school.document(f"sessions/{session_id}") == before
    assert school.document(f"transfers/{session_id}") is None


def test_an_administrator_brings_along_what_waits_since_somebody_wrote_another_owner(
    school: School, teacher: Person, video_bytes: bytes
) -> None:
    """
    A13.
    """
    other, student, administrator = school.teacher(), school.person(), school.person(admin=True)
    session_id = teacher.write_session(status="public", visibility="enrolled")
    teacher.enrol(session_id, student)
    video_id = teacher.upload_video(session_id, video_bytes)
    school.write(f"sessions/{session_id}", ownerUid=other.uid)
    for person in (student, other, teacher):
        with pytest.raises(Refused) as refused:
            person.call("issuePlayback", {"videoId": video_id})
        assert refused.value.code == "NOT_FOUND"
    school.await_document(f"kalturaSession/{session_id}", lambda fields: bool(fields and fields["heldAt"]))

    administrator.call("transferSession", {"sessionId": session_id, "uid": other.uid})

    for person in (student, other):
        assert person.call("issuePlayback", {"videoId": video_id})["manifestUrl"]
    await_followed(school, session_id, teacher)
    for person in (student, other):
        assert person.call("issuePlayback", {"videoId": video_id})["manifestUrl"]
    assert administrator.call("transferSession", {"sessionId": session_id, "uid": other.uid})["state"] == "done"
