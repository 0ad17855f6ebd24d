"""What a video needs next: the table of `shared/videos/decide.py`, row by row, and its borders in time."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import product
from typing import Any

import pytest

from emulator_tests.pure.deployment import LATE_COMMIT_S, POLICY
from emulator_tests.pure.video_records import (
    CREATED_AT,
    DEADLINE_AT,
    FINAL,
    HAS_PARTS,
    INSTANT,
    KEPT,
    NOT_ANEW,
    NOT_RENAMED,
    NOT_RENAMED_YET,
    NOW,
    OLD_PARTS,
    PARTS,
    PASSING,
    PASSING_ENDING,
    PLAYABLE,
    SESSION,
    UNCHECKED,
    UNHEARD,
    UPLOAD,
    looked,
    recorded_as,
    step_for,
)
from shared.core.history import Moment
from shared.ports import Delete, MediaState, Observation, UploadSpec
from shared.reconcile import Decision, Done, Effect, Progress, RequeueAt, Snapshot, Step
from shared.reconcile.epoch import held_until
from shared.videos.decide import FACTS_PACE_S, MISSED_AFTER_S, PAUSE_MAX_S, decide, reference_of
from shared.videos.model import PROCESSING_TOO_LONG, UPLOAD_NOT_FINISHED, Ending, Playable, Video, VideoState, named
from shared.videos.spec import Spec, VideoSpec
from shared.videos.transitions import (
    again,
    begun,
    closed,
    discarded,
    failed,
    not_prepared,
    observed,
    prepared,
    processing,
    withdrawn,
)
from shared.videos.turns import Place
from shared.videos.view import shown

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
PLACE = "place: write, requested"


def look(state: str) -> str:
    return f"observe: observe, {state}, insists, informs"


def renamed(state: str) -> str:
    return f"rename: change, {state}"


def kept(state: str) -> str:
    return f"keep name: write, {state}"


# It is asked about once more where the poller should have missed something, long before its deadline.
SWEPT = f"later, swept: {CREATED_AT + timedelta(seconds=MISSED_AFTER_S):%H:%M}"

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
    "ready, renaming refused for good": (look("ready"), kept("ready"), CLOSE, BEGIN, look("ready"), look("ready")),
    "uploading, renaming refused for good": (
        look("uploading"),
        kept("uploading"),
        CLOSE,
        BEGIN,
        WITHDRAW,
        look("uploading"),
    ),
    "uploading, to be renamed": (look("uploading"), renamed("uploading"), CLOSE, BEGIN, WITHDRAW, look("uploading")),
    "requested": (PREPARE, PREPARE, CLOSE, BEGIN, WITHDRAW, PREPARE),
    "requested, refused for good": (FAIL, FAIL, CLOSE, BEGIN, WITHDRAW, FAIL),
    "requested, refused for now": (PREPARE, PREPARE, CLOSE, BEGIN, WITHDRAW, PREPARE),
    "requested anew after a refusal": (PREPARE, PREPARE, CLOSE, BEGIN, WITHDRAW, PREPARE),
    "preparing": (FIND,) * 6,
    "uploading": (look("uploading"), SWEPT, CLOSE, BEGIN, WITHDRAW, look("uploading")),
    "uploading, past its deadline": (look("uploading"), EXPIRE, CLOSE, BEGIN, WITHDRAW, look("uploading")),
    "uploading, asked about too often": (LATER, LATER, CLOSE, BEGIN, WITHDRAW, LATER),
    "processing": (look("processing"), SWEPT, CLOSE, BEGIN, WITHDRAW, look("processing")),
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
    "failed, bytes kept, past its deadline": (look("failed"), DISCARD, CLOSE, BEGIN, WITHDRAW, look("failed")),
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


def spelled(decision: Decision[Video]) -> str:
    match decision:
        case Done():
            return "done"
        case RequeueAt(at, is_swept):
            return f"later{', swept' * is_swept}: {at:%H:%M}"
        case Step():
            words = [f"{decision.name}: {decision.effect}", decision.record.state]
            words += ["insists"] * decision.retry_permanent + ["informs"] * decision.observes
            return ", ".join(words)


def next_step(snapshot: Snapshot[VideoSpec, Video], now: datetime = NOW, *, observed: bool = False) -> Decision[Video]:
    return decide(snapshot, now, POLICY, LATE_COMMIT_S, observed=observed)


def written(name: str, record: Video) -> Step[Video]:
    return Step(name, Effect.WRITE, record, record)


def observing(record: Video, *, told: bool = False) -> Step[Video]:
    return Step("observe", Effect.OBSERVE, record, record, retry_permanent=True, observes=True, at_hand=told)


def in_state(record: Video, state: VideoState, **changes: Any) -> Video:
    """
    The record in another state since now.
    """
    return replace(record, state=state, history=(*record.history, Moment(state, NOW)), **changes)


def renaming(record: Video) -> Step[Video]:
    claimed = replace(record, rename_at=NOW + timedelta(seconds=LATE_COMMIT_S))
    return Step("rename", Effect.CHANGE, claimed, record, spec=str(record.corrections))


def whole(name: str, snapshot: Snapshot[VideoSpec, Video], *, observed: bool) -> Step[Video]:
    """
    The step of this name, with everything that it says. The records are those of `transitions`.
    """
    record, spec = snapshot.record, snapshot.spec.spec
    assert record is not None
    assert spec is not None
    generation = record.generation + 1
    preparing = in_state(
        record,
        VideoState.PREPARING,
        tried_at=NOW,
        generation=generation,
        reference=f"video:v1:{generation}",
    )
    late = PROCESSING_TOO_LONG if record.state in (VideoState.PROCESSING, VideoState.RETRYING) else UPLOAD_NOT_FINISHED
    is_kept = None if record.state in (VideoState.REQUESTED, VideoState.RETRYING) else late.retryable or not observed
    refused = Ending(FINAL.code, FINAL.message, retryable=True)
    retrying = in_state(
        record,
        VideoState.RETRYING,
        tried_at=NOW,
        deadline_at=NOW + timedelta(seconds=POLICY.processing_deadline_s),
    )
    steps = {
        "prepare": Step(
            name,
            Effect.CHANGE,
            preparing,
            not_prepared(preparing, NOW),
            spec=str(record.failures),
            observes=True,
            pause_max_s=PAUSE_MAX_S,
        ),
        "fail": written(name, failed(record, refused, NOW, POLICY)),
        "find": Step(name, Effect.CHANGE, record, record, retry_permanent=True, pause_max_s=PAUSE_MAX_S),
        "expire": written(name, failed(record, late, NOW, POLICY, keeps=is_kept)),
        "close": written(name, closed(record, NOW)),
        "scrub": written(name, closed(record, NOW)),
        "begin": written(name, begun(record, spec, NOW, POLICY)),
        "withdraw": written(name, withdrawn(record, NOW)),
        "reprocess": Step(name, Effect.CHANGE, retrying, record, spec=str(record.failures)),
        "retry": written(name, again(record, NOW, POLICY)),
        "check": Step(name, Effect.OBSERVE, record, record, retry_permanent=True, observes=True),
        "discard": written(name, discarded(record)),
        "place": written(name, record),
        "observe": observing(record),
        "rename": renaming(record),
        "keep name": written(name, replace(record, rename_at=None)),
    }
    return steps[name]


UPLOADING, PROCESSING = recorded_as(VideoState.UPLOADING), recorded_as(VideoState.PROCESSING)
REQUESTED, IS_READY = recorded_as(VideoState.REQUESTED), recorded_as(VideoState.READY)
GONE = recorded_as(VideoState.GONE, expires_at=NOW)
KEPT_FAILED = recorded_as(VideoState.FAILED, **KEPT)
SUCCESSOR = replace(SESSION, owner_uid="another")
SHOWS: dict[str, Any] = {"shown": {"state": "requested"}}
WITH_RECORDING = recorded_as(VideoState.REQUESTED, upload=replace(UPLOAD, recording={"entryId": "0_r"}), reference="r")
SECOND = timedelta(seconds=1)


def unheard(at: datetime, step: str = "observe") -> Progress:
    return Progress(failure=replace(UNHEARD, step=step, retry_at=at))


def recording_prepared(record: Video) -> Step[Video]:
    claimed = in_state(record, VideoState.PREPARING, tried_at=NOW)
    return Step(
        "prepare", Effect.CHANGE, claimed, not_prepared(claimed, NOW), spec="0", observes=False, pause_max_s=PAUSE_MAX_S
    )


# Without a deadline, and seen so long ago that the next look is due by the sweep.
OPEN_ENDED = recorded_as(VideoState.PROCESSING, deadline_at=None)
ASKED_OFTEN = replace(OPEN_ENDED, looks=POLICY.looks_max)
MISSED = RequeueAt(CREATED_AT + timedelta(seconds=MISSED_AFTER_S), is_swept=True)

CASES: dict[str, tuple[Video, dict[str, Any], bool, Decision[Video]]] = {
    # the record; the rest of what is read; whether the provider was just asked; the decision
    "gone, and still shown": (GONE, SHOWS, False, written("show", GONE)),
    "another owner": (
        UPLOADING,
        {"identity": SUCCESSOR},
        False,
        written("identify", replace(UPLOADING, session=SUCCESSOR)),
    ),
    "the same owner": (UPLOADING, {"identity": SESSION}, False, observing(UPLOADING)),
    "another owner, gone": (GONE, {"identity": SUCCESSOR}, False, Done()),
    "held, requested": (REQUESTED, {"is_held": True, "shown": None}, False, written("close", closed(REQUESTED, NOW))),
    "held, requested, and something plays": (
        replace(REQUESTED, playable=PLAYABLE),
        {"is_held": True, "shown": None},
        False,
        Done(),
    ),
    "held, uploading": (UPLOADING, {"is_held": True, "shown": None}, False, Done()),
    "held, failed, nothing at the provider": (
        recorded_as(VideoState.FAILED),
        {"is_held": True, "shown": None},
        False,
        Done(),
    ),
    "held, and shown": (UPLOADING, {"is_held": True, **SHOWS}, False, written("show", UPLOADING)),
    "held, deleted": (UPLOADING, {"is_held": True, "deleted": True}, False, written("close", closed(UPLOADING, NOW))),
    "placed": (
        recorded_as(VideoState.REQUESTED, order=None),
        {"place": Place(7, Delete("turns/t"))},
        False,
        written("place", recorded_as(VideoState.REQUESTED, order=7)),
    ),
    "cancelled, ready": (IS_READY, {"cancelled": 1}, True, Done()),
    "another was cancelled": (UPLOADING, {"cancelled": 2}, False, observing(UPLOADING)),
    "another place": (UPLOADING, {"new_order": 7}, False, written("correct", replace(UPLOADING, order=7))),
    "the same place": (UPLOADING, {"new_order": 1}, False, observing(UPLOADING)),
    "requested, its deadline is now": (
        replace(REQUESTED, deadline_at=NOW),
        {},
        False,
        written("expire", failed(replace(REQUESTED, deadline_at=NOW), UPLOAD_NOT_FINISHED, NOW, POLICY)),
    ),
    "a recording": (WITH_RECORDING, {"upload": WITH_RECORDING.upload}, False, recording_prepared(WITH_RECORDING)),
    "retrying, told": (
        recorded_as(VideoState.RETRYING),
        {"told": True},
        False,
        Step(
            "check",
            Effect.OBSERVE,
            recorded_as(VideoState.RETRYING),
            recorded_as(VideoState.RETRYING),
            retry_permanent=True,
            observes=True,
            at_hand=True,
        ),
    ),
    "failed, bytes kept, told": (KEPT_FAILED, {"told": True}, False, observing(KEPT_FAILED, told=True)),
    "failed, bytes kept, told, just asked": (KEPT_FAILED, {"told": True}, True, RequeueAt(DEADLINE_AT)),
    "failed, bytes kept past their deadline, told": (
        replace(KEPT_FAILED, deadline_at=NOW),
        {"told": True},
        False,
        observing(replace(KEPT_FAILED, deadline_at=NOW), told=True),
    ),
    "failed, nothing kept, past a deadline": (
        recorded_as(VideoState.FAILED, deadline_at=NOW),
        {},
        True,
        RequeueAt(NOW),
    ),
    "failed for good, to be tried again": (recorded_as(VideoState.FAILED), {"retry": 1}, True, Done()),
    "failed, and nobody knows why, to be tried again": (
        recorded_as(VideoState.FAILED, ended=None),
        {"retry": 1},
        True,
        Done(),
    ),
    "failed, refused to try again another time": (
        replace(KEPT_FAILED, progress=Progress(failure=replace(NOT_ANEW, spec="0"))),
        {"retry": 1},
        False,
        whole(
            "reprocess",
            looked(replace(KEPT_FAILED, progress=Progress(failure=replace(NOT_ANEW, spec="0")))),
            observed=False,
        ),
    ),
    "failed, another step was refused": (
        replace(KEPT_FAILED, progress=Progress(failure=replace(NOT_ANEW, step="observe"))),
        {"retry": 1},
        False,
        whole(
            "reprocess",
            looked(replace(KEPT_FAILED, progress=Progress(failure=replace(NOT_ANEW, step="observe")))),
            observed=False,
        ),
    ),
    "failed, may be tried again soon": (
        replace(KEPT_FAILED, progress=Progress(failure=replace(NOT_ANEW, retryable=True))),
        {"retry": 1},
        False,
        whole(
            "reprocess",
            looked(replace(KEPT_FAILED, progress=Progress(failure=replace(NOT_ANEW, retryable=True)))),
            observed=False,
        ),
    ),
    "ready, asked nearly too often": (
        replace(IS_READY, looks=POLICY.looks_max - 1),
        {},
        False,
        observing(replace(IS_READY, looks=POLICY.looks_max - 1)),
    ),
    "ready, told": (
        replace(IS_READY, looks=POLICY.looks_max),
        {"told": True},
        False,
        observing(replace(IS_READY, looks=POLICY.looks_max), told=True),
    ),
    "failed, nothing kept": (recorded_as(VideoState.FAILED), {"told": True}, False, Done()),
    "uploading, told": (UPLOADING, {"told": True}, False, observing(UPLOADING, told=True)),
    "uploading, told, just asked": (UPLOADING, {"told": True}, True, MISSED),
    "processing, just asked, a minute to wait": (
        replace(PROCESSING, unknown_since=NOW),
        {},
        True,
        RequeueAt(NOW + timedelta(seconds=FACTS_PACE_S)),
    ),
    "processing, not heard of, to be asked now": (
        replace(PROCESSING, progress=unheard(NOW)),
        {},
        False,
        observing(replace(PROCESSING, progress=unheard(NOW))),
    ),
    "processing, not heard of, just asked": (
        replace(PROCESSING, progress=unheard(NOW + SECOND)),
        {},
        True,
        RequeueAt(NOW + SECOND),
    ),
    "processing, another step failed": (
        replace(PROCESSING, progress=unheard(NOW + SECOND, "find")),
        {},
        False,
        observing(replace(PROCESSING, progress=unheard(NOW + SECOND, "find"))),
    ),
    "processing, not heard of for good": (
        replace(PROCESSING, progress=Progress(failure=replace(UNHEARD, retry_at=None))),
        {},
        False,
        observing(replace(PROCESSING, progress=Progress(failure=replace(UNHEARD, retry_at=None)))),
    ),
    "processing, asked often, past its deadline, not asked": (
        replace(ASKED_OFTEN, deadline_at=NOW),
        {},
        False,
        observing(replace(ASKED_OFTEN, deadline_at=NOW)),
    ),
    "processing, asked nearly too often": (
        replace(PROCESSING, looks=POLICY.looks_max - 1),
        {},
        True,
        MISSED,
    ),
    "processing, no deadline": (OPEN_ENDED, {}, True, MISSED),
    "processing, no deadline, asked too often": (ASKED_OFTEN, {}, True, Done()),
    "processing, its deadline before the sweep": (
        replace(PROCESSING, asked_at=NOW, history=(), deadline_at=NOW + SECOND),
        {},
        True,
        RequeueAt(NOW + SECOND),
    ),
    "processing, its deadline with the sweep": (
        replace(PROCESSING, asked_at=NOW, history=(), deadline_at=NOW + timedelta(seconds=MISSED_AFTER_S)),
        {},
        True,
        RequeueAt(NOW + timedelta(seconds=MISSED_AFTER_S)),
    ),
    "processing, shown otherwise": (PROCESSING, SHOWS, True, written("show", PROCESSING)),
    "to be renamed, nothing at the provider": (
        recorded_as(VideoState.FAILED, rename_at=NOW),
        {},
        True,
        Done(),
    ),
    "to be renamed later, its deadline first": (
        replace(PROCESSING, looks=POLICY.looks_max, rename_at=DEADLINE_AT + SECOND),
        {},
        True,
        RequeueAt(DEADLINE_AT),
    ),
    "to be renamed before its deadline": (
        replace(PROCESSING, looks=POLICY.looks_max, rename_at=DEADLINE_AT - SECOND),
        {},
        True,
        RequeueAt(DEADLINE_AT - SECOND),
    ),
    "to be renamed later, the failure of another name": (
        replace(
            IS_READY,
            rename_at=NOW,
            corrections=1,
            progress=Progress(failure=NOT_RENAMED),
        ),
        {"corrections": 1},
        True,
        renaming(replace(IS_READY, rename_at=NOW, corrections=1, progress=Progress(failure=NOT_RENAMED))),
    ),
    "to be renamed, the failure is over": (
        replace(IS_READY, rename_at=NOW, progress=Progress(failure=replace(NOT_RENAMED_YET, retry_at=NOW - SECOND))),
        {},
        True,
        renaming(
            replace(IS_READY, rename_at=NOW, progress=Progress(failure=replace(NOT_RENAMED_YET, retry_at=NOW - SECOND)))
        ),
    ),
}


@pytest.mark.parametrize(("record", "read", "seen", "expected"), CASES.values(), ids=CASES)
def test_decide_returns_the_step_of_each_case(
    record: Video, read: dict[str, Any], seen: bool, expected: Decision[Video]
) -> None:
    of_spec = {name: value for name, value in read.items() if name in VideoSpec.__dataclass_fields__}
    snapshot = looked(record, **{name: value for name, value in read.items() if name not in of_spec})
    assert next_step(replace(snapshot, spec=replace(snapshot.spec, **of_spec)), observed=seen) == expected


@pytest.mark.parametrize("record", [None, UPLOADING], ids=["no record", "no request"])
def test_a_video_without_a_record_or_a_request_is_left_alone(record: Video | None) -> None:
    spec = None if record is not None else Spec(UPLOAD, CREATED_AT)
    assert next_step(Snapshot("v1", VideoSpec(spec, has_session=True), record, None)) == Done()


def test_a_refused_request_keeps_an_object_that_is_there() -> None:
    record = replace(REQUESTED, external_ids=PARTS, progress=Progress(failure=FINAL))
    why = Ending(FINAL.code, FINAL.message, retryable=True)
    assert next_step(looked(record)) == written("fail", failed(record, why, NOW, POLICY))


def test_a_video_is_observed_by_the_time_of_its_state_and_not_of_its_request() -> None:
    record = replace(OPEN_ENDED, asked_at=CREATED_AT - timedelta(hours=1))
    assert next_step(looked(record), observed=True) == MISSED


@pytest.mark.parametrize(
    ("looked_at", "is_recorded", "expected"),
    [
        pytest.param(None, True, CREATED_AT + timedelta(seconds=MISSED_AFTER_S), id="never seen"),
        pytest.param(
            CREATED_AT - SECOND, True, CREATED_AT + timedelta(seconds=MISSED_AFTER_S), id="last seen in another state"
        ),
        pytest.param(
            CREATED_AT + timedelta(seconds=MISSED_AFTER_S + 60),
            True,
            CREATED_AT + timedelta(seconds=2 * MISSED_AFTER_S + 120),
            id="a while later",
        ),
        pytest.param(None, False, CREATED_AT + timedelta(seconds=MISSED_AFTER_S), id="no history"),
    ],
)
def test_a_video_is_observed_in_case_the_poller_missed_it(
    looked_at: datetime | None, is_recorded: bool, expected: datetime
) -> None:
    record = replace(OPEN_ENDED, looked_at=looked_at, history=OPEN_ENDED.history if is_recorded else ())
    assert next_step(looked(record), observed=True) == RequeueAt(expected, is_swept=True)


@pytest.mark.parametrize("recorded", RECORDED)
def test_a_video_whose_session_is_missing_while_deletions_are_held_waits(recorded: str) -> None:
    """A3: an import may bring videos before their sessions."""
    seen = looked(RECORDED[recorded], has_session=False)
    decision = decide(
        replace(seen, spec=replace(seen.spec, is_waiting=True)), NOW, POLICY, LATE_COMMIT_S, observed=False
    )
    others = {
        "nothing": "done",
        "preparing": FIND,
        "gone": "done",
        "gone, as an earlier release left it": "scrub: write, gone",
    }
    assert spelled(decision) == others.get(recorded, f"later: {held_until(NOW):%H:%M}")


def test_a_video_that_its_teacher_deleted_goes_all_the_same() -> None:
    seen = looked(RECORDED["ready"], has_session=False, deleted=True)
    decision = decide(
        replace(seen, spec=replace(seen.spec, is_waiting=True)), NOW, POLICY, LATE_COMMIT_S, observed=False
    )
    assert spelled(decision) == CLOSE


def test_the_table_has_a_row_for_each_recorded_state() -> None:
    assert set(TABLE) == set(RECORDED)
    assert {record.state for record in RECORDED.values() if record is not None} == set(VideoState)


@pytest.mark.parametrize(("recorded", "wished"), [*product(RECORDED, WISHES)], ids=lambda part: part)
def test_the_next_step_is_the_one_of_the_table(recorded: str, wished: str) -> None:
    seen, spec = WISHES[wished]
    expected = TABLE[recorded][list(WISHES).index(wished)]
    snapshot = looked(RECORDED[recorded], **spec)
    decision = next_step(snapshot, observed=seen)
    assert spelled(decision) == expected
    if isinstance(decision, Step):
        assert decision == whole(decision.name, snapshot, observed=seen)


@pytest.mark.parametrize("recorded", RECORDED)
def test_without_its_session_a_video_is_not_wanted_either(recorded: str) -> None:
    record = RECORDED[recorded]
    decision = decide(looked(record, has_session=False), NOW, POLICY, LATE_COMMIT_S, observed=False)
    assert spelled(decision) == TABLE[recorded][list(WISHES).index("no video")]


@pytest.mark.parametrize("recorded", ["uploading", "processing", "ready", "failed", "failed, bytes kept"])
def test_a_session_that_shows_something_else_of_a_video_is_put_right(recorded: str) -> None:
    record = RECORDED[recorded]
    seen = replace(looked(record), spec=replace(looked(record).spec, shown={"state": "requested"}))
    decision = decide(seen, NOW, POLICY, LATE_COMMIT_S, observed=True)
    assert isinstance(decision, Step)
    assert (decision.name, decision.effect, decision.record) == ("show", Effect.WRITE, record)


# --- a new upload ------------------------------------------------------------------------------------------------


def test_preparing_records_a_new_generation_and_its_reference_before_the_provider_hears_of_it() -> None:
    step = step_for(recorded_as(VideoState.REQUESTED, generation=4))
    assert (step.record.generation, step.record.reference) == (5, reference_of("v1", 5))
    assert step.record.tried_at == NOW
    assert step.record.history[-1] == Moment("preparing", NOW)


def test_failed_preparation_uses_up_its_generation() -> None:
    rollback = step_for(recorded_as(VideoState.REQUESTED)).rollback
    assert (rollback.state, rollback.generation) == (VideoState.REQUESTED, 1)
    assert (rollback.reference, rollback.tried_at) == (None, None)


def test_a_preparation_that_was_refused_for_good_fails_with_the_provider_s_reason_and_may_be_retried() -> None:
    record = step_for(recorded_as(VideoState.REQUESTED, progress=Progress(failure=FINAL))).record
    assert record.ended == Ending("INVALID_TITLE", "The provider does not like it.", retryable=True)
    assert record.failures == 1
    again = step_for(record, retry=1).record
    assert (again.state, again.ended, again.failures) == (VideoState.REQUESTED, None, 1)
    assert step_for(again, retry=1).name == "prepare"


def test_new_upload_releases_the_one_before() -> None:
    before = recorded_as(VideoState.UPLOADING, percent=60, received_bytes=300, looks=7, failures=2)
    upload = UploadSpec("Geometry", "geometry.mp4", 900)
    record = step_for(before, number=2, upload=upload, asked_at=NOW).record
    assert (record.serving, record.upload, record.asked_at) == (2, upload, NOW)
    assert (record.percent, record.received_bytes, record.looks) == (0, None, 0)
    assert record.deadline_at == NOW + timedelta(days=7)
    assert (record.generation, record.failures) == (2, 2), "what grows goes on growing"
    assert named(record) == {}


@pytest.mark.parametrize("state", [*HAS_PARTS, VideoState.READY, VideoState.FAILED, VideoState.REQUESTED])
def test_old_content_plays_while_another_upload_begins(state: VideoState) -> None:
    record = step_for(recorded_as(state, playable=PLAYABLE), number=2).record
    assert record.playable == PLAYABLE
    assert named(record) == {PLAYABLE.reference: OLD_PARTS}


@pytest.mark.parametrize("state", [*HAS_PARTS, VideoState.FAILED, VideoState.REQUESTED])
def test_cancelled_upload_leaves_what_plays(state: VideoState) -> None:
    record = step_for(recorded_as(state, playable=PLAYABLE), cancelled=1).record
    assert (record.state, record.percent, record.ended) == (VideoState.READY, 100, None)
    assert named(record) == {PLAYABLE.reference: OLD_PARTS}
    assert shown(record) == shown(recorded_as(VideoState.READY))


def test_unwanted_video_names_no_object() -> None:
    record = step_for(recorded_as(VideoState.PROCESSING, playable=PLAYABLE), deleted=True).record
    assert (record.state, named(record), record.deadline_at) == (VideoState.GONE, {}, None)
    assert record.history[-1] == Moment("gone", NOW)


def test_an_upload_has_seven_days_from_its_request() -> None:
    record = prepared(recorded_as(VideoState.PREPARING), PARTS, NOW, POLICY)
    assert (record.state, record.external_ids, record.tried_at) == (VideoState.UPLOADING, PARTS, None)
    assert record.deadline_at == CREATED_AT + timedelta(days=7)


def test_upload_that_was_never_prepared_is_requested_again() -> None:
    record = not_prepared(recorded_as(VideoState.PREPARING), NOW)
    assert (record.state, record.reference, record.tried_at) == (VideoState.REQUESTED, None, None)


# --- its deadlines -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "code"),
    [(VideoState.UPLOADING, "UPLOAD_NOT_FINISHED"), (VideoState.PROCESSING, "PROCESSING_TOO_LONG")],
)
def test_a_deadline_ends_at_its_very_instant_and_says_what_was_too_slow(state: VideoState, code: str) -> None:
    look = looked(recorded_as(state, deadline_at=NOW))
    look = replace(look, record=replace(recorded_as(state, deadline_at=NOW), looked_at=NOW - INSTANT))
    assert decide(look, NOW - INSTANT, POLICY, LATE_COMMIT_S, observed=True) == RequeueAt(NOW)
    expired = decide(look, NOW, POLICY, LATE_COMMIT_S, observed=True)
    assert isinstance(expired, Step)
    assert expired.record.ended is not None
    assert expired.record.ended.code == code


@pytest.mark.parametrize(
    ("seen_after_s", "asked_after_s"),
    [
        pytest.param(0, MISSED_AFTER_S, id="at first"),
        pytest.param(600, 1200, id="the pauses grow"),
        pytest.param(3600, 7200, id="with the time that it lasts"),
        pytest.param(20 * 3600, 26 * 3600, id="to six hours"),
    ],
)
def test_observations_become_rarer_with_time(seen_after_s: int, asked_after_s: int) -> None:
    """
    C4: by the sweep, for many at once.
    """
    seen_at = CREATED_AT + timedelta(seconds=seen_after_s)
    far = CREATED_AT + timedelta(days=9)
    record = recorded_as(VideoState.PROCESSING, looked_at=seen_at, deadline_at=far)
    expected = RequeueAt(CREATED_AT + timedelta(seconds=asked_after_s), is_swept=True)
    assert decide(looked(record), seen_at, POLICY, LATE_COMMIT_S, observed=True) == expected


def test_an_upload_that_was_not_finished_leaves_nothing() -> None:
    record = step_for(recorded_as(VideoState.UPLOADING, deadline_at=NOW), seen=True).record
    assert (named(record), record.deadline_at) == ({}, None)


def test_a_video_that_was_processed_for_too_long_keeps_its_bytes_to_be_tried_again() -> None:
    record = step_for(recorded_as(VideoState.PROCESSING, deadline_at=NOW), seen=True).record
    assert record.external_ids == PARTS
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


def test_expired_bytes_are_released_and_cannot_be_retried() -> None:
    record = discarded(recorded_as(VideoState.FAILED, **KEPT))
    assert named(record) == {}
    assert record.ended == replace(PASSING_ENDING, retryable=False)
    assert decide(looked(record, retry=1), NOW, POLICY, LATE_COMMIT_S, observed=False) == Done()


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
def test_new_place_is_written_without_a_provider_call(state: VideoState) -> None:
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
    upload = UploadSpec("Geometry", "geometry.mp4", 900)
    record = recorded_as(VideoState.UPLOADING, upload=upload, playable=PLAYABLE, serving=2)
    step = step_for(record, corrections=1, new_title="Algebra II", upload=upload, number=2)
    assert step.record.upload.title == "Geometry"
    assert step.record.playable is not None
    assert step.record.playable.title == "Algebra II"


def test_renaming_with_lost_answer_is_repeated_once_late_commits_are_past() -> None:
    """
    B10: also where the title was corrected once more meanwhile.
    """
    record = recorded_as(VideoState.READY, rename_at=NOW, corrections=1)
    wished = {"corrections": 1, "new_title": "Algebra"}
    step = step_for(record, seen=True, **wished)
    assert (step.name, step.rollback) == ("rename", record)
    again_at = NOW + timedelta(seconds=LATE_COMMIT_S)
    assert step.record.rename_at == again_at
    corrected = step_for(step.record, seen=True, corrections=2, new_title="Algebra III").record
    assert corrected.rename_at == again_at
    look = looked(corrected, corrections=2, new_title="Algebra III")
    assert decide(look, again_at - INSTANT, POLICY, LATE_COMMIT_S, observed=True) == RequeueAt(again_at)
    later = decide(look, again_at, POLICY, LATE_COMMIT_S, observed=True)
    assert isinstance(later, Step)
    assert later.name == "rename"


# --- trying again ------------------------------------------------------------------------------------------------


def test_reprocessing_is_recorded_before_the_provider_call() -> None:
    step = step_for(recorded_as(VideoState.FAILED, **KEPT), retry=1)
    assert (step.record.state, step.record.tried_at, step.record.external_ids) == (VideoState.RETRYING, NOW, PARTS)
    assert step.rollback == recorded_as(VideoState.FAILED, **KEPT)


def test_reprocessing_gets_a_full_deadline() -> None:
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
