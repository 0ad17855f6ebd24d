"""When a live event is looked at, and what is known after a look: the table of `shared/sessions/broadcasting.py`."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from shared.ports import EventSpec
from shared.sessions.broadcasting import Window, is_look_due, looked, next_look_at, replanned
from shared.sessions.model import Airing, BroadcastState

STARTS_AT = datetime(2026, 1, 5, 10, 0, tzinfo=UTC)
ENDS_AT = STARTS_AT + timedelta(hours=1)
EVENT = EventSpec("Algebra", STARTS_AT, ENDS_AT)
WINDOW = Window(early_s=900, overrun_s=3600)
OPENS_AT, CLOSES_AT = STARTS_AT - timedelta(seconds=900), ENDS_AT + timedelta(seconds=3600)

LIVE, OFFLINE, ENDED = BroadcastState.LIVE, BroadcastState.OFFLINE, BroadcastState.ENDED


def at(minutes: float) -> datetime:
    """
    An instant, in minutes after the planned beginning.
    """
    return STARTS_AT + timedelta(minutes=minutes)


def s(seconds: float) -> timedelta:
    return timedelta(seconds=seconds)


def seen(state: BroadcastState, minutes: float, *, live_at: float | None = None, off_at: float | None = None) -> Airing:
    """
    What was seen at an instant.
    """
    return Airing(state, at(minutes), None if live_at is None else at(live_at), None if off_at is None else at(off_at))


def rests(airing: Airing) -> Airing:
    """
    The same of an event that its owner has beside very many others.
    """
    return replace(airing, rests=True)


@pytest.mark.parametrize(
    ("airing", "now", "expected"),
    [
        pytest.param(Airing(), at(-600), OPENS_AT, id="before its time"),
        pytest.param(Airing(), at(5), OPENS_AT, id="published in its time: at once"),
        pytest.param(Airing(), at(600), OPENS_AT, id="published after its time: once"),
        pytest.param(seen(OFFLINE, -1000), at(-1000), OPENS_AT, id="looked at long before its time"),
        pytest.param(seen(OFFLINE, -14), at(-14), at(-14) + s(30), id="its time has begun"),
        pytest.param(seen(OFFLINE, -5), at(-5), at(-5) + s(10), id="around its beginning"),
        pytest.param(seen(OFFLINE, 9), at(9), at(9) + s(10), id="a little late"),
        pytest.param(seen(OFFLINE, 30), at(30), at(30) + s(30), id="very late"),
        pytest.param(seen(LIVE, 30, live_at=1), at(30), at(30) + s(15), id="on the air"),
        pytest.param(seen(LIVE, 400, live_at=1), at(400), at(400) + s(15), id="on the air long after its time"),
        pytest.param(seen(OFFLINE, 31, live_at=1, off_at=30), at(31), at(31) + s(10), id="just off the air"),
        pytest.param(seen(OFFLINE, 40, live_at=1, off_at=30), at(40), at(40) + s(60), id="off the air for long"),
        pytest.param(seen(ENDED, 70, live_at=1, off_at=61), at(70), at(70) + s(60), id="ended, and may come back"),
        pytest.param(seen(OFFLINE, 119.9), at(119.9), CLOSES_AT, id="the last look is when the time is over"),
        pytest.param(seen(ENDED, 120), at(120), None, id="its time is over"),
        pytest.param(seen(OFFLINE, 130), at(131), CLOSES_AT, id="put into the past since: at once"),
        pytest.param(seen(ENDED, 500, live_at=1, off_at=499), at(500), None, id="it was on the air until now"),
        pytest.param(rests(seen(OFFLINE, -5)), at(-5), CLOSES_AT, id="A6 one of very many"),
        pytest.param(rests(seen(OFFLINE, -1000)), at(-1000), OPENS_AT, id="A6 one of very many, put off since"),
        pytest.param(rests(seen(LIVE, 30, live_at=1)), at(30), at(45), id="A6 one of very many, on the air"),
        pytest.param(rests(seen(ENDED, 500)), at(500), None, id="A6 one of very many, its time is over"),
    ],
)
def test_next_observation_is_due_as_in_the_table(airing: Airing, now: datetime, expected: datetime | None) -> None:
    assert next_look_at(airing, EVENT, now, WINDOW) == expected


@pytest.mark.parametrize("event", [EventSpec("x", None, None), EventSpec("x", STARTS_AT, None)], ids=["none", "no end"])
def test_event_without_times_is_not_observed(event: EventSpec) -> None:
    assert next_look_at(Airing(), event, at(0), WINDOW) is None
    assert not is_look_due(Airing(), event, at(0), WINDOW)


@pytest.mark.parametrize(
    ("airing", "now", "due"),
    [
        pytest.param(Airing(), OPENS_AT - s(1), False, id="before its time"),
        pytest.param(Airing(), OPENS_AT, True, id="its time begins"),
        pytest.param(seen(OFFLINE, 0), at(0) + s(2.9), False, id="somebody has just looked"),
        pytest.param(seen(OFFLINE, 0), at(0) + s(3), True, id="whoever comes by may look"),
        pytest.param(seen(OFFLINE, 119), at(130), True, id="the time is over, once"),
        pytest.param(seen(ENDED, 121), at(130), False, id="the time is over, and that is known"),
        pytest.param(seen(LIVE, 200, live_at=1), at(200) + s(15), True, id="still on the air"),
    ],
)
def test_reconciling_observes_when_due_and_once(airing: Airing, now: datetime, due: bool) -> None:
    assert is_look_due(airing, EVENT, now, WINDOW) is due


def test_event_goes_live_and_stops() -> None:
    airing = looked(Airing(), EVENT, at(2), WINDOW, is_live=True)
    assert airing == Airing(LIVE, at(2), at(2), None)
    airing = looked(airing, EVENT, at(20), WINDOW, is_live=False)
    assert airing == Airing(OFFLINE, at(20), at(2), at(20))
    airing = looked(airing, EVENT, at(21), WINDOW, is_live=True)
    assert airing == Airing(LIVE, at(21), at(2), None), "an encoder that fell off the air is no other event"


def test_an_event_ends_once_it_is_off_the_air_past_its_planned_end() -> None:
    off = Airing(OFFLINE, at(50), at(0), at(50))
    assert looked(off, EVENT, at(59), WINDOW, is_live=False).state is OFFLINE
    assert looked(off, EVENT, at(60), WINDOW, is_live=False).state is ENDED


def test_an_event_that_overruns_ends_when_it_is_over() -> None:
    airing = looked(Airing(LIVE, at(89), at(0)), EVENT, at(90), WINDOW, is_live=False)
    assert airing.state is OFFLINE, "an encoder may have dropped out"
    assert looked(airing, EVENT, at(90) + s(59), WINDOW, is_live=False).state is OFFLINE
    assert looked(airing, EVENT, at(91), WINDOW, is_live=False).state is ENDED


def test_an_event_that_never_began_ends_when_its_time_is_over() -> None:
    assert looked(Airing(OFFLINE, at(90)), EVENT, at(119.9), WINDOW, is_live=False).state is OFFLINE
    assert looked(Airing(OFFLINE, at(90)), EVENT, at(120), WINDOW, is_live=False).state is ENDED


def test_an_event_that_has_ended_may_come_back_and_stays_ended_if_not() -> None:
    ended = Airing(ENDED, at(70), at(0), at(61))
    assert looked(ended, EVENT, at(71), WINDOW, is_live=False) == Airing(ENDED, at(71), at(0), at(61))
    assert looked(ended, EVENT, at(71), WINDOW, is_live=True) == Airing(LIVE, at(71), at(0), None)


def test_live_event_past_its_time_ends_at_the_first_observation_without_a_stream() -> None:
    assert looked(Airing(LIVE, at(300), at(0)), EVENT, at(301), WINDOW, is_live=False).state is ENDED


@pytest.mark.parametrize(
    ("airing", "event", "expected"),
    [
        pytest.param(
            seen(ENDED, 70, live_at=1, off_at=61), EVENT, seen(ENDED, 70, live_at=1, off_at=61), id="as it was"
        ),
        pytest.param(seen(ENDED, 70, live_at=1, off_at=61), replace(EVENT, ends_at=at(9000)), Airing(), id="once more"),
        pytest.param(
            seen(ENDED, 70), replace(EVENT, starts_at=None, ends_at=None), seen(ENDED, 70), id="without times"
        ),
        pytest.param(seen(ENDED, 70), None, seen(ENDED, 70), id="not known what was wished"),
        pytest.param(
            seen(LIVE, 70, live_at=1), replace(EVENT, ends_at=at(90)), seen(LIVE, 70, live_at=1), id="prolonged"
        ),
        pytest.param(seen(OFFLINE, -5), replace(EVENT, ends_at=at(9000)), seen(OFFLINE, -5), id="put off"),
    ],
)
def test_ended_event_that_is_rescheduled_is_upcoming(airing: Airing, event: EventSpec | None, expected: Airing) -> None:
    assert replanned(airing, event, at(75)) == expected


@pytest.mark.parametrize("is_live", [False, True])
def test_an_event_rests_until_a_look_finds_room(*, is_live: bool) -> None:
    """
    A6.
    """
    resting = looked(Airing(), EVENT, at(0), WINDOW, is_live=is_live, rests=True)
    assert resting.rests
    assert is_look_due(resting, EVENT, at(1), WINDOW), "a viewer who joins it looks"
    assert not looked(resting, EVENT, at(1), WINDOW, is_live=is_live).rests
