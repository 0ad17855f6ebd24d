"""What is recorded of a video after each look at its provider, in time, late or never."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

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
from shared.core.history import Moment
from shared.core.identity import TOMBSTONE_S, SessionIdentity
from shared.ports import MediaState, Observation, Stage, UploadSpec
from shared.reconcile import Failure, Progress, Step, apply_backoff
from shared.videos.decide import decide
from shared.videos.model import PROCESSING_TOO_LONG, UPLOAD_NOT_FINISHED, Ending, Playable, Video, VideoState, named
from shared.videos.spec import Spec
from shared.videos.transitions import (
    FACTS_WAIT_S,
    PLAYS_NO_MORE,
    REJECTED_BY_MODERATOR,
    VANISHED,
    again,
    begun,
    closed,
    corrected,
    discarded,
    failed,
    is_news,
    not_prepared,
    observed,
    prepared,
    processing,
    ready,
    requested,
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


def test_observation_without_percentage_keeps_it() -> None:
    record = recorded_as(VideoState.PROCESSING, percent=40)
    assert observed(record, Observation(MediaState.PROCESSING), NOW, POLICY).percent == 40


def test_observations_are_counted() -> None:
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
def test_invalid_content_fails_and_the_old_content_plays(
    seen: Observation, code: str, playable: Playable | None
) -> None:
    record = observed(recorded_as(VideoState.PROCESSING, playable=playable), seen, NOW, POLICY)
    assert record.state is VideoState.FAILED
    assert record.ended is not None
    assert (record.ended.code, record.ended.retryable) == (code, False)
    assert record.ended.message == (seen.reason or record.ended.message)
    assert named(record) == ({} if playable is None else {playable.reference: playable.external_ids})
    assert (record.failures, record.deadline_at) == (1, None)


def test_retryable_failure_keeps_its_bytes_for_a_time() -> None:
    seen = Observation(MediaState.ERROR, reason="The converter broke.", retryable=True)
    record = observed(recorded_as(VideoState.PROCESSING), seen, NOW, POLICY)
    assert record.ended == Ending("REFUSED_BY_PROVIDER", "The converter broke.", retryable=True)
    assert record.external_ids == PARTS
    assert record.deadline_at == NOW + timedelta(seconds=POLICY.retry_keep_s)


def test_video_that_becomes_ready_after_failure_plays() -> None:
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
def test_oversized_upload_fails_at_once_and_the_old_content_plays(
    state: VideoState, seen: Observation, code: str, playable: Playable | None
) -> None:
    record = observed(recorded_as(state, playable=playable), seen, NOW, POLICY)
    assert (record.state, record.failures, record.deadline_at) == (VideoState.FAILED, 1, None)
    assert record.ended is not None
    assert (record.ended.code, record.ended.retryable) == (code, False)
    assert named(record) == ({} if playable is None else {playable.reference: playable.external_ids})


def test_quota_counts_the_larger_of_declared_and_received_size() -> None:
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


def test_observation_without_progress_keeps_it() -> None:
    """
    B20.
    """
    record = recorded_as(VideoState.UPLOADING, percent=40, stage=Stage.RECEIVING, received_bytes=200)
    again = observed(record, Observation(MediaState.AWAITING_UPLOAD), NOW, POLICY)
    assert again == replace(record, looks=1, looked_at=NOW)


@pytest.mark.parametrize("state", [VideoState.UPLOADING, VideoState.PROCESSING, VideoState.RETRYING])
@pytest.mark.parametrize("unknown", ["duration_s", "size_bytes", "media_type"])
def test_incomplete_ready_report_is_awaited_then_refused(state: VideoState, unknown: str) -> None:
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
def test_invalid_replacement_does_not_replace_what_plays(seen: Observation) -> None:
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
def test_upload_ended_during_an_outage_is_observed_for_a_while(state: VideoState) -> None:
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
def test_upload_ended_during_an_outage_shows_the_providers_reason(
    state: VideoState, seen: Observation, code: str, is_kept: bool
) -> None:
    """
    B17.
    """
    record = observed(expired(state), seen, NOW, POLICY)
    assert record.ended is not None
    assert (record.state, record.ended.code, record.is_pending) == (VideoState.FAILED, code, False)
    assert bool(named(record)) is is_kept


def test_failed_video_stays_failed_until_its_provider_is_done() -> None:
    """
    B17.
    """
    record = expired(VideoState.PROCESSING)
    still = observed(record, Observation(MediaState.PROCESSING, 60), NOW, POLICY)
    assert still == replace(record, looks=1, looked_at=NOW)


@pytest.mark.parametrize("state", [VideoState.UPLOADING, VideoState.PROCESSING, VideoState.READY, VideoState.FAILED])
@pytest.mark.parametrize("failure", [None, UNHEARD], ids=["heard of", "not heard of"])
def test_known_observation_is_recorded_regardless_of_failures_and_budget(
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


def test_batched_observation_does_not_count() -> None:
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
def test_unplayable_ready_video_is_reported_and_kept(seen: MediaState, code: str) -> None:
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


def test_each_failure_needs_its_own_retry_command() -> None:
    record = failed(recorded_as(VideoState.PROCESSING, failures=4), PASSING_ENDING, NOW, POLICY)
    assert record.failures == 5


# --- the whole record after each step ----------------------------------------------------------------------------

EARLIER = NOW - timedelta(minutes=20)
OLD_SESSION = SessionIdentity("s1", "teacher", EARLIER)
FULL = Video(
    session=OLD_SESSION,
    provider="memory",
    created_at=EARLIER,
    order=4,
    upload=UPLOAD,
    asked_at=EARLIER,
    serving=3,
    state=VideoState.UPLOADING,
    generation=5,
    reference="video:v1:5",
    tried_at=EARLIER,
    external_ids=PARTS,
    percent=40,
    stage=Stage.RECEIVING,
    received_bytes=200,
    looks=6,
    looked_at=EARLIER,
    deadline_at=DEADLINE_AT,
    unknown_since=EARLIER,
    ended=PASSING_ENDING,
    failures=2,
    corrections=1,
    rename_at=EARLIER,
    playable=PLAYABLE,
    expires_at=EARLIER,
    history=(Moment("preparing", EARLIER), Moment("uploading", EARLIER)),
)
"""A record with something in every field."""

RECORDING = replace(UPLOAD, recording={"entryId": "0_recording"})
CHANGED_SPEC = Spec(
    replace(UPLOAD, title="Algebra II"),
    NOW - timedelta(hours=5),
    4,
    corrections=2,
    new_title="Algebra III",
    new_order=9,
)


def moved(record: Video, state: VideoState, **changes: Any) -> Video:
    """
    The record in another state since now.
    """
    return replace(record, state=state, history=(*record.history, Moment(state, NOW)), **changes)


NOTHING_YET: dict[str, Any] = {
    "tried_at": None,
    "percent": 0,
    "stage": None,
    "received_bytes": None,
    "looks": 0,
    "looked_at": None,
    "unknown_since": None,
    "ended": None,
}
NO_OBJECT: dict[str, Any] = {"external_ids": {}, "reference": None}
UPLOAD_TIME = timedelta(seconds=POLICY.upload_deadline_s)
PROCESSING_TIME = timedelta(seconds=POLICY.processing_deadline_s)
KEEP_TIME = timedelta(seconds=POLICY.retry_keep_s)


def test_another_upload_begins_with_the_time_of_its_request_and_without_an_object() -> None:
    assert begun(FULL, CHANGED_SPEC, NOW, POLICY) == moved(
        FULL,
        VideoState.REQUESTED,
        **NOTHING_YET,
        **NO_OBJECT,
        upload=CHANGED_SPEC.upload,
        asked_at=CHANGED_SPEC.asked_at,
        serving=4,
        deadline_at=CHANGED_SPEC.asked_at + UPLOAD_TIME,
    )


def test_an_upload_that_starts_again_has_its_full_time() -> None:
    assert again(FULL, NOW, POLICY) == moved(FULL, VideoState.REQUESTED, **NOTHING_YET, deadline_at=NOW + UPLOAD_TIME)


def test_a_requested_upload_has_no_deadline_unless_one_is_given() -> None:
    assert requested(FULL, NOW) == moved(FULL, VideoState.REQUESTED, **NOTHING_YET, deadline_at=None)
    assert requested(FULL, NOW, DEADLINE_AT).deadline_at == DEADLINE_AT


@pytest.mark.parametrize(
    ("before", "spec", "changes"),
    [
        pytest.param(
            FULL,
            CHANGED_SPEC,
            {
                "order": 9,
                "corrections": 2,
                "upload": replace(UPLOAD, title="Algebra II"),
                "playable": replace(PLAYABLE, title="Algebra III"),
            },
            id="title and place, still to be renamed",
        ),
        pytest.param(
            replace(FULL, rename_at=None),
            replace(CHANGED_SPEC, new_order=None),
            {
                "corrections": 2,
                "upload": replace(UPLOAD, title="Algebra II"),
                "playable": replace(PLAYABLE, title="Algebra III"),
                "rename_at": NOW,
            },
            id="title",
        ),
        pytest.param(
            replace(FULL, playable=None, **NO_OBJECT),
            CHANGED_SPEC,
            {
                "order": 9,
                "corrections": 2,
                "upload": replace(UPLOAD, title="Algebra II"),
                "rename_at": None,
            },
            id="title, nothing at the provider",
        ),
        pytest.param(FULL, replace(CHANGED_SPEC, corrections=1), {"order": 9}, id="place"),
        pytest.param(FULL, replace(CHANGED_SPEC, new_title=None), {"order": 9, "corrections": 2}, id="no title"),
    ],
)
def test_a_correction_changes_the_title_and_the_place_that_were_chosen(
    before: Video, spec: Spec, changes: dict[str, Any]
) -> None:
    assert corrected(before, spec, NOW) == replace(before, **changes)


@pytest.mark.parametrize(
    ("deadline_at", "expected"),
    [(DEADLINE_AT, DEADLINE_AT), (None, EARLIER + UPLOAD_TIME)],
    ids=["has a deadline", "an earlier release set none"],
)
def test_a_prepared_upload_waits_for_its_bytes(deadline_at: datetime | None, expected: datetime) -> None:
    before = replace(FULL, state=VideoState.PREPARING, deadline_at=deadline_at, history=FULL.history[:1])
    ids = {"entryId": "0_new"}
    assert prepared(before, ids, NOW, POLICY) == moved(
        before, VideoState.UPLOADING, external_ids=ids, tried_at=None, deadline_at=expected
    )


@pytest.mark.parametrize(
    ("upload", "reference"), [(UPLOAD, None), (RECORDING, "video:v1:5")], ids=["an upload", "a recording"]
)
def test_an_upload_that_was_not_prepared_is_requested_again_with_its_deadline(
    upload: UploadSpec, reference: str | None
) -> None:
    before = replace(FULL, upload=upload)
    assert not_prepared(before, NOW) == moved(before, VideoState.REQUESTED, **NOTHING_YET, reference=reference)


def test_processing_begins_with_its_full_time() -> None:
    assert processing(FULL, NOW, POLICY) == moved(
        FULL,
        VideoState.PROCESSING,
        tried_at=None,
        percent=0,
        stage=None,
        unknown_since=None,
        ended=None,
        deadline_at=NOW + PROCESSING_TIME,
    )


PLAYS = Playable("video:v1:5", PARTS, "Algebra", 9.0, 500, "video/mp4", NOW)
PLAYS_NOW: dict[str, Any] = {
    **NO_OBJECT,
    "playable": PLAYS,
    "percent": 100,
    "stage": None,
    "received_bytes": None,
    "deadline_at": None,
    "unknown_since": None,
    "ended": None,
}


def test_a_ready_upload_is_the_version_that_plays() -> None:
    assert ready(FULL, READY, NOW) == moved(FULL, VideoState.READY, **PLAYS_NOW)
    nameless = ready(replace(FULL, reference=None), READY, NOW)
    assert nameless.playable == replace(PLAYS, reference="")


FINAL_ENDING = replace(PASSING_ENDING, retryable=False)
FAILED_NOW: dict[str, Any] = {"failures": 3, "stage": None, "tried_at": None, "unknown_since": None}


@pytest.mark.parametrize(
    ("before", "why", "keeps", "is_kept"),
    [
        pytest.param(FULL, PASSING_ENDING, None, True, id="retryable"),
        pytest.param(FULL, FINAL_ENDING, None, False, id="final"),
        pytest.param(FULL, PASSING_ENDING, False, False, id="retryable, not to be kept"),
        pytest.param(FULL, FINAL_ENDING, True, True, id="final, to be kept"),
        pytest.param(replace(FULL, external_ids={}), PASSING_ENDING, None, False, id="retryable, nothing to keep"),
        pytest.param(replace(FULL, external_ids={}), PASSING_ENDING, True, False, id="nothing to keep"),
    ],
)
def test_a_failed_upload_keeps_its_bytes_if_a_retry_may_help(
    before: Video, why: Ending, keeps: bool | None, is_kept: bool
) -> None:
    rest: dict[str, Any] = {"deadline_at": NOW + KEEP_TIME} if is_kept else {**NO_OBJECT, "deadline_at": None}
    expected = moved(before, VideoState.FAILED, **FAILED_NOW, ended=why, **rest)
    assert failed(before, why, NOW, POLICY, keeps=keeps) == expected


def test_a_discarded_upload_has_no_object_and_is_not_retried() -> None:
    assert discarded(FULL) == replace(FULL, **NO_OBJECT, deadline_at=None, ended=FINAL_ENDING)
    assert discarded(replace(FULL, ended=None)).ended is None


def test_a_cancelled_upload_leaves_what_plays_and_no_trace_of_itself() -> None:
    assert withdrawn(FULL, NOW) == moved(
        FULL, VideoState.READY, **{**NOTHING_YET, "percent": 100}, **NO_OBJECT, deadline_at=None
    )


def test_a_closed_video_is_a_tombstone_with_ids_only() -> None:
    assert closed(FULL, NOW) == replace(
        FULL,
        state=VideoState.GONE,
        **NOTHING_YET,
        **NO_OBJECT,
        deadline_at=None,
        session=OLD_SESSION.nameless(),
        upload=UPLOAD.nameless(),
        playable=None,
        expires_at=NOW + timedelta(seconds=TOMBSTONE_S),
        history=(Moment("gone", NOW),),
    )


# --- the whole record after each observation ---------------------------------------------------------------------

IN_TIME = replace(FULL, ended=None, failures=0)
PROCESSED = replace(IN_TIME, state=VideoState.PROCESSING)
RETRIED = replace(FULL, state=VideoState.RETRYING)
LATE = replace(FULL, state=VideoState.FAILED, ended=UPLOAD_NOT_FINISHED)
LATE_PROCESSED = replace(LATE, ended=PROCESSING_TOO_LONG)
NOT_LATE = replace(LATE, ended=PASSING_ENDING)
PLAYED = replace(FULL, state=VideoState.READY, **NO_OBJECT)
BEGINS: dict[str, Any] = {"tried_at": None, "unknown_since": None, "ended": None, "deadline_at": NOW + PROCESSING_TIME}
WAITS = replace(READY, media_type=None)
UNKNOWN_NOW = replace(IN_TIME, unknown_since=None)
REFUSED_FILE = replace(READY, media_type="text/html")
TOO_LONG_AGO = NOW - timedelta(seconds=FACTS_WAIT_S)
REFUSAL_OF_TYPE = Ending(
    "TYPE_NOT_SUPPORTED", "The file that arrived is of the type text/html, which is not supported."
)
REFUSAL_OF_FACTS = Ending(
    "NOT_RECOGNIZED",
    "The video provider cannot tell the length, the size or the type of the file that arrived. "
    "Upload another copy of it.",
)
UNREADABLE = Ending("REFUSED_BY_PROVIDER", "The file could not be read.")


def fails(record: Video, why: Ending, **changes: Any) -> Video:
    """
    The record once it has failed for good.
    """
    rest: dict[str, Any] = {
        **FAILED_NOW,
        **NO_OBJECT,
        "deadline_at": None,
        "failures": record.failures + 1,
        "ended": why,
    }
    history = (*record.history, Moment("failed", NOW))
    return replace(record, state=VideoState.FAILED, history=history, **{**rest, **changes})


OBSERVED: dict[str, tuple[Video, Observation, Video]] = {
    "uploading, awaits bytes": (
        IN_TIME,
        Observation(MediaState.AWAITING_UPLOAD, 45, Stage.RECEIVING, received_bytes=225),
        replace(IN_TIME, percent=45, received_bytes=225, unknown_since=None),
    ),
    "uploading, awaits bytes, nothing reported": (
        IN_TIME,
        Observation(MediaState.AWAITING_UPLOAD),
        replace(IN_TIME, unknown_since=None),
    ),
    "uploading, awaits bytes, a percentage and no stage": (
        IN_TIME,
        Observation(MediaState.AWAITING_UPLOAD, 45),
        replace(IN_TIME, percent=45, stage=None, unknown_since=None),
    ),
    "uploading, awaits bytes, a stage and no percentage": (
        IN_TIME,
        Observation(MediaState.AWAITING_UPLOAD, None, Stage.CONVERTING),
        replace(IN_TIME, stage=Stage.CONVERTING, unknown_since=None),
    ),
    "uploading, its size is told": (
        IN_TIME,
        Observation(MediaState.AWAITING_UPLOAD, received_bytes=225, size_bytes=500),
        replace(IN_TIME, received_bytes=500, unknown_since=None),
    ),
    "uploading, more arrives than was declared": (
        IN_TIME,
        Observation(MediaState.AWAITING_UPLOAD, received_bytes=1600),
        fails(
            IN_TIME,
            Ending(
                "NOT_AS_DECLARED",
                "A file of 500 bytes was declared and 1600 bytes have arrived. "
                "Upload it again, and declare its real size.",
            ),
            received_bytes=1600,
        ),
    ),
    "uploading, processed": (
        IN_TIME,
        Observation(MediaState.PROCESSING, 30, Stage.CONVERTING),
        moved(IN_TIME, VideoState.PROCESSING, **BEGINS, percent=30, stage=Stage.CONVERTING),
    ),
    "uploading, processed, nothing reported": (
        IN_TIME,
        Observation(MediaState.PROCESSING),
        moved(IN_TIME, VideoState.PROCESSING, **BEGINS, percent=0, stage=None),
    ),
    "processing, gets on": (
        PROCESSED,
        Observation(MediaState.PROCESSING, 60, Stage.CONVERTING),
        replace(PROCESSED, percent=60, stage=Stage.CONVERTING, unknown_since=None),
    ),
    "processing, awaits bytes": (
        PROCESSED,
        Observation(MediaState.AWAITING_UPLOAD, 60),
        replace(PROCESSED, percent=60, stage=None, unknown_since=None),
    ),
    "uploading, ready": (IN_TIME, READY, moved(IN_TIME, VideoState.READY, **PLAYS_NOW)),
    "uploading, ready, refused": (IN_TIME, REFUSED_FILE, fails(IN_TIME, REFUSAL_OF_TYPE)),
    "uploading, ready, facts missing": (
        UNKNOWN_NOW,
        WAITS,
        moved(UNKNOWN_NOW, VideoState.PROCESSING, **{**BEGINS, "unknown_since": NOW}, percent=100, stage=None),
    ),
    "processing, ready, facts missing for a while": (
        replace(PROCESSED, unknown_since=TOO_LONG_AGO + INSTANT),
        WAITS,
        replace(PROCESSED, unknown_since=TOO_LONG_AGO + INSTANT, percent=100, stage=None),
    ),
    "processing, ready, facts missing too long": (
        replace(PROCESSED, unknown_since=TOO_LONG_AGO),
        WAITS,
        fails(PROCESSED, REFUSAL_OF_FACTS),
    ),
    "processing, ready, refused after a while": (
        replace(PROCESSED, unknown_since=TOO_LONG_AGO + INSTANT),
        REFUSED_FILE,
        fails(PROCESSED, REFUSAL_OF_TYPE),
    ),
    "uploading, an error": (IN_TIME, Observation(MediaState.ERROR), fails(IN_TIME, UNREADABLE)),
    "uploading, an error with a reason": (
        IN_TIME,
        Observation(MediaState.ERROR, reason="Damaged."),
        fails(IN_TIME, Ending("REFUSED_BY_PROVIDER", "Damaged.")),
    ),
    "uploading, an error that may pass": (
        IN_TIME,
        Observation(MediaState.ERROR, retryable=True),
        fails(
            IN_TIME,
            replace(UNREADABLE, retryable=True),
            external_ids=PARTS,
            reference="video:v1:5",
            deadline_at=NOW + KEEP_TIME,
        ),
    ),
    "uploading, rejected": (IN_TIME, Observation(MediaState.REJECTED), fails(IN_TIME, REJECTED_BY_MODERATOR)),
    "uploading, gone": (IN_TIME, Observation(MediaState.GONE), fails(IN_TIME, VANISHED)),
    "retrying, an error": (
        RETRIED,
        Observation(MediaState.ERROR),
        moved(RETRIED, VideoState.FAILED, tried_at=None, deadline_at=NOW + KEEP_TIME),
    ),
    "retrying, processed": (
        RETRIED,
        Observation(MediaState.PROCESSING, 10),
        moved(RETRIED, VideoState.PROCESSING, **BEGINS, percent=10, stage=None),
    ),
    "retrying, gone": (
        RETRIED,
        Observation(MediaState.GONE),
        fails(moved(RETRIED, VideoState.PROCESSING, **BEGINS, percent=0), VANISHED),
    ),
    "failed by a deadline, not finished": (
        LATE,
        Observation(MediaState.AWAITING_UPLOAD),
        replace(LATE, **NO_OBJECT, deadline_at=None),
    ),
    "failed by a deadline, processed": (
        LATE,
        Observation(MediaState.PROCESSING),
        moved(LATE, VideoState.PROCESSING, **BEGINS, percent=0, stage=None),
    ),
    "failed by a deadline, an error": (LATE, Observation(MediaState.ERROR), fails(LATE, UNREADABLE)),
    "failed by a deadline, ready": (LATE, READY, moved(LATE, VideoState.READY, **PLAYS_NOW)),
    "failed by a deadline, ready, facts missing": (LATE, WAITS, LATE),
    "failed by a deadline, ready, refused": (LATE, REFUSED_FILE, fails(LATE, REFUSAL_OF_TYPE)),
    "processed too long, awaits bytes": (LATE_PROCESSED, Observation(MediaState.AWAITING_UPLOAD), LATE_PROCESSED),
    "processed too long, processed": (LATE_PROCESSED, Observation(MediaState.PROCESSING), LATE_PROCESSED),
    "processed too long, gone": (LATE_PROCESSED, Observation(MediaState.GONE), fails(LATE_PROCESSED, VANISHED)),
    "failed, an error": (NOT_LATE, Observation(MediaState.ERROR), NOT_LATE),
    "failed, gone": (NOT_LATE, Observation(MediaState.GONE), NOT_LATE),
    "failed, ready": (NOT_LATE, READY, moved(NOT_LATE, VideoState.READY, **PLAYS_NOW)),
    "played, awaits bytes": (PLAYED, Observation(MediaState.AWAITING_UPLOAD, 3), PLAYED),
    "played, processed": (PLAYED, Observation(MediaState.PROCESSING, 3), PLAYED),
    "played, ready": (
        replace(PLAYED, playable=replace(PLAYABLE, trouble=PLAYS_NO_MORE)),
        READY,
        PLAYED,
    ),
    "played, an error": (
        PLAYED,
        Observation(MediaState.ERROR),
        replace(PLAYED, playable=replace(PLAYABLE, trouble=PLAYS_NO_MORE)),
    ),
    "played, rejected": (
        PLAYED,
        Observation(MediaState.REJECTED),
        replace(PLAYED, playable=replace(PLAYABLE, trouble=REJECTED_BY_MODERATOR)),
    ),
    "ready, and nothing plays": (
        replace(PLAYED, playable=None),
        Observation(MediaState.ERROR),
        replace(PLAYED, playable=None),
    ),
}
"""The record, the observation, and the record after it, apart from the count and time of observations."""


@pytest.mark.parametrize(("before", "seen", "after"), OBSERVED.values(), ids=OBSERVED)
def test_an_observation_is_recorded_whole(before: Video, seen: Observation, after: Video) -> None:
    assert observed(before, seen, NOW, POLICY) == replace(after, looks=before.looks + 1, looked_at=NOW)
    assert observed(before, seen, NOW, POLICY, asked=False) == replace(after, looked_at=NOW)


@pytest.mark.parametrize(("before", "seen", "after"), OBSERVED.values(), ids=OBSERVED)
def test_an_observation_is_news_if_it_changes_more_than_the_count(
    before: Video, seen: Observation, after: Video
) -> None:
    assert is_news(before, seen, NOW, POLICY) is (after != before)


def test_an_upload_of_which_nothing_has_arrived_is_within_every_limit() -> None:
    before = replace(IN_TIME, received_bytes=None)
    after = observed(before, Observation(MediaState.AWAITING_UPLOAD), NOW, replace(POLICY, max_bytes=0))
    assert after.state is VideoState.UPLOADING
