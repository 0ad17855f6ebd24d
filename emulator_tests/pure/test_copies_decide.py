"""The table of what a copy needs next, row by row, and what is recorded after each step."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

import pytest

from shared.core.identity import SessionIdentity
from shared.hosts.decide import (
    COPYING_MAX_S,
    FAILURES_MAX,
    FIRST_PAUSE_S,
    LOOK_AGAIN_S,
    LOOK_APART_S,
    LOST,
    PAUSE_MAX_S,
    CopySpec,
    Film,
    begun,
    decide,
    failed,
    observed,
    reference_of,
)
from shared.hosts.model import Copy, CopyState, Shown, shown, shown_in
from shared.ports import Document, MediaState, Observation
from shared.reconcile import Done, Effect, RequeueAt, Snapshot, Step

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


TABLE: dict[str, tuple[Copy | None, CopySpec, bool, str]] = {
    "making, a film": (MAKING, CopySpec(FILM), False, "find"),
    "making, none": (MAKING, CopySpec(None), False, "find"),
    "making, another": (MAKING, CopySpec(OTHER), False, "find"),
    "nothing, none": (None, CopySpec(None), False, "done"),
    "nothing, none, and it is shown": (None, CopySpec(None, shown=Shown("f", CopyState.READY)), False, "forget"),
    "nothing, no video": (None, CopySpec(None, has_video=False), False, "done"),
    "nothing, its video missing, deletions held": (
        None,
        WAITING,
        False,
        "later",
    ),
    "making, its video missing, deletions held": (
        MAKING,
        WAITING,
        False,
        "find",
    ),
    "ready, its video missing, deletions held": (
        READY,
        WAITING,
        False,
        "later",
    ),
    "requested, none": (REQUESTED, CopySpec(None), False, "forget"),
    "ready, none": (READY, CopySpec(None), True, "forget"),
    "gone, none": (replace(READY, state=CopyState.GONE), CopySpec(None), False, "done"),
    "nothing, a film": (None, CopySpec(FILM), False, "begin"),
    "ready, another": (READY, CopySpec(OTHER), True, "begin"),
    "copying, another": (SEEN, CopySpec(OTHER), True, "begin"),
    "failed for good, another": (replace(FAILED, retry_at=None), CopySpec(OTHER), True, "begin"),
    "requested, this": (REQUESTED, CopySpec(FILM), False, "make"),
    "copying, never looked at": (COPYING, CopySpec(FILM), False, "observe"),
    "copying, looked at now": (SEEN, CopySpec(FILM), True, "later"),
    "copying, a moment ago": (SEEN, CopySpec(FILM), False, "later"),
    "copying, long ago": (replace(SEEN, looked_at=ago(FIRST_PAUSE_S)), CopySpec(FILM), False, "observe"),
    "copying, many looks": (replace(SEEN, looks=9, looked_at=ago(PAUSE_MAX_S)), CopySpec(FILM), False, "observe"),
    "copying, wants bytes": (replace(SEEN, received_bytes=0), CopySpec(FILM), True, "send"),
    "copying, wants bytes, unobserved": (replace(SEEN, received_bytes=5), CopySpec(FILM), False, "send"),
    "copying, too long": (replace(SEEN, begun_at=ago(COPYING_MAX_S)), CopySpec(FILM), False, "observe"),
    "copying, too long, observed": (replace(SEEN, begun_at=ago(COPYING_MAX_S)), CopySpec(FILM), True, "fail"),
    "ready, looked at now": (READY, CopySpec(FILM), True, "later"),
    "ready, a moment ago": (READY, CopySpec(FILM), False, "later"),
    "ready, a minute ago": (replace(READY, looked_at=ago(LOOK_APART_S)), CopySpec(FILM), False, "observe"),
    "failed, soon": (FAILED, CopySpec(FILM), False, "later"),
    "failed, its time has come": (replace(FAILED, retry_at=NOW), CopySpec(FILM), False, "begin"),
    "failed for good": (replace(FAILED, retry_at=None), CopySpec(FILM), False, "done"),
}


@pytest.mark.parametrize(("record", "spec", "seen", "expected"), TABLE.values(), ids=TABLE)
def test_what_a_copy_needs_next(record: Copy | None, spec: CopySpec, seen: bool, expected: str) -> None:
    match decide(Snapshot(KEY, spec, record, None), NOW, observed=seen):
        case Done():
            assert expected == "done"
        case RequeueAt():
            assert expected == "later"
        case Step(name=name):
            assert name == expected


@pytest.mark.parametrize(
    ("record", "at"),
    [
        (SEEN, NOW + timedelta(seconds=FIRST_PAUSE_S)),
        (replace(SEEN, looks=4), NOW + timedelta(seconds=FIRST_PAUSE_S * 8)),
        (replace(SEEN, looks=50), NOW + timedelta(seconds=PAUSE_MAX_S)),
        (replace(SEEN, looks=50, begun_at=ago(COPYING_MAX_S - 7)), NOW + timedelta(seconds=7)),
        (READY, NOW + timedelta(seconds=LOOK_AGAIN_S)),
        (FAILED, FAILED.retry_at),
    ],
    ids=["first pause", "it doubles", "it ends somewhere", "never past the end", "ready", "failed"],
)
def test_when_a_copy_is_looked_at_again(record: Copy, at: datetime) -> None:
    assert decide(Snapshot(KEY, CopySpec(FILM), record, None), NOW, observed=True) == RequeueAt(at)


def test_a_copy_is_made_under_a_reference_of_its_own_that_is_written_first_and_undone_where_it_was_refused() -> None:
    step = decide(Snapshot(KEY, CopySpec(FILM), replace(REQUESTED, generation=4), None), NOW, observed=False)

    assert isinstance(step, Step)
    assert step.effect is Effect.CHANGE
    assert (step.record.state, step.record.reference, step.record.tried_at) == (CopyState.MAKING, f"copy:{KEY}:5", NOW)
    assert (step.rollback.state, step.rollback.reference, step.rollback.generation) == (CopyState.REQUESTED, None, 5)


def test_a_copy_that_was_lost_is_made_anew_at_once_and_one_that_failed_waits() -> None:
    lost = observed(READY, Observation(MediaState.GONE), NOW)
    assert (lost.state, lost.external_ids, lost.reference, lost.reason) == (CopyState.REQUESTED, {}, None, LOST)

    broken = observed(COPYING, Observation(MediaState.ERROR, reason="It is no film."), NOW)
    assert (broken.state, broken.external_ids, broken.reason) == (CopyState.FAILED, {}, "It is no film.")
    assert broken.retry_at == NOW + timedelta(hours=2)


def test_the_pauses_between_failures_grow_and_end_and_another_film_begins_anew() -> None:
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


def test_what_is_read_back_is_what_was_written() -> None:
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
