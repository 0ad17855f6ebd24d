"""What a video needs next: the table of `shared/videos/decide.py`, row by row, its borders in time, and what is
recorded after each look at the provider."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest

from emulator_tests.pure.deployment import LATE_COMMIT_S, POLICY
from shared.history import Moment
from shared.identity import SessionIdentity
from shared.ports import MediaState, Observation, Stage, UploadWish
from shared.reconcile import Decision, Done, Effect, Failure, Later, Look, Progress, Step, hold_back
from shared.videos.decide import decide, reference_of
from shared.videos.model import Ending, Playable, Video, VideoState, VideoWish, Wish, named, shown
from shared.videos.transitions import (
    FACTS_WAIT_S,
    discarded,
    failed,
    not_prepared,
    observed,
    prepared,
    processing,
    withdrawn,
)

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
SOON = NOW + timedelta(minutes=5)
UNHEARD = Failure("HTTP_503", "The provider is busy.", True, "observe", "", 3, NOW, SOON)
UNCHECKED = Failure("HTTP_503", "The provider is busy.", True, "check", "", 3, NOW, SOON)
NOT_RENAMED = Failure("INVALID_NAME", "The provider does not like it.", False, "rename", "0", 1, NOW, None)
NOT_RENAMED_YET = Failure("HTTP_503", "The provider is busy.", True, "rename", "0", 1, NOW, SOON)

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
    "requested, too long ago": recorded_as(VideoState.REQUESTED, deadline_at=NOW, progress=Progress(failure=PASSING)),
    "without a place": recorded_as(VideoState.REQUESTED, order=None),
    "preparing": recorded_as(VideoState.PREPARING),
    "uploading": recorded_as(VideoState.UPLOADING),
    "uploading, past its deadline": recorded_as(VideoState.UPLOADING, deadline_at=NOW),
    "uploading, asked about too often": recorded_as(VideoState.UPLOADING, looks=POLICY.looks_max),
    "uploading, not heard of": recorded_as(VideoState.UPLOADING, progress=Progress(failure=UNHEARD)),
    "uploading, not heard of, past its deadline": recorded_as(
        VideoState.UPLOADING, deadline_at=NOW, progress=Progress(failure=UNHEARD)
    ),
    "processing": recorded_as(VideoState.PROCESSING),
    "processing, past its deadline": recorded_as(VideoState.PROCESSING, deadline_at=NOW),
    "processing, asked about too often, past its deadline": recorded_as(
        VideoState.PROCESSING, looks=POLICY.looks_max, deadline_at=NOW
    ),
    "processing, not heard of": recorded_as(VideoState.PROCESSING, progress=Progress(failure=UNHEARD)),
    "processing, not heard of, past its deadline": recorded_as(
        VideoState.PROCESSING, deadline_at=NOW, progress=Progress(failure=UNHEARD)
    ),
    "processing, called ready and not all of it told": recorded_as(VideoState.PROCESSING, unknown_since=NOW),
    "retrying": recorded_as(VideoState.RETRYING),
    "retrying, past its deadline": recorded_as(VideoState.RETRYING, deadline_at=NOW),
    "retrying, not heard of, past its deadline": recorded_as(
        VideoState.RETRYING, deadline_at=NOW, progress=Progress(failure=UNCHECKED)
    ),
    "ready": recorded_as(VideoState.READY),
    "ready, to be renamed": recorded_as(VideoState.READY, rename_at=NOW),
    "ready, to be renamed later": recorded_as(VideoState.READY, rename_at=DEADLINE_AT),
    "ready, renaming failed": recorded_as(VideoState.READY, rename_at=NOW, progress=Progress(failure=NOT_RENAMED_YET)),
    "ready, renaming refused for good": recorded_as(
        VideoState.READY, rename_at=NOW, progress=Progress(failure=NOT_RENAMED)
    ),
    "uploading, renaming refused for good": recorded_as(
        VideoState.UPLOADING, rename_at=NOW, progress=Progress(failure=NOT_RENAMED)
    ),
    "uploading, to be renamed": recorded_as(VideoState.UPLOADING, rename_at=NOW),
    "ready, asked about too often": recorded_as(VideoState.READY, looks=POLICY.looks_max),
    "failed": recorded_as(VideoState.FAILED),
    "failed, may be begun anew": recorded_as(VideoState.FAILED, ended=PASSING_ENDING),
    "failed, bytes kept": recorded_as(VideoState.FAILED, **KEPT),
    "failed, bytes kept, past its deadline": recorded_as(VideoState.FAILED, **{**KEPT, "deadline_at": NOW}),
    "failed, bytes kept, refused to try again": recorded_as(
        VideoState.FAILED, **KEPT, progress=Progress(failure=NOT_ANEW)
    ),
    "gone": recorded_as(VideoState.GONE),
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
PLACE = "place: write, requested"


def look(state: str) -> str:
    return f"observe: observe, {state}, insists, informs"


def renamed(state: str) -> str:
    return f"rename: change, {state}"


TABLE: dict[str, tuple[str, str, str, str, str, str]] = {
    # wished: this upload; this upload, and the provider was just asked; no video; another upload;
    # this upload is cancelled; its failure is to be tried again
    "nothing": ("done",) * 6,
    "requested, too long ago": (EXPIRE, EXPIRE, CLOSE, BEGIN, WITHDRAW, EXPIRE),
    "without a place": (PLACE, PLACE, CLOSE, PLACE, PLACE, PLACE),
    "uploading, not heard of": ("later: 09:05", "later: 09:05", CLOSE, BEGIN, WITHDRAW, "later: 09:05"),
    "uploading, not heard of, past its deadline": (EXPIRE, EXPIRE, CLOSE, BEGIN, WITHDRAW, EXPIRE),
    "processing, not heard of": ("later: 09:05", "later: 09:05", CLOSE, BEGIN, WITHDRAW, "later: 09:05"),
    "processing, not heard of, past its deadline": (EXPIRE, EXPIRE, CLOSE, BEGIN, WITHDRAW, EXPIRE),
    "processing, called ready and not all of it told": (
        look("processing"),
        "later: 09:00",
        CLOSE,
        BEGIN,
        WITHDRAW,
        look("processing"),
    ),
    "retrying, past its deadline": (CHECK, CHECK, CLOSE, BEGIN, WITHDRAW, CHECK),
    "retrying, not heard of, past its deadline": (EXPIRE, EXPIRE, CLOSE, BEGIN, WITHDRAW, EXPIRE),
    "ready, to be renamed": (look("ready"), renamed("ready"), CLOSE, BEGIN, look("ready"), look("ready")),
    "ready, to be renamed later": (look("ready"), LATER, CLOSE, BEGIN, look("ready"), look("ready")),
    "ready, renaming failed": (look("ready"), "later: 09:05", CLOSE, BEGIN, look("ready"), look("ready")),
    # It is held back for good by the visit, which so keeps the failure.
    "ready, renaming refused for good": (look("ready"), renamed("ready"), CLOSE, BEGIN, look("ready"), look("ready")),
    "uploading, renaming refused for good": (look("uploading"), LATER, CLOSE, BEGIN, WITHDRAW, look("uploading")),
    "uploading, to be renamed": (look("uploading"), renamed("uploading"), CLOSE, BEGIN, WITHDRAW, look("uploading")),
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
    decision = decide(looked(record, **wished), NOW, POLICY, LATE_COMMIT_S, observed=seen)
    assert isinstance(decision, Step)
    return decision


def test_the_table_has_a_row_for_each_recorded_state() -> None:
    assert set(TABLE) == set(RECORDED)
    assert {record.state for record in RECORDED.values() if record is not None} == set(VideoState)


@pytest.mark.parametrize(("recorded", "wished"), [*product(RECORDED, WISHES)], ids=lambda part: part)
def test_the_next_step_is_the_one_of_the_table(recorded: str, wished: str) -> None:
    seen, wish = WISHES[wished]
    expected = TABLE[recorded][list(WISHES).index(wished)]
    assert spelled(decide(looked(RECORDED[recorded], **wish), NOW, POLICY, LATE_COMMIT_S, observed=seen)) == expected


@pytest.mark.parametrize("recorded", RECORDED)
def test_without_its_session_a_video_is_not_wanted_either(recorded: str) -> None:
    record = RECORDED[recorded]
    decision = decide(looked(record, has_session=False), NOW, POLICY, LATE_COMMIT_S, observed=False)
    assert spelled(decision) == TABLE[recorded][list(WISHES).index("no video")]


@pytest.mark.parametrize("recorded", ["uploading", "processing", "ready", "failed", "failed, bytes kept"])
def test_a_session_that_shows_something_else_of_a_video_is_put_right(recorded: str) -> None:
    record = RECORDED[recorded]
    seen = replace(looked(record), wish=replace(looked(record).wish, shown={"state": "requested"}))
    decision = decide(seen, NOW, POLICY, LATE_COMMIT_S, observed=True)
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
    assert (record.percent, record.received_bytes, record.looks) == (0, None, 0)
    assert record.deadline_at == NOW + timedelta(days=7)
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
    assert decide(look, NOW - INSTANT, POLICY, LATE_COMMIT_S, observed=True) == Later(NOW)
    expired = decide(look, NOW, POLICY, LATE_COMMIT_S, observed=True)
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
    late = decide(
        looked(recorded_as(VideoState.PROCESSING)),
        DEADLINE_AT + timedelta(days=9),
        POLICY,
        LATE_COMMIT_S,
        observed=False,
    )
    assert spelled(late) == look("processing")


def test_bytes_that_are_not_kept_any_longer_are_given_up_and_cannot_be_tried_again() -> None:
    record = discarded(recorded_as(VideoState.FAILED, **KEPT))
    assert named(record) == {}
    assert record.ended == replace(PASSING_ENDING, retryable=False)
    assert decide(looked(record, retry=1), NOW, POLICY, LATE_COMMIT_S, observed=False) == Done()


# --- what the provider tells -------------------------------------------------------------------------------------


def test_the_first_byte_that_is_processed_begins_the_time_for_processing() -> None:
    seen = Observation(MediaState.PROCESSING, percent=30, stage=Stage.CONVERTING)
    begun = observed(recorded_as(VideoState.UPLOADING, received_bytes=500), seen, NOW, POLICY)
    assert (begun.state, begun.percent, begun.stage) == (VideoState.PROCESSING, 30, Stage.CONVERTING)
    assert begun.received_bytes == 500
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
    ready = Observation(MediaState.READY, duration_s=9.0, size_bytes=500, media_type="video/mp4")
    plays = observed(record, ready, NOW, POLICY)
    assert (plays.state, plays.ended, named(plays)) == (VideoState.READY, None, {"video:v1:2": PARTS})


READY = Observation(MediaState.READY, 100, duration_s=9.0, size_bytes=500, media_type="video/mp4")


@pytest.mark.parametrize(
    ("state", "seen", "code"),
    [
        pytest.param(
            VideoState.UPLOADING,
            Observation(MediaState.AWAITING_UPLOAD, 100, received_bytes=1600),
            "NOT_AS_DECLARED",
            id="A9 more has arrived than was declared",
        ),
        pytest.param(
            VideoState.UPLOADING,
            Observation(MediaState.AWAITING_UPLOAD, 100, received_bytes=1_000_001),
            "TOO_LARGE",
            id="A9 more has arrived than any file may have",
        ),
        pytest.param(
            VideoState.UPLOADING,
            Observation(MediaState.PROCESSING, 10, size_bytes=1600),
            "NOT_AS_DECLARED",
            id="A9 more is processed than was declared",
        ),
        pytest.param(
            VideoState.PROCESSING,
            Observation(MediaState.PROCESSING, 10, size_bytes=1600),
            "NOT_AS_DECLARED",
            id="A9 its size is told while it is processed",
        ),
        pytest.param(
            VideoState.UPLOADING, Observation(MediaState.REJECTED), "REJECTED_BY_MODERATOR", id="B2 rejected early"
        ),
        pytest.param(
            VideoState.PROCESSING, Observation(MediaState.REJECTED), "REJECTED_BY_MODERATOR", id="B2 rejected"
        ),
    ],
)
@pytest.mark.parametrize("playable", [None, PLAYABLE], ids=["nothing played", "something played"])
def test_what_must_not_go_on_fails_at_once_and_is_given_up_and_what_played_plays_on(
    state: VideoState, seen: Observation, code: str, playable: Playable | None
) -> None:
    record = observed(recorded_as(state, playable=playable), seen, NOW, POLICY)
    assert (record.state, record.failures, record.deadline_at) == (VideoState.FAILED, 1, None)
    assert record.ended is not None
    assert (record.ended.code, record.ended.retryable) == (code, False)
    assert named(record) == ({} if playable is None else {playable.reference: playable.parts})


def test_of_what_was_declared_and_what_has_arrived_the_larger_counts_for_the_quota() -> None:
    """
    A9.
    """
    record = recorded_as(VideoState.UPLOADING)
    assert record.kept_bytes() == UPLOAD.size_bytes
    more = observed(record, Observation(MediaState.AWAITING_UPLOAD, 100, received_bytes=1400), NOW, POLICY)
    assert (more.state, more.kept_bytes()) == (VideoState.UPLOADING, 1400)
    begun = observed(more, Observation(MediaState.PROCESSING, 10), NOW, POLICY)
    assert begun.kept_bytes() == 1400
    kept = observed(begun, Observation(MediaState.ERROR, retryable=True), NOW, POLICY)
    assert (kept.state, kept.kept_bytes()) == (VideoState.FAILED, 1400)
    assert observed(begun, Observation(MediaState.ERROR), NOW, POLICY).kept_bytes() == 0


def test_a_look_that_does_not_tell_how_far_an_upload_has_come_leaves_that() -> None:
    """
    B20.
    """
    record = recorded_as(VideoState.UPLOADING, percent=40, stage=Stage.RECEIVING, received_bytes=200)
    again = observed(record, Observation(MediaState.AWAITING_UPLOAD), NOW, POLICY)
    assert again == replace(record, looks=1, looked_at=NOW)


@pytest.mark.parametrize("state", [VideoState.UPLOADING, VideoState.PROCESSING, VideoState.RETRYING])
@pytest.mark.parametrize("unknown", ["duration_s", "size_bytes", "media_type"])
def test_what_is_called_ready_and_not_told_whole_is_awaited_for_a_while_and_then_refused(
    state: VideoState, unknown: str
) -> None:
    """
    B16.
    """
    seen: Observation = replace(READY, **{unknown: None})  # type: ignore[arg-type]  # any of them may be unknown
    waiting = observed(recorded_as(state), seen, NOW, POLICY)
    assert (waiting.state, waiting.unknown_since, waiting.parts) == (VideoState.PROCESSING, NOW, PARTS)
    almost = NOW + timedelta(seconds=FACTS_WAIT_S) - INSTANT
    assert observed(waiting, seen, almost, POLICY).state is VideoState.PROCESSING
    told = observed(waiting, READY, almost, POLICY)
    assert (told.state, told.unknown_since) == (VideoState.READY, None)
    again = observed(waiting, Observation(MediaState.PROCESSING, 20), almost, POLICY)
    assert (again.state, again.unknown_since) == (VideoState.PROCESSING, None)

    refused = observed(waiting, seen, NOW + timedelta(seconds=FACTS_WAIT_S), POLICY)

    assert refused.state is VideoState.FAILED
    assert refused.ended is not None
    assert (refused.ended.code, named(refused)) == ("NOT_RECOGNIZED", {})


@pytest.mark.parametrize(
    "seen",
    [
        pytest.param(replace(READY, media_type="application/x-png-pipe", duration_s=0.0), id="B16 a PNG"),
        pytest.param(replace(READY, media_type="application/x-gif"), id="B16 a GIF"),
        pytest.param(Observation(MediaState.READY, 100, duration_s=0.0, is_video=False), id="B16 known as a picture"),
        pytest.param(Observation(MediaState.READY, 100), id="B16 of which nothing is known"),
    ],
)
def test_what_plays_is_not_replaced_by_what_is_no_film(seen: Observation) -> None:
    record = recorded_as(VideoState.PROCESSING, playable=PLAYABLE)
    for seconds in (0, FACTS_WAIT_S):
        record = observed(record, seen, NOW + timedelta(seconds=seconds), POLICY)
        assert record.playable == PLAYABLE
    assert record.state is VideoState.FAILED


# --- what its provider does late ---------------------------------------------------------------------------------


def expired(state: VideoState) -> Video:
    """
    The record of an upload whose deadline has passed while its provider could not be asked.
    """
    decision = decide(
        looked(recorded_as(state, deadline_at=NOW, progress=Progress(failure=UNHEARD))),
        NOW,
        POLICY,
        LATE_COMMIT_S,
        observed=False,
    )
    assert isinstance(decision, Step)
    assert decision.name == "expire"
    return decision.record


@pytest.mark.parametrize("state", [VideoState.UPLOADING, VideoState.PROCESSING])
def test_what_a_deadline_has_ended_unheard_is_kept_and_watched_for_a_while(state: VideoState) -> None:
    """
    B17.
    """
    record = expired(state)
    assert (record.parts, record.is_pending) == (PARTS, True)
    assert record.deadline_at == NOW + timedelta(seconds=POLICY.retry_keep_s)
    late = observed(record, READY, NOW + timedelta(hours=3), POLICY)
    assert (late.state, late.ended) == (VideoState.READY, None)
    given_up = discarded(record)
    assert (named(given_up), given_up.is_pending) == ({}, False)


def test_a_deadline_that_its_provider_was_asked_at_ends_an_upload_for_good() -> None:
    """
    B17.
    """
    record = step_for(recorded_as(VideoState.UPLOADING, deadline_at=NOW), seen=True).record
    assert (named(record), record.is_pending) == ({}, False)


def test_an_upload_that_ended_unheard_and_was_not_finished_is_given_up_once_that_is_known() -> None:
    """
    B17.
    """
    record = observed(expired(VideoState.UPLOADING), Observation(MediaState.AWAITING_UPLOAD, 60), NOW, POLICY)
    assert (record.state, named(record), record.is_pending) == (VideoState.FAILED, {}, False)


def test_an_upload_that_ended_unheard_and_was_finished_goes_on() -> None:
    """
    B17.
    """
    record = observed(expired(VideoState.UPLOADING), Observation(MediaState.PROCESSING, 60), NOW, POLICY)
    assert (record.state, record.ended) == (VideoState.PROCESSING, None)
    assert record.deadline_at == NOW + timedelta(seconds=POLICY.processing_deadline_s)


@pytest.mark.parametrize("state", [VideoState.UPLOADING, VideoState.PROCESSING])
@pytest.mark.parametrize(
    ("seen", "code", "is_kept"),
    [
        (Observation(MediaState.ERROR), "REFUSED_BY_PROVIDER", False),
        (Observation(MediaState.ERROR, retryable=True), "REFUSED_BY_PROVIDER", True),
        (Observation(MediaState.REJECTED), "REJECTED_BY_MODERATOR", False),
        (Observation(MediaState.GONE), "VANISHED", False),
    ],
    ids=["damaged", "may be tried again", "rejected", "gone"],
)
def test_what_ended_unheard_and_was_ended_by_its_provider_too_says_how(
    state: VideoState, seen: Observation, code: str, is_kept: bool
) -> None:
    """
    B17.
    """
    record = observed(expired(state), seen, NOW, POLICY)
    assert record.ended is not None
    assert (record.state, record.ended.code, record.is_pending) == (VideoState.FAILED, code, False)
    assert bool(named(record)) is is_kept


def test_what_its_provider_still_works_on_stays_failed_until_it_is_done() -> None:
    """
    B17.
    """
    record = expired(VideoState.PROCESSING)
    still = observed(record, Observation(MediaState.PROCESSING, 60), NOW, POLICY)
    assert still == replace(record, looks=1, looked_at=NOW)


@pytest.mark.parametrize("state", [VideoState.UPLOADING, VideoState.PROCESSING, VideoState.READY, VideoState.FAILED])
@pytest.mark.parametrize("failure", [None, UNHEARD], ids=["heard of", "not heard of"])
def test_what_is_told_already_is_recorded_at_once_whatever_failed_and_however_often_it_was_asked(
    state: VideoState, failure: Failure | None
) -> None:
    """
    B17, B20.
    """
    kept = KEPT if state is VideoState.FAILED else {}
    record = recorded_as(state, looks=POLICY.looks_max, progress=Progress(failure=failure), **kept)
    look = looked(record)
    told = replace(look, wish=replace(look.wish, told=True))
    decision = decide(told, NOW, POLICY, LATE_COMMIT_S, observed=False)
    assert isinstance(decision, Step)
    assert (decision.name, decision.at_hand) == ("observe", True)
    assert hold_back(decision, record, NOW) == decision


def test_what_the_provider_was_not_asked_for_alone_is_no_look() -> None:
    """
    B20: of those there is only so many.
    """
    record = observed(recorded_as(VideoState.UPLOADING, looks=3), READY, NOW, POLICY, asked=False)
    assert (record.looks, record.looked_at) == (3, NOW)


# --- its title and place -----------------------------------------------------------------------------------------

CORRECTED: dict[str, Any] = {"corrections": 1, "new_title": "Algebra II", "upload": replace(UPLOAD, title="Algebra II")}


@pytest.mark.parametrize("state", [*HAS_PARTS, VideoState.READY, VideoState.FAILED, VideoState.REQUESTED])
@pytest.mark.parametrize("playable", [None, PLAYABLE], ids=["nothing plays", "something plays"])
def test_a_corrected_title_is_that_of_what_plays_and_of_what_is_on_its_way(
    state: VideoState, playable: Playable | None
) -> None:
    """
    B10.
    """
    record = recorded_as(state, playable=playable)
    step = step_for(record, **CORRECTED)
    assert (step.name, step.effect) == ("correct", Effect.WRITE)
    assert step.record.upload.title == "Algebra II"
    assert step.record.playable == (None if playable is None else replace(playable, title="Algebra II"))
    assert step.record.rename_at == (NOW if named(record) else None)
    told = shown(step.record)
    assert told is not None
    assert told["title"] == "Algebra II"


@pytest.mark.parametrize("state", [VideoState.UPLOADING, VideoState.READY, VideoState.FAILED])
def test_another_place_is_written_down_and_nobody_else_is_asked(state: VideoState) -> None:
    """
    B10.
    """
    step = step_for(recorded_as(state), new_order=7)
    assert (step.name, step.record.order, step.record.rename_at) == ("correct", 7, None)
    assert step.record == replace(recorded_as(state), order=7)
    assert not isinstance(decide(looked(step.record, new_order=7), NOW, POLICY, LATE_COMMIT_S, observed=True), Step)


def test_a_replacement_keeps_the_title_that_it_was_asked_for_with() -> None:
    """
    B10: the correction came first.
    """
    upload = UploadWish("Geometry", "geometry.mp4", 900)
    record = recorded_as(VideoState.UPLOADING, upload=upload, playable=PLAYABLE, serving=2)
    step = step_for(record, corrections=1, new_title="Algebra II", upload=upload, number=2)
    assert step.record.upload.title == "Geometry"
    assert step.record.playable is not None
    assert step.record.playable.title == "Algebra II"


def test_a_renaming_whose_answer_is_lost_is_done_again_once_it_can_come_to_pass_no_more() -> None:
    """
    B10: also where the title was corrected once more meanwhile.
    """
    record = recorded_as(VideoState.READY, rename_at=NOW, corrections=1)
    wished = {"corrections": 1, "new_title": "Algebra"}
    step = step_for(record, seen=True, **wished)
    assert (step.name, step.undone) == ("rename", record)
    again_at = NOW + timedelta(seconds=LATE_COMMIT_S)
    assert step.record.rename_at == again_at
    corrected = step_for(step.record, seen=True, corrections=2, new_title="Algebra III").record
    assert corrected.rename_at == again_at
    look = looked(corrected, corrections=2, new_title="Algebra III")
    assert decide(look, again_at - INSTANT, POLICY, LATE_COMMIT_S, observed=True) == Later(again_at)
    later = decide(look, again_at, POLICY, LATE_COMMIT_S, observed=True)
    assert isinstance(later, Step)
    assert later.name == "rename"


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
