"""What a video needs next: the table of `shared/videos/decide.py`, row by row, its borders in time, and what is
recorded after each look at the provider."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest

from emulator_tests.pure.deployment import POLICY
from shared.history import Moment
from shared.identity import SessionIdentity
from shared.ports import MediaState, Observation, Stage, UploadWish
from shared.reconcile import Decision, Done, Effect, Failure, Later, Look, Progress, Step
from shared.videos.decide import (
    decide,
    discarded,
    failed,
    not_prepared,
    observed,
    prepared,
    processing,
    reference_of,
    withdrawn,
)
from shared.videos.model import Ending, Playable, Video, VideoState, VideoWish, Wish, named, shown

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
SESSION = SessionIdentity("s1", "teacher", NOW - timedelta(days=1))
CREATED_AT = NOW - timedelta(hours=1)
DEADLINE_AT = NOW + timedelta(hours=1)
INSTANT = timedelta(microseconds=1)

UPLOAD = UploadWish("Algebra", "algebra.mp4", 500)
PARTS = {"entryId": "0_video1", "uploadTokenId": "token1"}
OLD_PARTS = {"entryId": "0_video0", "uploadTokenId": "token0"}
ENDING = Ending("TOO_LONG", "The video is too long.")
PASSING_ENDING = Ending("REFUSED_BY_PROVIDER", "It could not be converted.", retryable=True)
PLAYABLE = Playable("video:v1:1", OLD_PARTS, "Algebra", 12.5, 499, "video/mp4", CREATED_AT)

FINAL = Failure("INVALID_TITLE", "The provider does not like it.", False, "prepare", "0", 1, NOW, None)
PASSING = Failure("HTTP_503", "The provider is busy.", True, "prepare", "0", 1, NOW, NOW + timedelta(seconds=2))
NOT_ANEW = Failure("NO_SOURCE", "Its source is gone.", False, "reprocess", "1", 1, NOW, None)

HAS_PARTS = (VideoState.UPLOADING, VideoState.PROCESSING, VideoState.RETRYING)
HAS_DEADLINE = (VideoState.UPLOADING, VideoState.PROCESSING)


def recorded_as(state: VideoState, **changes: object) -> Video:
    """
    A record in a state that has been reached before now.
    """
    is_tried = state in (VideoState.PREPARING, VideoState.RETRYING)
    record = Video(
        session=SESSION,
        provider="memory",
        created_at=CREATED_AT,
        order=1,
        upload=UPLOAD,
        asked_at=CREATED_AT,
        state=state,
        generation=0 if state is VideoState.REQUESTED else 2,
        reference="video:v1:2" if state in (*HAS_PARTS, VideoState.PREPARING) else None,
        tried_at=CREATED_AT if is_tried else None,
        parts=PARTS if state in HAS_PARTS else {},
        deadline_at=DEADLINE_AT if state in HAS_DEADLINE else None,
        ended=ENDING if state is VideoState.FAILED else None,
        failures=1 if state in (VideoState.FAILED, VideoState.RETRYING) else 0,
        playable=PLAYABLE if state is VideoState.READY else None,
        history=(Moment(state, CREATED_AT),),
    )
    return replace(record, **changes)  # type: ignore[arg-type]  # named by the rows below


KEPT = {"parts": PARTS, "reference": "video:v1:2", "deadline_at": DEADLINE_AT, "ended": PASSING_ENDING}

RECORDED: dict[str, Video | None] = {
    "nothing": None,
    "requested": recorded_as(VideoState.REQUESTED),
    "requested, refused for good": recorded_as(VideoState.REQUESTED, progress=Progress(failure=FINAL)),
    "requested, refused for now": recorded_as(VideoState.REQUESTED, progress=Progress(failure=PASSING)),
    "requested anew after a refusal": recorded_as(VideoState.REQUESTED, failures=1, progress=Progress(failure=FINAL)),
    "preparing": recorded_as(VideoState.PREPARING),
    "uploading": recorded_as(VideoState.UPLOADING),
    "uploading, past its deadline": recorded_as(VideoState.UPLOADING, deadline_at=NOW),
    "uploading, asked about too often": recorded_as(VideoState.UPLOADING, looks=POLICY.looks_max),
    "processing": recorded_as(VideoState.PROCESSING),
    "processing, past its deadline": recorded_as(VideoState.PROCESSING, deadline_at=NOW),
    "processing, asked about too often, past its deadline": recorded_as(
        VideoState.PROCESSING, looks=POLICY.looks_max, deadline_at=NOW
    ),
    "retrying": recorded_as(VideoState.RETRYING),
    "ready": recorded_as(VideoState.READY),
    "ready, asked about too often": recorded_as(VideoState.READY, looks=POLICY.looks_max),
    "failed": recorded_as(VideoState.FAILED),
    "failed, may be begun anew": recorded_as(VideoState.FAILED, ended=PASSING_ENDING),
    "failed, bytes kept": recorded_as(VideoState.FAILED, **KEPT),
    "failed, bytes kept, past its deadline": recorded_as(VideoState.FAILED, **{**KEPT, "deadline_at": NOW}),
    "failed, bytes kept, refused to try again": recorded_as(
        VideoState.FAILED, **KEPT, progress=Progress(failure=NOT_ANEW)
    ),
    "gone": recorded_as(VideoState.GONE, expires_at=NOW),
    "gone, as an earlier release left it": recorded_as(VideoState.GONE),
}

PREPARE = "prepare: change, preparing, informs"
FAIL = "fail: write, failed"
FIND = "find: change, preparing, insists"
EXPIRE = "expire: write, failed"
CLOSE = "close: write, gone"
BEGIN = "begin: write, requested"
WITHDRAW = "withdraw: write, gone"
REPROCESS = "reprocess: change, retrying"
RETRY = "retry: write, requested"
CHECK = "check: observe, retrying, insists, informs"
DISCARD = "discard: write, failed"
LATER = "later: 10:00"


def look(state: str) -> str:
    return f"observe: observe, {state}, insists, informs"


TABLE: dict[str, tuple[str, str, str, str, str, str]] = {
    # wished: this upload; this upload, and the provider was just asked; no video; another upload;
    # this upload is cancelled; its failure is to be tried again
    "nothing": ("done",) * 6,
    "requested": (PREPARE, PREPARE, CLOSE, BEGIN, WITHDRAW, PREPARE),
    "requested, refused for good": (FAIL, FAIL, CLOSE, BEGIN, WITHDRAW, FAIL),
    "requested, refused for now": (PREPARE, PREPARE, CLOSE, BEGIN, WITHDRAW, PREPARE),
    "requested anew after a refusal": (PREPARE, PREPARE, CLOSE, BEGIN, WITHDRAW, PREPARE),
    "preparing": (FIND,) * 6,
    "uploading": (look("uploading"), LATER, CLOSE, BEGIN, WITHDRAW, look("uploading")),
    "uploading, past its deadline": (look("uploading"), EXPIRE, CLOSE, BEGIN, WITHDRAW, look("uploading")),
    "uploading, asked about too often": (LATER, LATER, CLOSE, BEGIN, WITHDRAW, LATER),
    "processing": (look("processing"), LATER, CLOSE, BEGIN, WITHDRAW, look("processing")),
    "processing, past its deadline": (look("processing"), EXPIRE, CLOSE, BEGIN, WITHDRAW, look("processing")),
    "processing, asked about too often, past its deadline": (
        look("processing"),
        EXPIRE,
        CLOSE,
        BEGIN,
        WITHDRAW,
        look("processing"),
    ),
    "retrying": (CHECK, CHECK, CLOSE, BEGIN, WITHDRAW, CHECK),
    "ready": (look("ready"), "done", CLOSE, BEGIN, look("ready"), look("ready")),
    "ready, asked about too often": ("done", "done", CLOSE, BEGIN, "done", "done"),
    "failed": ("done", "done", CLOSE, BEGIN, WITHDRAW, "done"),
    "failed, may be begun anew": ("done", "done", CLOSE, BEGIN, WITHDRAW, RETRY),
    "failed, bytes kept": (look("failed"), LATER, CLOSE, BEGIN, WITHDRAW, REPROCESS),
    "failed, bytes kept, past its deadline": (DISCARD, DISCARD, CLOSE, BEGIN, WITHDRAW, DISCARD),
    "failed, bytes kept, refused to try again": (look("failed"), LATER, CLOSE, BEGIN, WITHDRAW, look("failed")),
    "gone": ("done",) * 6,
    "gone, as an earlier release left it": ("scrub: write, gone",) * 6,
}

WISHES: dict[str, tuple[bool, dict[str, Any]]] = {
    "this upload": (False, {}),
    "this upload, just asked": (True, {}),
    "no video": (False, {"deleted": True}),
    "another upload": (False, {"number": 2}),
    "cancelled": (False, {"cancelled": 1}),
    "tried again": (False, {"retry": 1}),
}


def looked(record: Video | None, *, has_session: bool = True, **wished: Any) -> Look[VideoWish, Video]:
    """
    A look at a video that its session shows as it should.
    """
    told = None if record is None or not has_session else shown(record)
    wish = None if record is None else replace(Wish(UPLOAD, CREATED_AT), **wished)
    return Look("v1", VideoWish(wish, has_session, told), record, None if record is None else 1)


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


def step_for(record: Video, *, seen: bool = False, **wished: Any) -> Step[Video]:
    decision = decide(looked(record, **wished), NOW, POLICY, observed=seen)
    assert isinstance(decision, Step)
    return decision


def test_the_table_has_a_row_for_each_recorded_state() -> None:
    assert set(TABLE) == set(RECORDED)
    assert {record.state for record in RECORDED.values() if record is not None} == set(VideoState)


@pytest.mark.parametrize(("recorded", "wished"), [*product(RECORDED, WISHES)], ids=lambda part: part)
def test_the_next_step_is_the_one_of_the_table(recorded: str, wished: str) -> None:
    seen, wish = WISHES[wished]
    expected = TABLE[recorded][list(WISHES).index(wished)]
    assert spelled(decide(looked(RECORDED[recorded], **wish), NOW, POLICY, observed=seen)) == expected


@pytest.mark.parametrize("recorded", RECORDED)
def test_without_its_session_a_video_is_not_wanted_either(recorded: str) -> None:
    record = RECORDED[recorded]
    decision = decide(looked(record, has_session=False), NOW, POLICY, observed=False)
    assert spelled(decision) == TABLE[recorded][list(WISHES).index("no video")]


@pytest.mark.parametrize("recorded", ["uploading", "processing", "ready", "failed", "failed, bytes kept"])
def test_a_session_that_shows_something_else_of_a_video_is_put_right(recorded: str) -> None:
    record = RECORDED[recorded]
    seen = replace(looked(record), wish=replace(looked(record).wish, shown={"state": "requested"}))
    decision = decide(seen, NOW, POLICY, observed=True)
    assert isinstance(decision, Step)
    assert (decision.name, decision.effect, decision.record) == ("show", Effect.WRITE, record)


# --- a new upload ------------------------------------------------------------------------------------------------


def test_preparing_records_a_new_generation_and_its_reference_before_the_provider_hears_of_it() -> None:
    step = step_for(recorded_as(VideoState.REQUESTED, generation=4))
    assert (step.record.generation, step.record.reference) == (5, reference_of("v1", 5))
    assert step.record.tried_at == NOW
    assert step.record.history[-1] == Moment("preparing", NOW)


def test_what_was_definitely_not_prepared_leaves_its_generation_used_up() -> None:
    undone = step_for(recorded_as(VideoState.REQUESTED)).undone
    assert (undone.state, undone.generation) == (VideoState.REQUESTED, 1)
    assert (undone.reference, undone.tried_at) == (None, None)


def test_a_preparation_that_was_refused_for_good_fails_with_the_provider_s_reason_and_may_be_retried() -> None:
    record = step_for(recorded_as(VideoState.REQUESTED, progress=Progress(failure=FINAL))).record
    assert record.ended == Ending("INVALID_TITLE", "The provider does not like it.", retryable=True)
    assert record.failures == 1
    again = step_for(record, retry=1).record
    assert (again.state, again.ended, again.failures) == (VideoState.REQUESTED, None, 1)
    assert step_for(again, retry=1).name == "prepare"


def test_another_upload_begins_from_nothing_and_gives_up_the_one_before() -> None:
    before = recorded_as(VideoState.UPLOADING, percent=60, received_bytes=300, looks=7, failures=2)
    upload = UploadWish("Geometry", "geometry.mp4", 900)
    record = step_for(before, number=2, upload=upload, asked_at=NOW).record
    assert (record.serving, record.upload, record.asked_at) == (2, upload, NOW)
    assert (record.percent, record.received_bytes, record.looks, record.deadline_at) == (0, None, 0, None)
    assert (record.generation, record.failures) == (2, 2), "what grows goes on growing"
    assert named(record) == {}


@pytest.mark.parametrize("state", [*HAS_PARTS, VideoState.READY, VideoState.FAILED, VideoState.REQUESTED])
def test_what_plays_goes_on_playing_while_another_upload_begins(state: VideoState) -> None:
    record = step_for(recorded_as(state, playable=PLAYABLE), number=2).record
    assert record.playable == PLAYABLE
    assert named(record) == {PLAYABLE.reference: OLD_PARTS}


@pytest.mark.parametrize("state", [*HAS_PARTS, VideoState.FAILED, VideoState.REQUESTED])
def test_where_something_plays_a_cancelled_upload_leaves_that(state: VideoState) -> None:
    record = step_for(recorded_as(state, playable=PLAYABLE), cancelled=1).record
    assert (record.state, record.percent, record.ended) == (VideoState.READY, 100, None)
    assert named(record) == {PLAYABLE.reference: OLD_PARTS}
    assert shown(record) == shown(recorded_as(VideoState.READY))


def test_a_video_that_nobody_wants_names_nothing() -> None:
    record = step_for(recorded_as(VideoState.PROCESSING, playable=PLAYABLE), deleted=True).record
    assert (record.state, named(record), record.deadline_at) == (VideoState.GONE, {}, None)
    assert record.history[-1] == Moment("gone", NOW)


def test_an_upload_has_seven_days_from_its_request() -> None:
    record = prepared(recorded_as(VideoState.PREPARING), PARTS, NOW, POLICY)
    assert (record.state, record.parts, record.tried_at) == (VideoState.UPLOADING, PARTS, None)
    assert record.deadline_at == CREATED_AT + timedelta(days=7)


def test_what_was_never_prepared_is_requested_again() -> None:
    record = not_prepared(recorded_as(VideoState.PREPARING), NOW)
    assert (record.state, record.reference, record.tried_at) == (VideoState.REQUESTED, None, None)


# --- its deadlines -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "code"),
    [(VideoState.UPLOADING, "UPLOAD_NOT_FINISHED"), (VideoState.PROCESSING, "PROCESSING_TOO_LONG")],
)
def test_a_deadline_ends_at_its_very_instant_and_says_what_was_too_slow(state: VideoState, code: str) -> None:
    look = looked(recorded_as(state, deadline_at=NOW))
    assert decide(look, NOW - INSTANT, POLICY, observed=True) == Later(NOW)
    expired = decide(look, NOW, POLICY, observed=True)
    assert isinstance(expired, Step)
    assert expired.record.ended is not None
    assert expired.record.ended.code == code


def test_an_upload_that_was_not_finished_leaves_nothing() -> None:
    record = step_for(recorded_as(VideoState.UPLOADING, deadline_at=NOW), seen=True).record
    assert (named(record), record.deadline_at) == ({}, None)


def test_a_video_that_was_processed_for_too_long_keeps_its_bytes_to_be_tried_again() -> None:
    record = step_for(recorded_as(VideoState.PROCESSING, deadline_at=NOW), seen=True).record
    assert record.parts == PARTS
    assert record.deadline_at == NOW + timedelta(seconds=POLICY.retry_keep_s)


def test_before_a_deadline_ends_anything_the_provider_is_asked_once_more() -> None:
    late = decide(looked(recorded_as(VideoState.PROCESSING)), DEADLINE_AT + timedelta(days=9), POLICY, observed=False)
    assert spelled(late) == look("processing")


def test_bytes_that_are_not_kept_any_longer_are_given_up_and_cannot_be_tried_again() -> None:
    record = discarded(recorded_as(VideoState.FAILED, **KEPT))
    assert named(record) == {}
    assert record.ended == replace(PASSING_ENDING, retryable=False)
    assert decide(looked(record, retry=1), NOW, POLICY, observed=False) == Done()


# --- what the provider tells -------------------------------------------------------------------------------------


def test_the_first_byte_that_is_processed_begins_the_time_for_processing() -> None:
    seen = Observation(MediaState.PROCESSING, percent=30, stage=Stage.CONVERTING)
    begun = observed(recorded_as(VideoState.UPLOADING, received_bytes=500), seen, NOW, POLICY)
    assert (begun.state, begun.percent, begun.stage) == (VideoState.PROCESSING, 30, Stage.CONVERTING)
    assert begun.received_bytes is None
    assert begun.deadline_at == NOW + timedelta(days=1)
    again = observed(begun, replace(seen, percent=60), NOW + timedelta(hours=3), POLICY)
    assert (again.percent, again.deadline_at) == (60, begun.deadline_at), "asking does not lengthen it"


def test_an_upload_gets_on_without_a_longer_deadline() -> None:
    seen = Observation(MediaState.AWAITING_UPLOAD, percent=45, stage=Stage.RECEIVING, received_bytes=225)
    record = observed(recorded_as(VideoState.UPLOADING), seen, NOW, POLICY)
    assert (record.state, record.percent, record.deadline_at) == (VideoState.UPLOADING, 45, DEADLINE_AT)
    assert (record.stage, record.received_bytes) == (Stage.RECEIVING, 225)


def test_a_look_that_does_not_tell_percent_leaves_it() -> None:
    record = recorded_as(VideoState.PROCESSING, percent=40)
    assert observed(record, Observation(MediaState.PROCESSING), NOW, POLICY).percent == 40


def test_looks_are_counted() -> None:
    record = recorded_as(VideoState.UPLOADING, looks=3)
    again = observed(record, Observation(MediaState.AWAITING_UPLOAD), NOW, POLICY)
    assert (again.looks, again.looked_at) == (4, NOW)


@pytest.mark.parametrize("state", HAS_PARTS)
@pytest.mark.parametrize("playable", [None, PLAYABLE], ids=["nothing played", "something played"])
def test_a_video_that_is_ready_plays_with_its_real_length_size_and_type(
    state: VideoState, playable: Playable | None
) -> None:
    seen = Observation(MediaState.READY, percent=100, duration_s=12.5, size_bytes=499, media_type="video/mp4")
    record = observed(recorded_as(state, playable=playable), seen, NOW, POLICY)
    assert (record.state, record.percent, record.deadline_at, record.ended) == (VideoState.READY, 100, None, None)
    assert record.playable == Playable("video:v1:2", PARTS, "Algebra", 12.5, 499, "video/mp4", NOW)
    assert named(record) == {"video:v1:2": PARTS}, "what played before is named no more in the same write"


@pytest.mark.parametrize(
    ("seen", "code"),
    [
        pytest.param(Observation(MediaState.READY, size_bytes=1_000_001), "TOO_LARGE", id="too large"),
        pytest.param(Observation(MediaState.READY, size_bytes=5000), "NOT_AS_DECLARED", id="another size"),
        pytest.param(Observation(MediaState.READY, size_bytes=500, duration_s=21_601), "TOO_LONG", id="too long"),
        pytest.param(Observation(MediaState.READY, media_type="text/html"), "TYPE_NOT_SUPPORTED", id="another type"),
        pytest.param(Observation(MediaState.READY, is_video=False), "NOT_A_VIDEO", id="no moving picture"),
        pytest.param(Observation(MediaState.ERROR, reason="Damaged."), "REFUSED_BY_PROVIDER", id="cannot be read"),
        pytest.param(Observation(MediaState.ERROR), "REFUSED_BY_PROVIDER", id="cannot be read, no reason"),
        pytest.param(Observation(MediaState.GONE), "VANISHED", id="deleted by somebody"),
    ],
)
@pytest.mark.parametrize("playable", [None, PLAYABLE], ids=["nothing played", "something played"])
def test_what_must_not_play_fails_and_is_given_up_and_what_played_plays_on(
    seen: Observation, code: str, playable: Playable | None
) -> None:
    record = observed(recorded_as(VideoState.PROCESSING, playable=playable), seen, NOW, POLICY)
    assert record.state is VideoState.FAILED
    assert record.ended is not None
    assert (record.ended.code, record.ended.retryable) == (code, False)
    assert record.ended.message == (seen.reason or record.ended.message)
    assert named(record) == ({} if playable is None else {playable.reference: playable.parts})
    assert (record.failures, record.deadline_at) == (1, None)


def test_what_may_be_processed_anew_keeps_its_bytes_for_so_long() -> None:
    seen = Observation(MediaState.ERROR, reason="The converter broke.", retryable=True)
    record = observed(recorded_as(VideoState.PROCESSING), seen, NOW, POLICY)
    assert record.ended == Ending("REFUSED_BY_PROVIDER", "The converter broke.", retryable=True)
    assert record.parts == PARTS
    assert record.deadline_at == NOW + timedelta(seconds=POLICY.retry_keep_s)


def test_what_failed_and_became_ready_after_all_plays() -> None:
    record = recorded_as(VideoState.FAILED, **KEPT)
    assert observed(record, Observation(MediaState.PROCESSING), NOW, POLICY).state is VideoState.FAILED
    plays = observed(record, Observation(MediaState.READY, size_bytes=500), NOW, POLICY)
    assert (plays.state, plays.ended, named(plays)) == (VideoState.READY, None, {"video:v1:2": PARTS})


# --- trying again ------------------------------------------------------------------------------------------------


def test_processing_anew_is_recorded_before_the_provider_hears_of_it() -> None:
    step = step_for(recorded_as(VideoState.FAILED, **KEPT), retry=1)
    assert (step.record.state, step.record.tried_at, step.record.parts) == (VideoState.RETRYING, NOW, PARTS)
    assert step.undone == recorded_as(VideoState.FAILED, **KEPT)


def test_what_is_processed_anew_has_its_time_again() -> None:
    record = processing(recorded_as(VideoState.RETRYING, ended=PASSING_ENDING, percent=80), NOW, POLICY)
    assert (record.state, record.ended, record.percent, record.tried_at) == (VideoState.PROCESSING, None, 0, None)
    assert record.deadline_at == NOW + timedelta(days=1)


def test_a_retry_that_was_lost_leaves_the_failure_as_it_was_and_is_tried_again() -> None:
    record = recorded_as(VideoState.RETRYING, ended=PASSING_ENDING, deadline_at=DEADLINE_AT)
    back = observed(record, Observation(MediaState.ERROR), NOW, POLICY)
    assert (back.state, back.ended, back.tried_at) == (VideoState.FAILED, PASSING_ENDING, None)
    assert step_for(back, retry=1).name == "reprocess"


def test_a_retry_whose_answer_was_lost_is_seen_by_what_the_provider_does() -> None:
    record = recorded_as(VideoState.RETRYING, ended=PASSING_ENDING)
    seen = observed(record, Observation(MediaState.PROCESSING, percent=10), NOW, POLICY)
    assert (seen.state, seen.ended, seen.percent) == (VideoState.PROCESSING, None, 10)


def test_only_the_failure_that_was_meant_is_tried_again() -> None:
    record = recorded_as(VideoState.FAILED, **KEPT, failures=2)
    assert step_for(record, retry=1).name == "observe"
    assert step_for(record, retry=2).name == "reprocess"


# --- what was ready ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seen", [MediaState.ERROR, MediaState.GONE])
def test_a_ready_video_that_plays_no_more_is_told_and_kept(seen: MediaState) -> None:
    record = observed(recorded_as(VideoState.READY), Observation(seen), NOW, POLICY)
    assert record.playable is not None
    assert record.playable.trouble is not None
    assert named(record) == {PLAYABLE.reference: OLD_PARTS}
    told = shown(record)
    assert told is not None
    assert (told["state"], told["failure"]["code"]) == ("failed", "PLAYS_NO_MORE")
    back = observed(record, Observation(MediaState.READY), NOW, POLICY)
    assert back.playable == PLAYABLE


@pytest.mark.parametrize("seen", [MediaState.AWAITING_UPLOAD, MediaState.PROCESSING])
def test_a_ready_video_that_its_provider_works_on_again_stays_ready(seen: MediaState) -> None:
    record = recorded_as(VideoState.READY)
    again = observed(record, Observation(seen, percent=3), NOW, POLICY)
    assert (again.state, again.playable, again.percent) == (record.state, record.playable, record.percent)


def test_withdrawing_what_never_played_ends_the_video() -> None:
    assert withdrawn(recorded_as(VideoState.UPLOADING), NOW).state is VideoState.GONE


def test_a_failure_counts_up_so_that_each_is_retried_by_its_own_wish() -> None:
    record = failed(recorded_as(VideoState.PROCESSING, failures=4), PASSING_ENDING, NOW, POLICY)
    assert record.failures == 5
