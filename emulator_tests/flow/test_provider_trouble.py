"""Kaltura in trouble: the document says so with a code and a sentence, and it goes on by itself afterwards."""

from __future__ import annotations

from typing import Any

import pytest

from emulator_tests.flow.school import Person, Refused, School

FAULTS: list[dict[str, Any]] = [
    {"kind": "status", "status": 503},
    {"kind": "html"},
    {"kind": "empty"},
    {"kind": "truncated"},
    {"kind": "throttle"},
    {"kind": "drop_before"},
    {"kind": "drop_after_commit"},
    {"kind": "error", "code": "INTERNAL_SERVER_ERROR"},
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault["kind"])
def test_a_publication_survives_a_kaltura_in_trouble(school: School, teacher: Person, fault: dict[str, Any]) -> None:
    school.simulator("POST", "faults", {**fault, "match": {"times": 0}})
    session_id = teacher.write_live_session(status="public")

    troubled = school.await_document(
        f"sessions/{session_id}", lambda fields: ((fields or {}).get("kaltura") or {}).get("failure") is not None
    )
    failure = troubled["kaltura"]["failure"]
    assert troubled["kaltura"]["state"] == "creating"
    assert failure["retryable"] is True
    assert failure["message"].endswith(".")

    school.simulator("DELETE", "faults")
    event = school.await_event(session_id)

    assert "failure" not in event
    made = [number for kind, number in school.made_for(session_id) if kind == "entries"]
    assert made == [event["entryId"]]


def test_an_upload_that_cannot_be_prepared_now_goes_on_when_asked_again(school: School, teacher: Person) -> None:
    session_id = teacher.write_session()
    school.simulator("POST", "faults", {"kind": "throttle", "match": {"times": 0}})

    with pytest.raises(Refused) as refused:
        teacher.ask_to_upload(session_id, 1000, requestId="r1")
    assert refused.value.code == "UNAVAILABLE"

    school.simulator("DELETE", "faults")
    videos = school.await_document(
        f"sessions/{session_id}",
        lambda fields: any(video["state"] == "uploading" for video in ((fields or {}).get("videos") or {}).values()),
    )["videos"]
    assert list(videos) == [teacher.ask_to_upload(session_id, 1000, requestId="r1")["videoId"]]


def test_a_deletion_goes_on_until_kaltura_has_done_it(school: School, teacher: Person) -> None:
    session_id = teacher.write_live_session(status="public")
    school.await_event(session_id)
    school.simulator("POST", "faults", {"kind": "status", "status": 503, "match": {"times": 0}})
    teacher.delete_session(session_id)
    school.await_document(
        f"kalturaSession/{session_id}",
        lambda fields: fields is not None and fields["state"] == "deleting" and fields["failure"] is not None,
    )

    school.simulator("DELETE", "faults")

    school.await_kaltura("the event's going", lambda: not school.made_for(session_id))
