"""When a session is planned: what is read of it, and that whatever is stored can be computed with."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator_tests.pure.deployment import HOUR, TEACHER, Deployment
from shared.core.callers import Caller
from shared.core.errors import Refused
from shared.core.paths import RECONCILE_SESSION, session_path
from shared.ports import Create, Task, Update
from shared.sessions.model import PairingState
from shared.sessions.session import Session
from shared.sessions.times import EARLIEST, LATEST, LONGEST

pytestmark = pytest.mark.long

STUDENT = Caller("student", is_teacher=False)
NOON = datetime(2031, 5, 6, 12, 0, tzinfo=UTC)
MOMENT = timedelta(microseconds=1)
FIRST, LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


def planned(starts_at: object, ends_at: object) -> tuple[datetime | None, datetime | None]:
    session = Session.from_fields("s1", {"startsAt": starts_at, "endsAt": ends_at})
    return session.starts_at, session.ends_at


@pytest.mark.parametrize(
    ("starts_at", "ends_at"),
    [
        pytest.param(NOON, NOON + HOUR, id="an hour"),
        pytest.param(NOON, NOON + MOMENT, id="the shortest"),
        pytest.param(NOON, NOON + LONGEST, id="the longest"),
        pytest.param(EARLIEST, EARLIEST + HOUR, id="the earliest"),
        pytest.param(LATEST - HOUR, LATEST - MOMENT, id="the latest"),
        pytest.param(NOON, None, id="B14 a start alone"),
        pytest.param(None, NOON, id="B14 an end alone"),
        pytest.param(None, None, id="B14 null"),
    ],
)
def test_times_are_read_as_the_rules_let_them_be_written(starts_at: datetime | None, ends_at: datetime | None) -> None:
    """B4, B14: the same limits stand in rules/test_sessions.py."""
    assert planned(starts_at, ends_at) == (starts_at, ends_at)


@pytest.mark.parametrize(
    ("starts_at", "ends_at", "read"),
    [
        pytest.param(FIRST, LAST, (None, None), id="all ages"),
        pytest.param(EARLIEST - MOMENT, NOON, (None, NOON), id="too early a start"),
        pytest.param(NOON, LATEST, (NOON, None), id="too late an end"),
        pytest.param(LATEST - HOUR, LATEST, (LATEST - HOUR, None), id="an end that is just too late"),
        pytest.param(LATEST, None, (None, None), id="too late a start"),
        pytest.param(NOON, NOON, (NOON, None), id="no time at all"),
        pytest.param(NOON, NOON - HOUR, (NOON, None), id="an end before the start"),
        pytest.param(NOON, NOON + LONGEST + MOMENT, (NOON, None), id="too long"),
        pytest.param("2031-05-06T12:00:00Z", 7, (None, None), id="other types"),
    ],
)
def test_a_time_that_cannot_be_reads_as_absent(
    starts_at: object, ends_at: object, read: tuple[datetime | None, datetime | None]
) -> None:
    """B4"""
    assert planned(starts_at, ends_at) == read


INSTANTS = st.one_of(
    st.datetimes(timezones=st.just(UTC)),
    st.sampled_from([FIRST, LAST, FIRST + HOUR, LAST - HOUR, EARLIEST, LATEST - MOMENT, LATEST]),
    st.timedeltas(timedelta(-400), timedelta(400)).map(lambda away: Deployment().clock() + away),
    st.sampled_from([None, "2031-05-06", 0, 2**62, float("inf")]),
)


@settings(max_examples=50)
@given(times=st.tuples(INSTANTS, INSTANTS), later=st.tuples(INSTANTS, INSTANTS), marked_at=INSTANTS)
def test_stored_times_can_be_computed_with(
    times: tuple[object, object], later: tuple[object, object], marked_at: object
) -> None:
    """B4: sessions that a back end writes, which no rules bind."""
    deployment = Deployment()
    written: dict[str, Any] = {"ownerUid": "teacher", "title": "A", "status": "public", "format": "liveStreaming"}
    path = session_path("s1")
    deployment.documents.commit(Create(path, {**written, "visibility": "open", "createdAt": marked_at, **of(times)}))
    for changed in (times, later):
        deployment.documents.commit(Update(path, of(changed)))
        deployment.deliver(Task(RECONCILE_SESSION, "s1"))
        assert deployment.pairing().state is PairingState.READY
        for caller in (TEACHER, STUDENT):
            for force_refresh in (False, True):
                with suppress(Refused):
                    assert deployment.joining.join(caller, "s1", force_refresh=force_refresh).admission.player.token
            with suppress(Refused):
                assert deployment.joining.issue_playback(caller, "s1").grant.token
        deployment.sweep.run()
        deployment.run(120)
    deployment.documents.commit(Update(path, {"status": "draft"}))
    deployment.deliver(Task(RECONCILE_SESSION, "s1"))
    assert deployment.pairing().state is PairingState.RETIRING


def of(times: tuple[object, object]) -> dict[str, Any]:
    return dict(zip(("startsAt", "endsAt"), times, strict=True))
