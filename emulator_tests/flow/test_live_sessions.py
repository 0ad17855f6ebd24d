"""The story of a live session: public, its event appears; draft, it is reaped; deleted, nothing is left."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from emulator_tests.flow.provider import ks_of
from emulator_tests.flow.school import Person, Refused, School


def test_a_public_live_session_has_its_event_and_a_draft_has_none(school: School, teacher: Person) -> None:
    session_id = teacher.write_live_session(title="Fractions")
    teacher.change_session(session_id, status="public")

    event = school.await_event(session_id)
    (entry,) = [entry for entry in school.things("entries") if entry["id"] == event["entryId"]]
    assert entry["name"] == "Fractions"
    assert set(event) == {"entryId", "virtualEventId", "state", "broadcast"}, "no other ids stand where viewers read"
    event = teacher.call("getKalturaSession", {"sessionId": session_id})
    assert event["eventId"] in {str(thing["id"]) for thing in school.things("scheduleEvents")}

    teacher.change_session(session_id, status="draft")
    school.await_document(f"sessions/{session_id}", lambda fields: fields is not None and "kaltura" not in fields)
    school.await_provider("the event's going", lambda: not school.made_for(session_id))
    school.await_document(
        f"kalturaSession/{session_id}", lambda fields: fields is not None and fields["state"] == "gone"
    )


def test_publishing_again_makes_a_new_event(school: School, teacher: Person) -> None:
    session_id = teacher.write_live_session(status="public")
    first = school.await_event(session_id)
    teacher.change_session(session_id, status="draft")
    school.await_document(
        f"kalturaSession/{session_id}", lambda fields: fields is not None and fields["state"] == "gone"
    )

    teacher.change_session(session_id, status="public")
    second = school.await_event(session_id)

    assert second["entryId"] != first["entryId"]
    pairing = school.document(f"kalturaSession/{session_id}")
    assert pairing is not None
    assert pairing["generation"] == 2


def test_deleting_a_public_session_leaves_nothing(school: School, teacher: Person) -> None:
    session_id = teacher.write_live_session(status="public")
    school.await_event(session_id)

    teacher.delete_session(session_id)

    school.await_provider("the event's going", lambda: not school.made_for(session_id))
    school.await_document(
        f"kalturaSession/{session_id}", lambda fields: fields is not None and fields["state"] == "gone"
    )
    assert school.document(f"sessions/{session_id}") is None


def test_a_new_title_and_new_times_reach_the_event(school: School, teacher: Person) -> None:
    session_id = teacher.write_live_session(status="public", title="Before")
    school.await_event(session_id)
    event = teacher.call("getKalturaSession", {"sessionId": session_id})
    starts_at, ends_at = datetime(2030, 5, 1, 9, tzinfo=UTC), datetime(2030, 5, 1, 10, tzinfo=UTC)

    teacher.change_session(session_id, title="After", startsAt=starts_at, endsAt=ends_at)

    school.await_document(
        f"kalturaSession/{session_id}",
        lambda fields: fields is not None and fields["applied"] is not None and fields["applied"]["title"] == "After",
    )
    (entry,) = [entry for entry in school.things("entries") if entry["id"] == event["entryId"]]
    scheduled = school.administrator().schedule.scheduleEvent.get(int(event["eventId"]))
    assert entry["name"] == "After"
    assert (scheduled.startDate, scheduled.endDate) == (starts_at.timestamp(), ends_at.timestamp())


@pytest.mark.parametrize(
    "fields",
    [
        {"format": "inPerson", "status": "public"},
        {"format": "onDemand", "status": "public"},
        {"format": "liveStreaming", "status": "draft"},
    ],
    ids=["in person", "on demand", "a live draft"],
)
def test_a_session_that_asks_for_nothing_causes_no_call_and_no_document(
    school: School, teacher: Person, fields: dict[str, str]
) -> None:
    idle = teacher.write_session(**fields)
    teacher.change_session(idle, title="Changed")
    # Triggers come in order of their writes here: once a later session has its event, the idle one has had its turn.
    school.await_event(teacher.write_live_session(status="public"))

    assert school.document(f"kalturaSession/{idle}") is None
    assert not school.made_for(idle)


def test_many_sessions_published_at_once_have_one_event_each(school: School, teacher: Person) -> None:
    with ThreadPoolExecutor(8) as pool:
        session_ids = list(pool.map(lambda _: teacher.write_live_session(status="public"), range(16)))

    events = [school.await_event(session_id) for session_id in session_ids]

    assert len({event["entryId"] for event in events}) == len(session_ids)
    for session_id in session_ids:
        assert len([kind for kind, _ in school.made_for(session_id) if kind == "entries"]) == 1


def test_owner_reads_all_event_ids_and_viewer_only_those_for_watching(school: School, teacher: Person) -> None:
    session_id = teacher.write_live_session(status="public")
    event = school.await_event(session_id)
    student = school.person()

    told = teacher.call("getKalturaSession", {"sessionId": session_id})
    assert told == {**told, "sessionId": session_id, **event}
    assert told.keys() - event.keys() == {"sessionId", "eventId", "resourceId", "groupId"}
    assert student.call("getKalturaSession", {"sessionId": session_id}) == {
        "sessionId": session_id,
        "entryId": event["entryId"],
        "virtualEventId": event["virtualEventId"],
        "state": "ready",
        "broadcast": "offline",
    }


def test_hidden_session_is_reported_like_a_missing_one(school: School, teacher: Person) -> None:
    draft = teacher.write_live_session()
    enrolled_only = teacher.write_live_session(status="public", visibility="enrolled")
    stranger = school.person()

    told = set()
    for session_id in (draft, enrolled_only, "no-such-session"):
        with pytest.raises(Refused) as refused:
            stranger.call("getKalturaSession", {"sessionId": session_id})
        told.add((refused.value.code, refused.value.reason, refused.value.message))

    assert told == {("NOT_FOUND", "SESSION_NOT_FOUND", "There is no such session, or you are not enrolled in it.")}


def test_a_live_event_is_watched_in_its_time_and_not_before_or_after(school: School, teacher: Person) -> None:
    session_id = teacher.write_live_session(status="public", visibility="enrolled")
    entry_id = school.await_event(session_id)["entryId"]
    student = school.person()
    teacher.enrol(session_id, student)

    with pytest.raises(Refused) as early:
        student.call("issuePlayback", {"sessionId": session_id})
    assert (early.value.reason, early.value.is_retryable) == ("SESSION_NOT_OPEN_YET", True)
    # Who holds it sets it up before.
    assert teacher.call("issuePlayback", {"sessionId": session_id})["sessionId"] == session_id

    now = datetime.now(UTC).replace(microsecond=0)
    teacher.change_session(session_id, startsAt=now + timedelta(minutes=5), endsAt=now + timedelta(hours=1))
    grant = student.call("issuePlayback", {"sessionId": session_id})
    assert entry_id in grant["manifestUrl"]
    school.simulator("POST", "broadcast", {"entryId": entry_id, "live": True})
    assert school.http.get(grant["manifestUrl"], timeout=10).text.startswith("#EXTM3U")
    bare = school.http.get(grant["manifestUrl"].partition("?")[0], timeout=10)
    assert (bare.content, bare.headers["X-Kaltura"]) == (b"", "error-3")
    left_s = (datetime.fromisoformat(grant["expiresAt"]) - now).total_seconds()
    assert 3600 - 60 <= left_s <= 3600 + 60, "what opens addresses cannot be ended, so it lasts an hour at the most"
    assert ks_of(student.call("issuePlayback", {"sessionId": session_id})) != ks_of(grant)

    school.simulator("POST", "broadcast", {"entryId": entry_id, "live": False})
    teacher.change_session(session_id, startsAt=now - timedelta(hours=4), endsAt=now - timedelta(hours=2))
    school.await_document(f"sessions/{session_id}", lambda fields: (fields or {})["kaltura"]["broadcast"] == "ended")
    with pytest.raises(Refused) as late:
        student.call("issuePlayback", {"sessionId": session_id})
    assert late.value.reason == "SESSION_OVER"


def test_a_live_event_is_not_for_strangers_nor_is_there_one_where_nothing_is_live(
    school: School, teacher: Person
) -> None:
    live = teacher.write_live_session(status="public", visibility="enrolled")
    school.await_event(live)
    with pytest.raises(Refused) as refused:
        school.person().call("issuePlayback", {"sessionId": live})
    assert refused.value.code == "NOT_FOUND"

    recorded = teacher.write_session(status="public")
    with pytest.raises(Refused) as nothing:
        teacher.call("issuePlayback", {"sessionId": recorded})
    assert nothing.value.reason == "NO_LIVE_EVENT"
