"""The table of what a copy needs next, row by row, and what is recorded after each step."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest

from shared.core.identity import SessionIdentity
from shared.hosts.decide import (
    BEGIN,
    COPYING_MAX_S,
    FAIL,
    FAILURES_MAX,
    FIND,
    FIRST_PAUSE_S,
    FORGET,
    IDENTIFY,
    LOOK_AGAIN_S,
    LOOK_APART_S,
    LOST,
    MAKE,
    OBSERVE,
    PAUSE_MAX_S,
    SEND,
    TOO_LONG,
    TRY_PAUSE_MAX_S,
    CopySpec,
    Film,
    begun,
    copying,
    decide,
    failed,
    host_in,
    not_made,
    observed,
    reference_of,
)
from shared.hosts.model import Copy, CopyState, Shown, shown, shown_in
from shared.ports import Document, MediaState, Observation
from shared.reconcile import Decision, Done, Effect, Failure, Progress, RequeueAt, Snapshot, Step
from shared.reconcile.epoch import held_until

NOW: Final = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
KEY: Final = "0123456789abcdef0123-host"
SESSION: Final = SessionIdentity("s1", "teacher", NOW)
FILM: Final = Film(SESSION, "memory", "video:v:1", {"entryId": "0_1"})
OTHER: Final = replace(FILM, reference="video:v:2")
REQUESTED: Final = Copy("host", SESSION, FILM.reference, NOW)
MAKING: Final = replace(REQUESTED, state=CopyState.MAKING, generation=1, reference=reference_of(KEY, 1), tried_at=NOW)
COPYING: Final = replace(MAKING, state=CopyState.COPYING, tried_at=None, external_ids={"copyId": "1"})
SEEN: Final = replace(COPYING, looks=1, looked_at=NOW)
READY: Final = replace(SEEN, state=CopyState.READY)
FAILED: Final = failed(COPYING, "It broke.", NOW)
WAITING: Final = CopySpec(None, has_video=False, is_waiting=True)


def ago(seconds: float) -> datetime:
    """So long before now."""
    return NOW - timedelta(seconds=seconds)


def written(name: str, record: Copy, **changes: Any) -> Step[Copy]:
    after = replace(record, **changes)
    return Step(name, Effect.WRITE, after, after)


def found(record: Copy) -> Step[Copy]:
    return Step(FIND, Effect.CHANGE, record, record, retry_permanent=True)


def seen_at_host(record: Copy) -> Step[Copy]:
    return Step(OBSERVE, Effect.OBSERVE, record, record, retry_permanent=True, observes=True)


def sent(record: Copy) -> Step[Copy]:
    return Step(SEND, Effect.CHANGE, record, record, retry_permanent=True, observes=True)


def forgotten(record: Copy) -> Step[Copy]:
    return written(FORGET, record, state=CopyState.GONE, external_ids={}, reference=None)


def later(seconds: float) -> RequeueAt:
    return RequeueAt(NOW + timedelta(seconds=seconds))


BEGUN: Final = Copy("host", SESSION, FILM.reference, NOW)
BEGUN_ANEW: Final = replace(BEGUN, generation=1)
SUCCESSOR: Final = replace(SESSION, owner_uid="another")
FOR_SUCCESSOR: Final = CopySpec(replace(FILM, session=SUCCESSOR))
OVERDUE: Final = replace(SEEN, begun_at=ago(COPYING_MAX_S))
DUE_FAILED: Final = replace(FAILED, retry_at=NOW)
HELD: Final = RequeueAt(held_until(NOW))


def unasked(record: Copy, step: str = OBSERVE) -> Copy:
    """The record after the host could not be asked."""
    return replace(record, progress=Progress(failure=Failure("HTTP_503", "No.", True, step, "", 1, NOW, NOW)))


TABLE: dict[str, tuple[Copy | None, CopySpec, bool, Decision[Copy]]] = {
    "of another session": (READY, FOR_SUCCESSOR, False, written(IDENTIFY, READY, session=SUCCESSOR)),
    "of another session, making": (MAKING, FOR_SUCCESSOR, False, written(IDENTIFY, MAKING, session=SUCCESSOR)),
    "of another session and version": (
        READY,
        CopySpec(replace(OTHER, session=SUCCESSOR)),
        False,
        written(BEGIN, BEGUN_ANEW, session=SUCCESSOR, film=OTHER.reference),
    ),
    "making, a film": (MAKING, CopySpec(FILM), False, found(MAKING)),
    "making, none": (MAKING, CopySpec(None), False, found(MAKING)),
    "making, another": (MAKING, CopySpec(OTHER), False, found(MAKING)),
    "nothing, none": (None, CopySpec(None), False, Done()),
    "nothing, none, and it is shown": (
        None,
        CopySpec(None, shown=Shown("f", CopyState.READY)),
        False,
        written(FORGET, Copy("host", SessionIdentity("", ""), "", NOW, CopyState.GONE)),
    ),
    "nothing, no video": (None, CopySpec(None, has_video=False), False, Done()),
    "nothing, no video, and it is shown": (
        None,
        CopySpec(None, has_video=False, shown=Shown("f", CopyState.READY)),
        False,
        Done(),
    ),
    "nothing, its video missing, deletions held": (None, WAITING, False, HELD),
    "making, its video missing, deletions held": (MAKING, WAITING, False, found(MAKING)),
    "ready, its video missing, deletions held": (READY, WAITING, False, HELD),
    "requested, none": (REQUESTED, CopySpec(None), False, forgotten(REQUESTED)),
    "ready, none": (READY, CopySpec(None), True, forgotten(READY)),
    "gone, none": (replace(READY, state=CopyState.GONE), CopySpec(None), False, Done()),
    "gone, this": (replace(READY, state=CopyState.GONE), CopySpec(FILM), False, Done()),
    "nothing, a film": (None, CopySpec(FILM), False, written(BEGIN, BEGUN)),
    "ready, another": (READY, CopySpec(OTHER), True, written(BEGIN, BEGUN_ANEW, film=OTHER.reference)),
    "copying, another": (SEEN, CopySpec(OTHER), True, written(BEGIN, BEGUN_ANEW, film=OTHER.reference)),
    "failed for good, another": (
        replace(FAILED, retry_at=None),
        CopySpec(OTHER),
        True,
        written(BEGIN, BEGUN_ANEW, film=OTHER.reference),
    ),
    "requested, this": (
        REQUESTED,
        CopySpec(FILM),
        False,
        Step(
            MAKE,
            Effect.CHANGE,
            MAKING,
            replace(REQUESTED, generation=1),
            FILM.reference,
            retry_permanent=True,
            pause_max_s=TRY_PAUSE_MAX_S,
        ),
    ),
    "copying, never looked at": (COPYING, CopySpec(FILM), False, seen_at_host(COPYING)),
    "copying, looked at now": (SEEN, CopySpec(FILM), True, later(FIRST_PAUSE_S)),
    "copying, a moment ago": (SEEN, CopySpec(FILM), False, later(FIRST_PAUSE_S)),
    "copying, long ago": (
        replace(SEEN, looked_at=ago(FIRST_PAUSE_S)),
        CopySpec(FILM),
        False,
        seen_at_host(replace(SEEN, looked_at=ago(FIRST_PAUSE_S))),
    ),
    "copying, long ago, observed": (replace(SEEN, looked_at=ago(FIRST_PAUSE_S)), CopySpec(FILM), True, RequeueAt(NOW)),
    "copying, many looks": (
        replace(SEEN, looks=9, looked_at=ago(PAUSE_MAX_S)),
        CopySpec(FILM),
        False,
        seen_at_host(replace(SEEN, looks=9, looked_at=ago(PAUSE_MAX_S))),
    ),
    "copying, wants bytes": (
        replace(SEEN, received_bytes=0),
        CopySpec(FILM),
        True,
        sent(replace(SEEN, received_bytes=0)),
    ),
    "copying, wants bytes, unobserved": (
        replace(SEEN, received_bytes=5),
        CopySpec(FILM),
        False,
        sent(replace(SEEN, received_bytes=5)),
    ),
    "copying, too long": (OVERDUE, CopySpec(FILM), False, seen_at_host(OVERDUE)),
    "copying, too long, observed": (OVERDUE, CopySpec(FILM), True, written(FAIL, failed(OVERDUE, TOO_LONG, NOW))),
    "copying, too long, the host cannot be asked": (
        unasked(OVERDUE),
        CopySpec(FILM),
        False,
        written(FAIL, failed(unasked(OVERDUE), TOO_LONG, NOW)),
    ),
    "copying, too long, another step failed": (
        unasked(OVERDUE, SEND),
        CopySpec(FILM),
        False,
        seen_at_host(unasked(OVERDUE, SEND)),
    ),
    "ready, looked at now": (READY, CopySpec(FILM), True, later(LOOK_AGAIN_S)),
    "ready, a moment ago": (READY, CopySpec(FILM), False, later(LOOK_AGAIN_S)),
    "ready, a minute ago": (
        replace(READY, looked_at=ago(LOOK_APART_S)),
        CopySpec(FILM),
        False,
        seen_at_host(replace(READY, looked_at=ago(LOOK_APART_S))),
    ),
    "ready, nearly a minute ago": (
        replace(READY, looked_at=ago(LOOK_APART_S - 1)),
        CopySpec(FILM),
        False,
        later(LOOK_AGAIN_S - LOOK_APART_S + 1),
    ),
    "ready, never looked at": (
        replace(READY, looked_at=None, begun_at=ago(1)),
        CopySpec(FILM),
        False,
        later(LOOK_AGAIN_S - 1),
    ),
    "failed, soon": (FAILED, CopySpec(FILM), False, later(2 * 3600)),
    "failed, its time has come": (DUE_FAILED, CopySpec(FILM), False, written(BEGIN, BEGUN_ANEW, failures=1)),
    "failed for good": (replace(FAILED, retry_at=None), CopySpec(FILM), False, Done()),
}


@pytest.mark.parametrize(("record", "spec", "seen", "expected"), TABLE.values(), ids=TABLE)
def test_decide_returns_the_step_of_its_table(
    record: Copy | None, spec: CopySpec, seen: bool, expected: Decision[Copy]
) -> None:
    assert decide(Snapshot(KEY, spec, record, None), NOW, observed=seen) == expected


@pytest.mark.parametrize(
    ("record", "at"),
    [
        (SEEN, NOW + timedelta(seconds=FIRST_PAUSE_S)),
        (replace(SEEN, looks=4), NOW + timedelta(seconds=FIRST_PAUSE_S * 8)),
        (replace(SEEN, looks=50), NOW + timedelta(seconds=PAUSE_MAX_S)),
        (replace(SEEN, looks=5000), NOW + timedelta(seconds=PAUSE_MAX_S)),
        (replace(SEEN, looks=50, begun_at=ago(COPYING_MAX_S - 7)), NOW + timedelta(seconds=7)),
        (READY, NOW + timedelta(seconds=LOOK_AGAIN_S)),
        (FAILED, FAILED.retry_at),
    ],
    ids=["first pause", "it doubles", "it ends somewhere", "very often", "never past the end", "ready", "failed"],
)
def test_copy_is_observed_at_the_times_of_its_table(record: Copy, at: datetime) -> None:
    assert decide(Snapshot(KEY, CopySpec(FILM), record, None), NOW, observed=True) == RequeueAt(at)


def test_the_host_of_a_key_is_what_follows_the_first_hyphen() -> None:
    assert host_in(KEY) == "host"
    assert host_in("0123456789abcdef0123-cold-store") == "cold-store"


def test_a_created_copy_is_copying_from_its_beginning() -> None:
    before = replace(MAKING, percent=30, looks=4, looked_at=ago(9), failures=2)
    made = replace(COPYING, external_ids={"copyId": "7"}, failures=2)
    assert copying(before, {"copyId": "7"}) == made


def test_a_copy_that_does_not_exist_is_requested_again_and_keeps_its_generation() -> None:
    assert not_made(MAKING) == replace(REQUESTED, generation=1)


LATER: Final = NOW + timedelta(hours=3)
HALF: Final = replace(COPYING, percent=50, received_bytes=7, looks=3, looked_at=NOW, failures=2, reason="It broke.")
SEEN_LATER: Final = replace(HALF, looks=4, looked_at=LATER)
LATER_READY: Final = replace(HALF, state=CopyState.READY)


@pytest.mark.parametrize(
    ("before", "seen", "after"),
    [
        pytest.param(
            HALF,
            Observation(MediaState.READY, 100),
            replace(
                HALF,
                state=CopyState.READY,
                percent=100,
                received_bytes=None,
                failures=0,
                reason=None,
                looks=0,
                looked_at=LATER,
            ),
            id="ready",
        ),
        pytest.param(
            LATER_READY,
            Observation(MediaState.GONE),
            replace(
                LATER_READY,
                state=CopyState.REQUESTED,
                reference=None,
                external_ids={},
                percent=0,
                begun_at=LATER,
                reason=LOST,
                looks=4,
                looked_at=LATER,
            ),
            id="it was ready, and is gone",
        ),
        pytest.param(
            HALF, Observation(MediaState.GONE), failed(SEEN_LATER, LOST, LATER), id="it was copying, and is gone"
        ),
        pytest.param(
            HALF,
            Observation(MediaState.ERROR, reason="No film."),
            failed(SEEN_LATER, "No film.", LATER),
            id="an error with a reason",
        ),
        pytest.param(
            LATER_READY,
            Observation(MediaState.ERROR),
            failed(replace(SEEN_LATER, state=CopyState.READY), LOST, LATER),
            id="it was ready, and has an error",
        ),
        pytest.param(
            LATER_READY,
            Observation(MediaState.PROCESSING, 3, received_bytes=1),
            replace(LATER_READY, looks=4, looked_at=LATER),
            id="it was ready, and is processed once more",
        ),
        pytest.param(
            HALF,
            Observation(MediaState.PROCESSING, 60),
            replace(SEEN_LATER, percent=60, received_bytes=None),
            id="processing",
        ),
        pytest.param(
            HALF,
            Observation(MediaState.AWAITING_UPLOAD, None, received_bytes=9),
            replace(SEEN_LATER, received_bytes=9),
            id="awaiting bytes",
        ),
    ],
)
def test_an_observation_is_recorded_whole(before: Copy, seen: Observation, after: Copy) -> None:
    assert observed(before, seen, LATER) == after


def test_a_failed_copy_releases_its_remains_and_keeps_nothing_of_its_progress() -> None:
    before = replace(HALF, tried_at=NOW, retry_at=NOW)
    assert failed(before, "It broke again.", LATER) == replace(
        before,
        state=CopyState.FAILED,
        external_ids={},
        reference=None,
        tried_at=None,
        percent=0,
        received_bytes=None,
        failures=3,
        reason="It broke again.",
        retry_at=LATER + timedelta(hours=8),
    )


def test_new_version_keeps_the_generation_but_no_failures_of_another() -> None:
    before = replace(FAILED, generation=6, failures=3)
    assert begun(before, "host", FILM, LATER) == Copy("host", SESSION, FILM.reference, LATER, generation=6, failures=3)
    assert begun(before, "host", OTHER, LATER) == Copy("host", SESSION, OTHER.reference, LATER, generation=6)
    assert begun(None, "host", FILM, LATER) == Copy("host", SESSION, FILM.reference, LATER)


def test_a_copy_is_made_under_a_reference_of_its_own_that_is_written_first_and_undone_where_it_was_refused() -> None:
    step = decide(Snapshot(KEY, CopySpec(FILM), replace(REQUESTED, generation=4), None), NOW, observed=False)

    assert isinstance(step, Step)
    assert step.effect is Effect.CHANGE
    assert (step.record.state, step.record.reference, step.record.tried_at) == (CopyState.MAKING, f"copy:{KEY}:5", NOW)
    assert (step.rollback.state, step.rollback.reference, step.rollback.generation) == (CopyState.REQUESTED, None, 5)


def test_lost_copy_is_recreated_at_once_and_a_failed_one_waits() -> None:
    lost = observed(READY, Observation(MediaState.GONE), NOW)
    assert (lost.state, lost.external_ids, lost.reference, lost.reason) == (CopyState.REQUESTED, {}, None, LOST)

    broken = observed(COPYING, Observation(MediaState.ERROR, reason="It is no film."), NOW)
    assert (broken.state, broken.external_ids, broken.reason) == (CopyState.FAILED, {}, "It is no film.")
    assert broken.retry_at == NOW + timedelta(hours=2)


def test_backoff_grows_to_a_limit_and_restarts_with_another_video() -> None:
    record, pauses = COPYING, []
    for _ in range(FAILURES_MAX):
        record = failed(record, "It broke.", NOW)
        pauses.append(None if record.retry_at is None else (record.retry_at - NOW) / timedelta(hours=1))

    assert pauses == [2, 4, 8, 16, None]
    assert begun(record, "host", FILM, NOW).failures == FAILURES_MAX
    assert (begun(record, "host", OTHER, NOW).failures, begun(record, "host", OTHER, NOW).generation) == (0, 1)


def test_how_far_a_copy_is_is_recorded() -> None:
    fetching = observed(COPYING, Observation(MediaState.PROCESSING, 40), NOW)
    assert (fetching.percent, fetching.received_bytes, fetching.looks) == (40, None, 1)
    waiting = observed(COPYING, Observation(MediaState.AWAITING_UPLOAD, None, received_bytes=7), NOW)
    assert (waiting.percent, waiting.received_bytes) == (0, 7)
    ready = observed(replace(waiting, failures=2, reason="It broke."), Observation(MediaState.READY, 100), NOW)
    assert (ready.state, ready.percent, ready.received_bytes, ready.failures, ready.reason) == (
        CopyState.READY,
        100,
        None,
        0,
        None,
    )
    # Where its host works on it once more, it is kept.
    assert observed(READY, Observation(MediaState.PROCESSING, 3), NOW).state is CopyState.READY


def test_record_round_trips() -> None:
    for record in (REQUESTED, MAKING, SEEN, READY, FAILED):
        assert Copy.from_document(Document(f"copies/{KEY}", record.to_fields(), None, NOW)) == record


def test_a_videos_document_shows_the_parts_of_a_copy_only_once_it_is_ready() -> None:
    expected = [
        (REQUESTED, Shown(FILM.reference, CopyState.COPYING)),
        (SEEN, Shown(FILM.reference, CopyState.COPYING)),
        (READY, Shown(FILM.reference, CopyState.READY, {"copyId": "1"})),
        (FAILED, Shown(FILM.reference, CopyState.FAILED)),
        (replace(READY, state=CopyState.GONE), None),
    ]
    for record, told in expected:
        assert shown(record) == told
        if told is not None:
            assert shown_in(Document("videos/v", {"hosts": {"host": told.to_fields()}}, None, NOW)) == {"host": told}
    assert shown_in(Document("videos/v", {}, None, NOW)) == {}
