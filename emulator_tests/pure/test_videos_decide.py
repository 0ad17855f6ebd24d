"""What a video needs next: the table of `shared/videos/decide.py`, row by row, its borders in time, and what is
recorded after each look at the provider."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from shared.history import Moment
from shared.ports import MediaState, Observation, UploadWish
from shared.reconcile import Decision, Done, Effect, Failure, Later, Look, Progress, Step
from shared.videos.decide import decide, deleted, failed, not_prepared, observed, prepared, reaped, reference_of
from shared.videos.model import Ending, Video, VideoState, VideoWish, shown
from shared.videos.policy import Policy

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
CREATED_AT = NOW - timedelta(hours=1)
DEADLINE_AT = NOW + timedelta(hours=1)
INSTANT = timedelta(microseconds=1)

POLICY = Policy(
    max_bytes=1000,
    max_duration_s=60,
    uploads_in_flight_max=3,
    upload_deadline_s=7 * 24 * 3600,
    processing_deadline_s=24 * 3600,
)
PARTS = {"entryId": "0_video1", "uploadTokenId": "token1"}
ENDING = Ending("TOO_LONG", "The video is too long.")

FINAL = Failure("INVALID_TITLE", "The provider does not like it.", False, "prepare", "", 1, None)
PASSING = Failure("HTTP_503", "The provider is busy.", True, "prepare", "", 1, NOW + timedelta(seconds=2))


def recorded_as(state: VideoState, **changes: object) -> Video:
    """
    A record in a state that has been reached before now.
    """
    made = state in (VideoState.UPLOADING, VideoState.PROCESSING, VideoState.READY, VideoState.DELETING)
    tried = state is VideoState.PREPARING
    record = Video(
        session_id="s1",
        provider="memory",
        upload=UploadWish("Algebra", "algebra.mp4", 500, "teacher"),
        request_digest="digest",
        created_at=CREATED_AT,
        state=state,
        generation=0 if state is VideoState.REQUESTED else 2,
        reference="video:v1:2" if made or tried else None,
        tried_at=CREATED_AT if tried else None,
        parts=PARTS if made else {},
        deadline_at=DEADLINE_AT if state in (VideoState.UPLOADING, VideoState.PROCESSING) else None,
        ended=ENDING if state is VideoState.FAILED else None,
        history=(Moment(state, CREATED_AT),),
    )
    return replace(record, **changes)  # type: ignore[arg-type]  # named by the rows below


RECORDED: dict[str, Video | None] = {
    "nothing": None,
    "requested": recorded_as(VideoState.REQUESTED),
    "requested, refused for good": recorded_as(VideoState.REQUESTED, progress=Progress(failure=FINAL)),
    "requested, refused for now": recorded_as(VideoState.REQUESTED, progress=Progress(failure=PASSING)),
    "preparing": recorded_as(VideoState.PREPARING),
    "uploading": recorded_as(VideoState.UPLOADING),
    "uploading, past its deadline": recorded_as(VideoState.UPLOADING, deadline_at=NOW),
    "processing": recorded_as(VideoState.PROCESSING),
    "processing, past its deadline": recorded_as(VideoState.PROCESSING, deadline_at=NOW),
    "ready": recorded_as(VideoState.READY),
    "failed, with parts": recorded_as(VideoState.FAILED, parts=PARTS),
    "failed": recorded_as(VideoState.FAILED),
    "deleting": recorded_as(VideoState.DELETING),
    "gone": recorded_as(VideoState.GONE),
}

PREPARE = "prepare: change, preparing, informs"
FAIL = "fail: write, failed"
FIND = "find: change, preparing, insists"
EXPIRE = "expire: write, failed"
REAP = "reap: change, failed, insists"
DELETE = "delete: change, deleting, insists"
CLOSE = "close: write, gone"
LOOK_AT_UPLOAD = "observe: observe, uploading, insists, informs"
LOOK_AT_PROCESSING = "observe: observe, processing, insists, informs"
LATER = "later: 10:00"

TABLE: dict[str, tuple[str, str, str]] = {
    # recorded: session exists; session exists and the provider was just asked; session deleted
    "nothing": ("done", "done", "done"),
    "requested": (PREPARE, PREPARE, CLOSE),
    "requested, refused for good": (FAIL, FAIL, CLOSE),
    "requested, refused for now": (PREPARE, PREPARE, CLOSE),
    "preparing": (FIND, FIND, FIND),
    "uploading": (LOOK_AT_UPLOAD, LATER, DELETE),
    "uploading, past its deadline": (LOOK_AT_UPLOAD, EXPIRE, DELETE),
    "processing": (LOOK_AT_PROCESSING, LATER, DELETE),
    "processing, past its deadline": (LOOK_AT_PROCESSING, EXPIRE, DELETE),
    "ready": ("done", "done", DELETE),
    "failed, with parts": (REAP, REAP, DELETE),
    "failed": ("done", "done", CLOSE),
    "deleting": (DELETE, DELETE, DELETE),
    "gone": ("done", "done", "done"),
}


def looked(record: Video | None, *, wanted: bool = True) -> Look[VideoWish, Video]:
    """
    A look at a video that its session shows as it should.
    """
    told = None if record is None or not wanted else shown(record)
    return Look("v1", VideoWish(wanted, told), record, None if record is None else 1)


def spelled(decision: Decision[Video]) -> str:
    match decision:
        case Done():
            return "done"
        case Later(at):
            return f"later: {at:%H:%M}"
        case Step():
            words = [f"{decision.name}: {decision.effect}", decision.record.state]
            words += ["insists"] * decision.insists + ["informs"] * decision.informs
            return ", ".join(words)


def step_for(record: Video, *, wanted: bool = True, observed: bool = False) -> Step[Video]:
    decision = decide(looked(record, wanted=wanted), NOW, observed=observed)
    assert isinstance(decision, Step)
    return decision


def test_the_table_has_a_row_for_each_recorded_state() -> None:
    assert set(TABLE) == set(RECORDED)
    assert {record.state for record in RECORDED.values() if record is not None} == set(VideoState)


@pytest.mark.parametrize(
    ("recorded", "wanted", "seen"),
    [
        pytest.param(
            recorded,
            wanted,
            seen,
            id=f"{recorded} - session {'exists' if wanted else 'deleted'}{', just asked' if seen else ''}",
        )
        for recorded, wanted, seen in product(RECORDED, (True, False), (False, True))
    ],
)
def test_the_next_step_is_the_one_of_the_table(recorded: str, wanted: bool, seen: bool) -> None:
    exists, just_asked, session_deleted = TABLE[recorded]
    expected = (just_asked if seen else exists) if wanted else session_deleted
    assert spelled(decide(looked(RECORDED[recorded], wanted=wanted), NOW, observed=seen)) == expected


@pytest.mark.parametrize("recorded", ["uploading", "processing", "ready", "failed"])
def test_a_session_that_shows_something_else_of_a_video_is_put_right(recorded: str) -> None:
    record = RECORDED[recorded]
    look = replace(looked(record), wish=VideoWish(wanted=True, shown={"state": "requested"}))
    decision = decide(look, NOW, observed=True)
    assert isinstance(decision, Step)
    assert (decision.name, decision.effect, decision.record) == ("show", Effect.WRITE, record)


def test_preparing_records_a_new_generation_and_its_reference_before_the_provider_hears_of_it() -> None:
    step = step_for(recorded_as(VideoState.REQUESTED, generation=4))
    assert (step.record.generation, step.record.reference) == (5, reference_of("v1", 5))
    assert step.record.tried_at == NOW
    assert step.record.history[-1] == Moment("preparing", NOW)


def test_what_was_definitely_not_prepared_leaves_its_generation_used_up() -> None:
    undone = step_for(recorded_as(VideoState.REQUESTED)).undone
    assert (undone.state, undone.generation) == (VideoState.REQUESTED, 1)
    assert (undone.reference, undone.tried_at) == (None, None)


def test_a_preparation_that_was_refused_for_good_fails_with_the_provider_s_reason() -> None:
    record = step_for(recorded_as(VideoState.REQUESTED, progress=Progress(failure=FINAL))).record
    assert record.ended == Ending("INVALID_TITLE", "The provider does not like it.")


def test_a_deletion_is_recorded_before_it_begins_and_never_taken_back() -> None:
    step = step_for(recorded_as(VideoState.READY), wanted=False)
    assert step.record.parts == PARTS
    assert step.undone == step.record


@pytest.mark.parametrize(
    ("state", "code"),
    [(VideoState.UPLOADING, "UPLOAD_NOT_FINISHED"), (VideoState.PROCESSING, "PROCESSING_TOO_LONG")],
)
def test_a_deadline_ends_at_its_very_instant_and_says_what_was_too_slow(state: VideoState, code: str) -> None:
    look = looked(recorded_as(state, deadline_at=NOW))
    assert decide(look, NOW - INSTANT, observed=True) == Later(NOW)
    expired = decide(look, NOW, observed=True)
    assert isinstance(expired, Step)
    assert expired.record.ended is not None
    assert (expired.record.ended.code, expired.record.deadline_at) == (code, None)
    assert expired.record.parts == PARTS, "what is at the provider must still be found to be reaped"


def test_before_a_deadline_ends_anything_the_provider_is_asked_once_more() -> None:
    late = decide(looked(recorded_as(VideoState.PROCESSING)), DEADLINE_AT + timedelta(days=9), observed=False)
    assert spelled(late) == LOOK_AT_PROCESSING


def test_an_upload_has_seven_days_from_its_request() -> None:
    record = prepared(recorded_as(VideoState.PREPARING), PARTS, NOW, POLICY)
    assert (record.state, record.parts, record.tried_at) == (VideoState.UPLOADING, PARTS, None)
    assert record.deadline_at == CREATED_AT + timedelta(days=7)


def test_what_was_never_prepared_is_requested_again() -> None:
    record = not_prepared(recorded_as(VideoState.PREPARING), NOW)
    assert (record.state, record.reference, record.tried_at) == (VideoState.REQUESTED, None, None)


def test_the_first_byte_that_is_processed_begins_the_time_for_processing() -> None:
    seen = Observation(MediaState.PROCESSING, percent=30)
    begun = observed(recorded_as(VideoState.UPLOADING), seen, NOW, POLICY)
    assert (begun.state, begun.percent) == (VideoState.PROCESSING, 30)
    assert begun.deadline_at == NOW + timedelta(days=1)
    again = observed(begun, replace(seen, percent=60), NOW + timedelta(hours=3), POLICY)
    assert (again.percent, again.deadline_at) == (60, begun.deadline_at), "asking does not lengthen it"


def test_an_upload_gets_on_without_a_longer_deadline() -> None:
    seen = Observation(MediaState.AWAITING_UPLOAD, percent=45)
    record = observed(recorded_as(VideoState.UPLOADING), seen, NOW, POLICY)
    assert (record.state, record.percent, record.deadline_at) == (VideoState.UPLOADING, 45, DEADLINE_AT)


@pytest.mark.parametrize("state", [VideoState.UPLOADING, VideoState.PROCESSING])
def test_a_video_that_is_ready_is_recorded_with_its_real_length_and_size(state: VideoState) -> None:
    seen = Observation(MediaState.READY, percent=100, duration_s=12.5, size_bytes=999)
    record = observed(recorded_as(state), seen, NOW, POLICY)
    assert (record.state, record.percent, record.deadline_at) == (VideoState.READY, 100, None)
    assert (record.duration_s, record.size_bytes) == (12.5, 999)


@pytest.mark.parametrize(
    ("seen", "code"),
    [
        pytest.param(Observation(MediaState.READY, size_bytes=1001, duration_s=1), "TOO_LARGE", id="too large"),
        pytest.param(Observation(MediaState.READY, size_bytes=10, duration_s=61), "TOO_LONG", id="too long"),
        pytest.param(Observation(MediaState.READY, is_video=False), "NOT_A_VIDEO", id="no moving picture"),
        pytest.param(Observation(MediaState.ERROR, reason="Damaged."), "REFUSED_BY_PROVIDER", id="cannot be read"),
        pytest.param(Observation(MediaState.ERROR), "REFUSED_BY_PROVIDER", id="cannot be read, no reason"),
    ],
)
def test_what_must_not_play_fails_and_is_reaped(seen: Observation, code: str) -> None:
    record = observed(recorded_as(VideoState.PROCESSING), seen, NOW, POLICY)
    assert record.state is VideoState.FAILED
    assert record.ended is not None
    assert record.ended.code == code
    assert record.ended.message == (seen.reason or record.ended.message)
    assert step_for(record, observed=True).name == "reap"


def test_a_video_that_someone_deleted_at_the_provider_has_failed_with_nothing_to_reap() -> None:
    record = observed(recorded_as(VideoState.PROCESSING), Observation(MediaState.GONE), NOW, POLICY)
    assert record.ended is not None
    assert (record.state, record.ended.code) == (VideoState.FAILED, "VANISHED")
    assert decide(looked(record), NOW, observed=True) == Done()


def test_a_reaped_video_still_says_why_it_failed() -> None:
    record = reaped(failed(recorded_as(VideoState.UPLOADING), ENDING, NOW))
    assert (record.state, record.ended, dict(record.parts), record.reference) == (VideoState.FAILED, ENDING, {}, None)


def test_a_deleted_video_is_gone_with_nothing_left() -> None:
    record = deleted(recorded_as(VideoState.DELETING, deadline_at=NOW), NOW)
    assert (record.state, dict(record.parts), record.reference) == (VideoState.GONE, {}, None)
    assert (record.deadline_at, record.history[-1]) == (None, Moment("gone", NOW))
