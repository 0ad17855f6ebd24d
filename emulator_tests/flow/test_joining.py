"""A live event as its people see it: they enter, it goes on the air and ends, and its recording becomes a video."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest

from emulator_tests.flow.school import CHAT, Person, Refused, School
from emulator_tests.testbed.places import TEST_PICTURE


@pytest.fixture
def chat_token(school: School) -> Any:
    """
    The account's app token for chats.
    """
    (token,) = (one for one in school.administrator().appToken.list().objects if one.sessionPrivileges == CHAT)
    return token


def live_now(school: School, teacher: Person, **fields: Any) -> tuple[str, Any]:
    """
    A public live session that begins now.

    Returns:
        Its id, and what it shows of its event.
    """
    now = datetime.now(UTC).replace(microsecond=0)
    times = {"startsAt": now, "endsAt": now + timedelta(hours=1)}
    session_id = teacher.write_live_session(**{**times, "status": "public", **fields})
    return session_id, school.await_event(session_id)


def join(person: Person, session_id: str, **fields: Any) -> dict[str, Any]:
    return person.call("joinSession", {"sessionId": session_id, **fields})


def refusal(person: Person, function: str, **fields: Any) -> tuple[str, str]:
    with pytest.raises(Refused) as refused:
        person.call(function, fields)
    return refused.value.code, refused.value.reason


def broadcast_of(school: School, session_id: str, state: str) -> None:
    school.await_document(
        f"sessions/{session_id}", lambda fields: ((fields or {}).get("kaltura") or {}).get("broadcast") == state
    )


def asked_for_viewers(school: School) -> list[str]:
    """
    What Kaltura was asked since its requests were cleared, of what is asked for who joins. The poller and the sweep ask
    for other things at any time.
    """
    services = ("user", "apptoken", "livestream", "groupuser", "accesscontrolprofile", "userrole")
    parts = (part for request in school.simulator("GET", "requests") for part in request["parts"])
    return [f"{part['service']}.{part['action']}" for part in parts if part["service"] in services]


def members(school: School, entry_id: str) -> set[str]:
    """
    Who moderates, as Kaltura knows it.
    """
    return {one["userId"] for one in school.things("groupUsers") if one["groupId"] == f"{entry_id}_moderators"}


def test_student_joins_with_one_call(school: School, teacher: Person, chat_token: Any) -> None:
    session_id, event = live_now(school, teacher, visibility="enrolled")
    student = school.person()
    teacher.enrol(session_id, student)

    joined = join(student, session_id)

    assert (joined["sessionId"], joined["userId"], joined["isModerator"]) == (session_id, student.uid, False)
    assert (joined["entryId"], joined["virtualEventId"]) == (event["entryId"], event["virtualEventId"])
    assert student.uid in {user["id"] for user in school.things("users")}
    claims = jwt.decode(joined["chat"]["jwt"], chat_token.token, algorithms=["HS256"])
    assert (claims["uid"], claims["contextId"], claims["groups"]) == (student.uid, event["entryId"], [])
    assert claims["virtualEventId"] == event["virtualEventId"]
    assert joined["room"]["url"].startswith(
        f"https://{school.testbed.kaltura_partner_id}.kaf.kaltura.com/virtualEvent/"
    )
    now = datetime.now(UTC)
    for what in ("player", "chat", "room"):
        renew_at, expires_at = (datetime.fromisoformat(joined[what][name]) for name in ("renewAt", "expiresAt"))
        assert now < renew_at < expires_at, what
    school.simulator("POST", "broadcast", {"entryId": event["entryId"], "live": True})
    assert school.http.get(joined["player"]["manifestUrl"], timeout=10).text.startswith("#EXTM3U")
    school.simulator("POST", "broadcast", {"entryId": event["entryId"], "live": False, "recording": str(TEST_PICTURE)})


def test_owner_and_named_moderators_moderate(school: School, teacher: Person, chat_token: Any) -> None:
    session_id, event = live_now(school, teacher)
    anna, group = school.person(), f"{event['entryId']}_moderators"
    assert join(teacher, session_id)["isModerator"] is True
    assert join(anna, session_id)["isModerator"] is False

    named = teacher.call("setModerator", {"sessionId": session_id, "uid": anna.uid, "isModerator": True})

    assert named == {"sessionId": session_id, "uid": anna.uid, "isModerator": True, "isSettled": True}
    assert members(school, event["entryId"]) == {teacher.uid, anna.uid}
    joined = join(anna, session_id)
    assert joined["isModerator"] is True
    assert jwt.decode(joined["chat"]["jwt"], chat_token.token, algorithms=["HS256"])["groups"] == [group]

    assert (
        teacher.call("setModerator", {"sessionId": session_id, "uid": anna.uid, "isModerator": False})["isSettled"]
        is True
    )
    assert members(school, event["entryId"]) == {teacher.uid}
    assert join(anna, session_id)["isModerator"] is False
    teacher.delete_session(session_id)
    school.await_provider("the group's going", lambda: group not in {one["id"] for one in school.things("groups")})


@pytest.mark.usefixtures("chat_token")
def test_known_user_joins_without_a_call_to_kaltura(school: School, teacher: Person) -> None:
    # Its time is far off, so that nobody looks whether it is on the air; its owner may enter all the same.
    session_id = teacher.write_live_session(status="public")
    school.await_event(session_id)
    join(teacher, session_id)
    school.simulator("DELETE", "requests")
    for _ in range(5):
        join(teacher, session_id)
    assert asked_for_viewers(school) == []


def test_refused_join_says_why(school: School, teacher: Person) -> None:
    hidden = ("NOT_FOUND", "SESSION_NOT_FOUND")
    student = school.person()
    draft = teacher.write_live_session()
    assert refusal(student, "joinSession", sessionId=draft) == hidden
    others, _ = live_now(school, school.teacher(), visibility="enrolled")
    assert refusal(student, "joinSession", sessionId=others) == hidden
    assert refusal(teacher, "joinSession", sessionId=others) == hidden
    assert refusal(student, "joinSession", sessionId="no-such-session") == hidden
    deleted, _ = live_now(school, teacher)
    teacher.delete_session(deleted)
    assert refusal(student, "joinSession", sessionId=deleted) == hidden
    early = teacher.write_live_session(status="public")
    school.await_event(early)
    assert refusal(student, "joinSession", sessionId=early) == ("FAILED_PRECONDITION", "SESSION_NOT_OPEN_YET")
    recorded = teacher.write_session(status="public")
    assert refusal(student, "joinSession", sessionId=recorded) == ("FAILED_PRECONDITION", "NO_LIVE_EVENT")
    assert refusal(student, "joinSession", sessionId=early, forceRefresh="yes")[0] == "INVALID_ARGUMENT"


def test_student_refused_by_kaltura_may_retry(school: School, teacher: Person) -> None:
    session_id, _ = live_now(school, teacher)
    student = school.person()
    fault = {"kind": "error", "code": "INVALID_FIELD_VALUE", "match": {"service": "user", "action": "add"}}
    school.simulator("POST", "faults", fault)
    assert refusal(student, "joinSession", sessionId=session_id) == ("FAILED_PRECONDITION", "PROVIDER_REFUSED")
    assert join(student, session_id)["userId"] == student.uid


def test_virtual_event_deleted_in_the_console_is_recreated_on_refresh(school: School, teacher: Person) -> None:
    session_id, event = live_now(school, teacher)
    student = school.person()
    before = join(student, session_id)["virtualEventId"]
    school.administrator().virtualEvent.virtualEvent.delete(int(event["virtualEventId"]))
    joined: dict[str, Any] = {}

    def made_again() -> bool:
        # Nobody doubts what was verified a moment ago, which a reconciliation that is still under way may do at any
        # time.
        pairing = school.document(f"kalturaSession/{session_id}") or {}
        school.write(f"kalturaSession/{session_id}", verifiedAt=pairing["verifiedAt"] - timedelta(minutes=2))
        joined.update(join(student, session_id, forceRefresh=True))
        return bool(joined["virtualEventId"] != before)

    school.await_provider("another virtual event", made_again)

    assert school.await_event(session_id)["virtualEventId"] == joined["virtualEventId"]
    assert joined["virtualEventId"] in {str(one["id"]) for one in school.things("virtualEvents")}
    log = "\n".join(file.read_text(errors="replace") for file in school.testbed.logs.glob("firebase*"))
    assert f'"part": "virtualEventId", "part_id": "{before}"' in log


def test_refresh_says_when_the_next_one_is_complete(school: School, teacher: Person) -> None:
    """B18: the user of a viewer who is new was made a moment ago."""
    session_id, _ = live_now(school, teacher)
    student = school.person()
    assert join(student, session_id)["refreshableAt"] is None

    told = join(student, session_id, forceRefresh=True)["refreshableAt"]

    left = datetime.fromisoformat(told) - datetime.now(UTC)
    assert timedelta(seconds=10) < left <= timedelta(seconds=61)


@pytest.mark.usefixtures("chat_token")
def test_repeated_refreshes_call_kaltura_once_a_minute(school: School, teacher: Person) -> None:
    """B18."""
    # Its time is far off, so that nobody looks whether it is on the air; its owner may enter all the same.
    session_id = teacher.write_live_session(status="public")
    school.await_event(session_id)
    began_at = datetime.now(UTC)
    join(teacher, session_id, forceRefresh=True, playerKs=True)
    school.simulator("DELETE", "requests")

    told = [join(teacher, session_id, forceRefresh=True, playerKs=True)["refreshableAt"] for _ in range(5)]

    asked, took = asked_for_viewers(school), datetime.now(UTC) - began_at
    assert took < timedelta(minutes=1), "slower than a minute, this shows nothing"
    assert asked == []
    assert all(began_at < datetime.fromisoformat(at) <= datetime.now(UTC) + timedelta(minutes=1) for at in told)


def test_only_the_owner_gets_the_ingest_address(school: School, teacher: Person) -> None:
    session_id, event = live_now(school, teacher)
    told = teacher.call("getStreamIngest", {"sessionId": session_id})
    assert told["url"].startswith("rtmp://")
    assert told["streamKey"] in told["url"]
    assert told["streamName"] == f"{event['entryId']}_%i"

    new = teacher.call("rotateStreamKey", {"sessionId": session_id})
    assert new["streamKey"] not in (told["streamKey"], "")
    assert teacher.call("getStreamIngest", {"sessionId": session_id})["streamKey"] == new["streamKey"]

    for stranger, code in ((school.person(), "PERMISSION_DENIED"), (school.teacher(), "NOT_FOUND")):
        for function in ("getStreamIngest", "rotateStreamKey"):
            assert refusal(stranger, function, sessionId=session_id)[0] == code
    draft = teacher.write_live_session()
    assert refusal(teacher, "getStreamIngest", sessionId=draft) == ("FAILED_PRECONDITION", "NO_LIVE_EVENT")


def recorded(school: School, session_id: str) -> tuple[str, dict[str, Any]]:
    """End a broadcast that has stopped. Returns the id of its recording, a video, and its public fields."""
    broadcast_of(school, session_id, "offline")
    pairing = school.document(f"kalturaSession/{session_id}") or {}
    # An encoder may come back within a minute; it goes by.
    airing = {**pairing["airing"], "offAt": pairing["airing"]["offAt"] - timedelta(minutes=1)}
    school.write(f"kalturaSession/{session_id}", airing=airing)
    broadcast_of(school, session_id, "ended")

    shown = school.await_document(
        f"sessions/{session_id}",
        lambda fields: [one for one in ((fields or {}).get("videos") or {}).values() if one["state"] == "ready"] != [],
    )
    ((video_id, video),) = shown["videos"].items()
    return video_id, video


def test_a_broadcast_is_seen_and_its_recording_is_a_video_that_students_watch(school: School, teacher: Person) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    # Planned to end just now: it overruns, as events do.
    session_id, event = live_now(
        school, teacher, startsAt=now - timedelta(minutes=9), endsAt=now + timedelta(seconds=1)
    )
    entry_id, student = event["entryId"], school.person()
    school.simulator("POST", "broadcast", {"entryId": entry_id, "live": True})
    broadcast_of(school, session_id, "live")
    assert join(student, session_id)["broadcast"] == "live"

    school.simulator("POST", "broadcast", {"entryId": entry_id, "live": False, "recording": str(TEST_PICTURE)})
    video_id, video = recorded(school, session_id)
    assert (video["title"], video["durationS"]) == ("A session", 12)
    grant = student.call("issuePlayback", {"videoId": video_id})
    assert school.http.get(grant["manifestUrl"], timeout=10).text.startswith("#EXTM3U")
    bare = school.http.get(grant["manifestUrl"].partition("?")[0], timeout=10)
    assert bare.content == b"", "a recording is as private as any video"

    teacher.delete_session(session_id)
    school.await_provider(
        "everything's going", lambda: not school.made_for(session_id) and not _recordings(school, entry_id)
    )


def _recordings(school: School, entry_id: str) -> list[str]:
    return [one["id"] for one in school.things("entries") if one.get("rootEntryId") == entry_id]


def test_session_deleted_while_live_leaves_nothing_after_its_end(school: School, teacher: Person) -> None:
    session_id, event = live_now(school, teacher)
    entry_id = event["entryId"]
    school.simulator("POST", "broadcast", {"entryId": entry_id, "live": True})
    teacher.delete_session(session_id)
    pairing = school.await_document(
        f"kalturaSession/{session_id}", lambda fields: ((fields or {}).get("failure") or {}).get("retryable") is True
    )
    assert pairing["failure"]["code"] == "CANNOT_DELETE_LIVE_ENTRY_WHILE_STREAMING"
    assert entry_id in {one["id"] for one in school.things("entries")}

    school.simulator("POST", "broadcast", {"entryId": entry_id, "live": False, "recording": str(TEST_PICTURE)})

    school.await_provider(
        "everything's going", lambda: not school.made_for(session_id) and not _recordings(school, entry_id)
    )


def test_the_doctor_says_what_is_missing_and_setup_makes_it(school: School, chat_token: Any) -> None:
    assert school.testbed.command("setup").returncode == 0
    school.simulator("POST", "settings", {"forbidden_services": ["virtualevent_virtualevent"]})
    try:
        told = school.testbed.command("doctor")
    finally:
        school.simulator("POST", "settings", {"forbidden_services": []})
    assert told.returncode == 0, told.stderr
    lines = {" ".join(line.split()[1:3]): line for line in told.stdout.splitlines()}
    assert lines["virtual events"].startswith("absent")
    assert lines["live streaming"].startswith("ok")
    assert lines["chat token"].startswith("ok")
    assert chat_token.token not in told.stdout + told.stderr

    school.simulator("POST", "settings", {"forbidden_services": ["livestream"]})
    try:
        told = school.testbed.command("doctor")
    finally:
        school.simulator("POST", "settings", {"forbidden_services": []})
    assert told.returncode == 1
    assert "missing  live streaming" in told.stdout
