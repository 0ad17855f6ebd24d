"""What is recorded of a video after each look at its provider, in time, late or never."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from emulator_tests.pure.deployment import LATE_COMMIT_S, POLICY
from emulator_tests.pure.video_records import (
    DEADLINE_AT,
    HAS_PARTS,
    INSTANT,
    KEPT,
    NOW,
    OLD_PARTS,
    PARTS,
    PASSING_ENDING,
    PLAYABLE,
    READY,
    UNHEARD,
    UPLOAD,
    looked,
    recorded_as,
    step_for,
)
from shared.ports import MediaState, Observation, Stage
from shared.reconcile import Failure, Progress, Step, apply_backoff
from shared.videos.decide import decide
from shared.videos.model import Ending, Playable, Video, VideoState, named
from shared.videos.transitions import (
    FACTS_WAIT_S,
    discarded,
    failed,
    observed,
    withdrawn,
)
from shared.videos.view import shown

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
    assert named(record) == ({} if playable is None else {playable.reference: playable.external_ids})
    assert (record.failures, record.deadline_at) == (1, None)


def test_what_may_be_processed_anew_keeps_its_bytes_for_so_long() -> None:
    seen = Observation(MediaState.ERROR, reason="The converter broke.", retryable=True)
    record = observed(recorded_as(VideoState.PROCESSING), seen, NOW, POLICY)
    assert record.ended == Ending("REFUSED_BY_PROVIDER", "The converter broke.", retryable=True)
    assert record.external_ids == PARTS
    assert record.deadline_at == NOW + timedelta(seconds=POLICY.retry_keep_s)


def test_what_failed_and_became_ready_after_all_plays() -> None:
    record = recorded_as(VideoState.FAILED, **KEPT)
    assert observed(record, Observation(MediaState.PROCESSING), NOW, POLICY).state is VideoState.FAILED
    ready = Observation(MediaState.READY, duration_s=9.0, size_bytes=500, media_type="video/mp4")
    plays = observed(record, ready, NOW, POLICY)
    assert (plays.state, plays.ended, named(plays)) == (VideoState.READY, None, {"video:v1:2": PARTS})


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
    assert named(record) == ({} if playable is None else {playable.reference: playable.external_ids})


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
    assert (waiting.state, waiting.unknown_since, waiting.external_ids) == (VideoState.PROCESSING, NOW, PARTS)
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
    assert (record.external_ids, record.is_pending) == (PARTS, True)
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
    told = replace(look, spec=replace(look.spec, told=True))
    decision = decide(told, NOW, POLICY, LATE_COMMIT_S, observed=False)
    assert isinstance(decision, Step)
    assert (decision.name, decision.at_hand) == ("observe", True)
    assert apply_backoff(decision, record, NOW) == decision


def test_what_the_provider_was_not_asked_for_alone_is_no_look() -> None:
    """
    B20: of those there is only so many.
    """
    record = observed(recorded_as(VideoState.UPLOADING, looks=3), READY, NOW, POLICY, asked=False)
    assert (record.looks, record.looked_at) == (3, NOW)


# --- what was ready ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seen", "code"),
    [
        pytest.param(MediaState.ERROR, "PLAYS_NO_MORE", id="an error"),
        pytest.param(MediaState.GONE, "PLAYS_NO_MORE", id="gone"),
        pytest.param(MediaState.REJECTED, "REJECTED_BY_MODERATOR", id="B2 rejected"),
    ],
)
def test_a_ready_video_that_plays_no_more_is_told_and_kept(seen: MediaState, code: str) -> None:
    record = observed(recorded_as(VideoState.READY), Observation(seen), NOW, POLICY)
    assert record.playable is not None
    assert record.playable.trouble is not None
    assert named(record) == {PLAYABLE.reference: OLD_PARTS}
    told = shown(record)
    assert told is not None
    assert (told["state"], told["failure"]["code"]) == ("failed", code)
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
