"""An id that changes hands: a session is deleted, and another is created under its id before anything was noticed."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

import pytest

from emulator_tests.flow.provider import Provider
from emulator_tests.flow.school import Person, Refused, School
from emulator_tests.rules.callers import SERVER
from emulator_tests.rules.documents import enrolment, enrolment_path, session
from emulator_tests.rules.firestore import SERVER_TIME, Denied, Fields, create, delete, replace


def test_another_teacher_takes_an_id_only_once_nothing_of_its_last_session_is_left(
    school: School, teacher: Person
) -> None:
    """
    A1.
    """
    other = school.teacher()
    session_id = teacher.write_live_session(status="public")
    school.await_event(session_id)
    teacher.delete_session(session_id)
    with pytest.raises(Denied):
        other.write_session(session_id)

    school.await_document(f"kalturaSession/{session_id}", lambda fields: bool(fields and fields["expiresAt"]))
    assert school.made_for(session_id) == []
    other.write_session(session_id)


def test_reused_session_id_gets_no_video_of_the_former_session(
    school: School, teacher: Person, video_bytes: bytes, provider: Provider
) -> None:
    """
    A1: a back end, which no rule binds, creates the session of another teacher at once.
    """
    other, student = school.teacher(), school.person()
    session_id = teacher.write_session(status="public", visibility="enrolled", videoProvider=provider.name)
    video_id = teacher.upload_video(session_id, video_bytes)
    taken = session(other.caller, status="public")
    school.firestore.commit(SERVER, delete(f"sessions/{session_id}"))
    school.firestore.commit(
        SERVER,
        create(f"sessions/{session_id}", taken),
        create(enrolment_path(session_id, student.caller), enrolment(session_id, student.caller, other.caller)),
    )

    for person in (other, student, teacher):
        with pytest.raises(Refused) as refused:
            person.call("issuePlayback", {"videoId": video_id})
        assert refused.value.code == "NOT_FOUND"
    for function in ("deleteVideo", "retryVideo", "cancelUpload", "renewUploadToken", "uploadFinished"):
        for person in (other, teacher):
            with pytest.raises(Refused) as refused:
                person.call(function, {"videoId": video_id})
            assert refused.value.code == "NOT_FOUND", function
    for person in (other, teacher):
        with pytest.raises(Refused) as refused:
            person.call("updateVideo", {"videoId": video_id, "title": "Mine"})
        assert refused.value.reason == "VIDEO_NOT_FOUND"

    school.await_provider("the old video's going", lambda: not provider.has_anything_of(video_id))
    assert school.document(f"sessions/{session_id}").keys() - taken.keys() <= {"kalturaSession"}  # type: ignore[union-attr]


def test_reused_session_id_gets_its_own_event(school: School, teacher: Person) -> None:
    """
    A1: the same teacher, too, gets nothing of the old session back.
    """
    session_id = teacher.write_live_session(status="public")
    first = school.await_event(session_id)
    key = teacher.call("getStreamIngest", {"sessionId": session_id})["streamKey"]
    student = school.person()
    teacher.enrol(session_id, student)
    fields = school.document(f"sessions/{session_id}") or {}
    times = {"format": "liveStreaming", "startsAt": fields["startsAt"], "endsAt": fields["endsAt"]}
    teacher.delete_session(session_id)
    teacher.write_session(session_id, status="public", visibility="enrolled", **times)

    second = school.await_document(
        f"sessions/{session_id}",
        lambda fields: ((fields or {}).get("kaltura") or {}).get("entryId") not in (None, first["entryId"]),
    )["kaltura"]
    assert teacher.call("getStreamIngest", {"sessionId": session_id})["streamKey"] != key
    assert first["entryId"] not in {str(entry["id"]) for entry in school.things("entries")}
    assert second["entryId"] in {str(entry["id"]) for entry in school.things("entries")}
    with pytest.raises(Refused) as refused:
        student.call("getKalturaSession", {"sessionId": session_id})
    assert refused.value.code == "NOT_FOUND"


@pytest.mark.parametrize(
    "mark", [{}, {"createdAt": None}, {"createdAt": datetime(2199, 1, 1, tzinfo=UTC)}], ids=["none", "null", "to come"]
)
def test_students_enter_a_session_that_a_back_end_writes_without_its_mark(
    school: School, teacher: Person, mark: Fields
) -> None:
    """
    A1: the rules refuse them only until the trigger's task has written the mark, here of a session that has nothing.
    """
    student, session_id = school.person(), f"s-{uuid.uuid4().hex[:20]}"
    path = f"sessions/{session_id}"
    unmarked = {name: value for name, value in session(teacher.caller, status="public").items() if "At" not in name}
    school.firestore.commit(SERVER, create(path, unmarked | mark))
    school.firestore.commit(
        SERVER,
        create(enrolment_path(session_id, student.caller), enrolment(session_id, student.caller, teacher.caller)),
    )
    for overwrites in (False, True):
        if overwrites:
            school.firestore.commit(SERVER, replace(path, unmarked | mark | {"title": "Once more"}))
        fields = school.await_document(path, has_mark)
        assert school.firestore.get(student.caller, path) == unmarked | {"title": fields["title"]} | {
            "createdAt": SERVER_TIME
        }
    assert school.document(f"kalturaSession/{session_id}") is None


def has_mark(fields: Fields | None) -> bool:
    """
    Tell whether a session has a mark that can be. Pure.
    """
    mark = None if fields is None else fields.get("createdAt")
    return isinstance(mark, datetime) and mark <= datetime.now(UTC)
