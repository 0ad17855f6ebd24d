"""A6, A16: whatever one person does, nobody else is refused, or waits twice as long as usual, in virtual time.

`make bench AREA=crowd` plays it with an hour of flood and a hundred thousand videos.
"""

from __future__ import annotations

import pytest

from emulator_tests.bench.crowd_simulation import Crowd, Flood, Outcome

pytestmark = pytest.mark.long

HOUR_S = 3600
LIMIT = 5000
FLOODED_LIMIT = 10_000
"""Ten minutes of flood would make more tasks than twice that."""

LIVE_LIMIT = 20_000
"""The looks of all these sessions, were they made, would be four times that."""

ERASED = 1000


@pytest.fixture(scope="module")
def usual() -> Outcome:
    """
    An hour in which nobody disturbs.
    """
    crowd = Crowd()
    crowd.prepare()
    return crowd.run(HOUR_S)


def assert_nobody_notices(usual: Outcome, disturbed: Outcome) -> None:
    assert disturbed.refused == 0
    assert max(disturbed.delays_s) <= 2 * max(usual.delays_s)
    assert sum(disturbed.delays_s) / len(disturbed.delays_s) <= 2 * sum(usual.delays_s) / len(usual.delays_s)
    assert disturbed.is_switch_untouched


def test_usual_hour_serves_every_caller(usual: Outcome) -> None:
    assert usual.refused == 0
    assert usual.served > 6000
    assert len(usual.delays_s) > 100
    assert usual.is_switch_untouched


def test_flood_delays_no_other_caller(usual: Outcome) -> None:
    """
    A6.
    """
    crowd = Crowd(FLOODED_LIMIT)
    crowd.prepare()
    flooded = crowd.run(HOUR_S, floods_for_s=600)
    assert flooded.flooded["refused"] > flooded.flooded["served"] > 0
    assert_nobody_notices(usual, flooded)


@pytest.mark.timeout(900)
def test_many_live_sessions_delay_no_other_caller(usual: Outcome) -> None:
    """
    A6: each is looked at whether it is on the air, and nobody has to do anything for that.
    """
    crowd = Crowd(LIVE_LIMIT, flood=Flood.LIVE_SESSIONS)
    crowd.prepare()
    flooded = crowd.run(2 * HOUR_S, floods_for_s=1500)
    assert flooded.flooded == {"served": 1501}
    assert_nobody_notices(usual, flooded)


@pytest.mark.timeout(900)
def test_large_erasure_delays_no_other_caller(usual: Outcome) -> None:
    """
    A16: with two hosts.
    """
    crowd = Crowd(LIMIT)
    crowd.prepare(ERASED)
    erased = crowd.run(48 * HOUR_S, erases=True)
    assert erased.erasure is not None
    assert (erased.erasure.videos, erased.left) == (ERASED, 0)
    assert sum(erased.hours.values()) > 4 * ERASED
    assert_nobody_notices(usual, erased)
