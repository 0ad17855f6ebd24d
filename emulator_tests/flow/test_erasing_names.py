"""What names somebody, in documents, at providers and at hosts: after an erasure nothing does."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from emulator_tests.flow.school import Person, School
from emulator_tests.flow.searching import naming
from emulator_tests.flow.test_erasing import await_erased


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
def stage(hosting: School, video_bytes: bytes) -> Stage:
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
        video_id = teacher.upload_video(session_id, video_bytes, **file)
        hosting.await_document(f"videos/{video_id}", _is_copied)
    teacher.ask_to_upload(session_id, 1000, **file)
    mine = teacher.write_session(title=title, **live_now)
    others_live = other.write_session(visibility="enrolled", **live_now)
    kept = other.upload_video(other.write_session(), video_bytes)
    for session_id in (mine, others_live):
        hosting.await_event(session_id)
    for person in (teacher, student):
        other.enrol(others_live, person)
        other.call("setModerator", {"sessionId": others_live, "uid": person.uid, "isModerator": True})
        for session_id in (mine, others_live):
            assert person.call("joinSession", {"sessionId": session_id})["userId"] == person.uid
    # Its process is up before the rush: that of an emulator takes its time then.
    hosting.sweep()
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
