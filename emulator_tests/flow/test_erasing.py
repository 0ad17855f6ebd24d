"""The story of an erasure: all that somebody has goes, at providers and at hosts, and nothing names them any more."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from emulator_tests.flow.school import Person, Refused, School
from emulator_tests.flow.searching import naming
from emulator_tests.rules.callers import SERVER
from emulator_tests.rules.firestore import change


def await_erased(school: School, erasure_id: str) -> None:
    """
    Wait until an erasure is done; the pauses in it go by.
    """
    path = f"erasures/{erasure_id}"

    def hurried() -> bool:
        found = school.document(path)
        assert found is not None
        if found["state"] == "done":
            return True
        past = found["askedAt"] - timedelta(seconds=200)
        is_last = found["state"] == "deleting" and found["copiesLeft"] == 0
        school.write(path, nextAt=None, dueAt=past, **({"markedAt": past} if is_last else {}))
        school.sweep()
        return False

    school.await_provider("the erasure's end", hurried)


@dataclass(frozen=True, slots=True)
class Stage:
    """
    Two teachers and a student who have to do with each other in every way.

    Attributes:
        school: The world.
        teacher: With sessions at both providers, a live one, and ready videos.
        student: Enrolled, moderates, has entered.
        other: Another teacher, in whose sessions both are.
        kept: The id of the other's video.
        others_live: Of the other's live session.
        names: Of the teacher, and of the student: their uid, what they are called, and what they called their things.
    """

    school: School
    teacher: Person
    student: Person
    other: Person
    kept: str
    others_live: str
    names: dict[str, list[str]]


def _is_copied(fields: Any) -> bool:
    copies = (fields or {}).get("hosts") or {}
    return [one["state"] for one in copies.values()] == ["ready", "ready"]


@pytest.fixture
def stage(hosting: School, film: bytes) -> Stage:
    """
    Make all that, on the stack that copies videos to hosts.
    """
    mark = uuid.uuid4().hex[:12]
    name, title, file_name = f"Zebulon{mark}", f"Xylographie{mark}", f"quagga{mark}.mp4"
    called = f"Yolanda{mark}"
    teacher, student, other = hosting.teacher(f"{name} Q"), hosting.person(called), hosting.teacher()
    now = datetime.now(UTC).replace(microsecond=0)
    live_now: dict[str, Any] = {
        "format": "liveStreaming",
        "startsAt": now,
        "endsAt": now + timedelta(hours=1),
        "status": "public",
    }
    file = {"title": title, "fileName": file_name}
    for provider in ("kaltura", "cloudflare"):
        session_id = teacher.write_session(title=title, visibility="enrolled", videoProvider=provider)
        teacher.enrol(session_id, student)
        video_id = teacher.upload_film(session_id, film, **file)
        hosting.await_document(f"videos/{video_id}", _is_copied)
    teacher.ask_to_upload(session_id, 1000, **file)
    mine = teacher.write_session(title=title, **live_now)
    others_live = other.write_session(visibility="enrolled", **live_now)
    kept = other.upload_film(other.write_session(), film)
    for session_id in (mine, others_live):
        hosting.await_event(session_id)
    for person in (teacher, student):
        other.enrol(others_live, person)
        other.call("setModerator", {"sessionId": others_live, "uid": person.uid})
        for session_id in (mine, others_live):
            assert person.call("joinSession", {"sessionId": session_id})["userId"] == person.uid
    names = {"teacher": [teacher.uid, name, title, file_name], "student": [student.uid, called]}
    return Stage(hosting, teacher, student, other, kept, others_live, names)


@pytest.mark.parametrize("who", ["teacher", "student"])
def test_nothing_names_somebody_who_was_erased(stage: Stage, who: str) -> None:
    """
    A12: a search of everything for the uid, the name and the titles.
    """
    person: Person = getattr(stage, who)
    names = [*stage.names[who], person.email]
    before = naming(stage.school, *names)
    assert {where.split()[0] for where in before} >= {"document", "kaltura"}
    assert any(where.startswith("kaltura user ") for where in before)

    asked = person.call("eraseContent", {"requestId": uuid.uuid4().hex, "uid": person.uid})
    await_erased(stage.school, asked["erasureId"])

    assert naming(stage.school, *names) == []
    told = person.call("getErasure", {"erasureId": asked["erasureId"]})
    assert (told["state"], told["videosLeft"], told["deletionsLeft"]) == ("done", 0, 0)
    assert stage.school.firestore.get(person.caller, f"erasures/{asked['erasureId']}") is not None
    # And nobody else has lost anything.
    assert stage.other.call("issuePlayback", {"videoId": stage.kept})["playUrl"]
    assert stage.other.call("joinSession", {"sessionId": stage.others_live})["isModerator"]
    left = stage.student if who == "teacher" else stage.teacher
    assert left.call("joinSession", {"sessionId": stage.others_live})["isModerator"]
    if who == "student":
        assert naming(stage.school, *stage.names["teacher"])


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


def test_a_teacher_who_is_erased_after_their_session_was_given_away_by_hand_takes_nothing_of_it_along(
    school: School, teacher: Person, film: bytes
) -> None:
    """
    A13: the row's own story; enrolments of the new owner's session stay, and the erasure ends.
    """
    other, student = school.teacher(), school.person()
    session_id = teacher.write_session(status="public", visibility="enrolled")
    teacher.enrol(session_id, student)
    teacher.upload_film(session_id, film)
    school.firestore.commit(SERVER, change(f"sessions/{session_id}", {"ownerUid": other.uid}))
    video_id = other.upload_film(session_id, film)

    asked = teacher.call("eraseContent", {"requestId": uuid.uuid4().hex, "uid": teacher.uid})

    job = f"transfers/{session_id}"
    school.await_document(job, lambda fields: fields is not None)
    past = datetime.now(UTC) - timedelta(seconds=200)
    school.write(job, askedAt=past, dueAt=past)
    school.sweep()
    school.await_document(job, lambda fields: fields is None)
    await_erased(school, asked["erasureId"])
    assert (school.document(f"enrolments/{session_id}_{student.uid}") or {})["ownerUid"] == other.uid
    for person in (student, other):
        assert person.call("issuePlayback", {"videoId": video_id})["manifestUrl"]
    assert naming(school, teacher.uid) == []


def test_enrolments_of_a_deleted_session_go_with_it(school: School, teacher: Person) -> None:
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
def test_a_bad_request_is_refused_and_nothing_goes(school: School, teacher: Person, data: dict[str, Any]) -> None:
    session_id = teacher.write_session()
    administrator = school.person(admin=True)

    with pytest.raises(Refused) as refused:
        administrator.call("eraseContent", data)

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
            person.call("eraseContent", data)
        assert refused.value.code == "PERMISSION_DENIED"
    with pytest.raises(Refused) as refused:
        school.nobody().call("eraseContent", {"requestId": "r", "uid": teacher.uid})
    assert refused.value.code == "UNAUTHENTICATED"
    assert school.document(f"sessions/{session_id}") is not None
