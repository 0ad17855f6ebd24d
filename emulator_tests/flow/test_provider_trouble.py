"""A provider in trouble: the document says so with a code and a sentence, and it goes on by itself afterwards."""

from __future__ import annotations

import time
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from emulator_tests.flow.provider import PROVIDERS, Provider
from emulator_tests.flow.school import Person, Refused, School
from emulator_tests.memory import MemoryDocuments
from shared.core.errors import Transient
from shared.ports import MediaState, UploadSpec
from shared.providers.kaltura.account import SERVER_KS_S, KalturaAccount
from shared.providers.kaltura.media import KalturaMedia

FAULTS: dict[str, dict[str, Any]] = {
    "71 a good answer under 500": {"kind": "status", "status": 500},
    "71 a good answer under 503": {"kind": "status", "status": 503},
    "72 a page under 502": {"kind": "html"},
    "72 a page under 502, and it was done": {"kind": "html", "commits": True},
    "73 nothing": {"kind": "empty"},
    "75 half an answer": {"kind": "truncated"},
    "too many": {"kind": "throttle"},
    "hung up before": {"kind": "drop_before"},
    "hung up after": {"kind": "drop_after_commit"},
}
"""What happens to every provider."""

OF_KALTURA = {
    "an error inside": {"kind": "error", "code": "INTERNAL_SERVER_ERROR"},
    "60 an expired KS": {"kind": "error", "code": "INVALID_KS"},
}

TROUBLED = [
    *(pytest.param(name, fault, id=f"{name}: {what}") for name in PROVIDERS for what, fault in FAULTS.items()),
    *(pytest.param("kaltura", fault, id=f"kaltura: {what}") for what, fault in OF_KALTURA.items()),
]


@pytest.mark.parametrize("fault", [*FAULTS.values(), *OF_KALTURA.values()], ids=[*FAULTS, *OF_KALTURA])
def test_publication_survives_kaltura_failures(school: School, teacher: Person, fault: dict[str, Any]) -> None:
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


@pytest.mark.parametrize(("provider", "fault"), TROUBLED, indirect=["provider"])
def test_provider_failure_is_reported_and_retry_makes_one_video(
    school: School, teacher: Person, provider: Provider, fault: dict[str, Any]
) -> None:
    session_id, request_id = teacher.write_session(videoProvider=provider.name), uuid.uuid4().hex
    provider.fault(fault)

    with pytest.raises(Refused) as refused:
        teacher.ask_to_upload(session_id, 1000, requestId=request_id)

    assert (refused.value.reason, refused.value.is_retryable) == ("UPLOAD_NOT_READY", True)
    provider.repair()
    told: list[str] = []

    def given() -> bool:
        try:
            told.append(teacher.ask_to_upload(session_id, 1000, requestId=request_id)["videoId"])
        except Refused as later:
            if not later.is_retryable:
                raise
            time.sleep(1)
        return bool(told)

    school.await_provider("the same request's success", given)
    assert provider.uploads_of(told[0]) == 1


@pytest.mark.parametrize(
    "apart_s",
    [-600, 600, -3600],
    ids=["83 ours is ten minutes behind", "83 ours is ten minutes ahead", "83 ours is an hour behind"],
)
def test_clocks_that_are_apart_make_nothing_twice_and_say_what_to_do(school: School, apart_s: int) -> None:
    account = KalturaAccount(
        url=school.testbed.kaltura_url,
        partner_id=school.testbed.kaltura_partner_id,
        admin_secret=school.testbed.kaltura_admin_secret,
        namespace=f"clocks-{uuid.uuid4().hex[:8]}",
        upload_role="UPLOAD_BASE_ROLE",
        documents=MemoryDocuments(),
        clock=lambda: datetime.now(UTC) + timedelta(seconds=apart_s),
    )
    media, spec = KalturaMedia(account), UploadSpec("Halves", "film.mp4", 1000)
    try:
        if apart_s < -SERVER_KS_S:
            # Every KS of ours is over before Kaltura sees it: it is refused, and worth trying once the clock is right.
            with pytest.raises(Transient) as refused:
                media.prepare_upload("video:v1:1", spec)
            assert (type(refused.value), refused.value.code) == (Transient, "INVALID_KS")
            assert not school.made_for(account.namespace)
        else:
            external_ids = media.prepare_upload("video:v1:1", spec)
            assert [one["id"] for one in school.things("entries") if account.namespace in str(one)] == [
                external_ids["entryId"]
            ]
            assert [seen.state for seen in media.observe([external_ids])] == [MediaState.AWAITING_UPLOAD]
            assert media.delete_media(external_ids) == {}
    finally:
        account.client.close()


def test_an_upload_that_cannot_be_prepared_now_goes_on_by_itself(
    school: School, teacher: Person, provider: Provider
) -> None:
    session_id = teacher.write_session(videoProvider=provider.name)
    provider.fault({"kind": "throttle"})

    with pytest.raises(Refused) as refused:
        teacher.ask_to_upload(session_id, 1000, requestId="r1")
    assert refused.value.reason == "UPLOAD_NOT_READY"

    provider.repair()
    videos = school.await_document(
        f"sessions/{session_id}",
        lambda fields: any(video["state"] == "uploading" for video in ((fields or {}).get("videos") or {}).values()),
    )["videos"]
    assert list(videos) == [teacher.ask_to_upload(session_id, 1000, requestId="r1")["videoId"]]


def test_deadlines_end_what_a_provider_that_is_down_does_not_and_what_it_finished_late_plays(
    school: School, teacher: Person, provider: Provider, video_bytes: bytes
) -> None:
    """
    B17: both providers are down for longer than every deadline.
    """
    provider.set_readiness("never")
    session_id = teacher.write_session(videoProvider=provider.name)
    tokens = {what: teacher.ask_to_upload(session_id, len(video_bytes)) for what in ("processing", "uploading")}
    school.upload(tokens["processing"], video_bytes)
    processing, uploading = (token["videoId"] for token in tokens.values())
    school.await_video(session_id, processing, "processing")
    for name in PROVIDERS:
        PROVIDERS[name](school).fault({"kind": "status", "status": 503})
    over_at = datetime.now(UTC) - timedelta(minutes=15)
    for video_id in (processing, uploading):
        school.write(f"videos/{video_id}", deadlineAt=over_at, dueAt=over_at)
    school.sweep()

    failed = school.await_video(session_id, processing, "failed")
    assert (failed["failure"]["code"], failed["failure"]["retryable"]) == ("PROCESSING_TOO_LONG", True)
    assert school.await_video(session_id, uploading, "failed")["failure"]["code"] == "UPLOAD_NOT_FINISHED"

    for name in PROVIDERS:
        PROVIDERS[name](school).repair()
    provider.set_readiness("at_once", provider.made_for(processing)[0])
    school.await_video(session_id, processing, "ready")


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

    school.await_provider("the event's going", lambda: not school.made_for(session_id))
