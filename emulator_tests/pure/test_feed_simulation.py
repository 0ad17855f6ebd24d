"""The readiness poller over hours of virtual time: whatever befalls a tick, the chain never branches, every video is
found to be ready, and then nothing is called any more. That no chain branches is judged by the simulation itself, at
every moment.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest

from emulator_tests.bench.feed_provider import Spread
from emulator_tests.bench.feed_simulation import (
    MISHAPS,
    MOMENTS,
    SETTINGS,
    SWEEP_S,
    Assumed,
    Cause,
    Mishap,
    Simulation,
)
from shared.reconcile import LEASE_S
from shared.videos.decide import MISSED_AFTER_S

pytestmark = pytest.mark.long

VIDEOS = 20
QUICK = Assumed(processing=Spread(60, 900))
PUSHED = replace(QUICK, push=Spread(1.5, 15))
INTERVAL_S = SETTINGS[2].interval_s
STRUCK = 5
"""The tick that something happens to: one that hears of one change."""

LASTS_S = 600
LATE_S = 60
"""More than two intervals and all that a list lags here."""


def ended(simulation: Simulation) -> Simulation:
    """
    All videos are uploaded together, and time passes until all are ready and the chain has ended.
    """
    simulation.begin_together(VIDEOS)
    simulation.run_until_ready(6 * 3600)
    return simulation


def greatest_delay_s(simulation: Simulation) -> float:
    return max((simulation.seen_at[made.video_id] - made.ready_at).total_seconds() for made in simulation.made())


def elapsed_s(simulation: Simulation) -> float:
    return (simulation.clock() - simulation.made()[0].prepared_at).total_seconds()


def calls(simulation: Simulation) -> Counter[tuple[Cause, str]]:
    return Counter((call.cause, call.operation) for call in simulation.calls)


def assert_calls_are_bounded(simulation: Simulation) -> None:
    """
    One request per interval asks what changed, at most one more how that stands, however many videos there are.
    """
    intervals = elapsed_s(simulation) / INTERVAL_S + 1
    asked = calls(simulation)
    assert asked[Cause.TICK, "changes"] <= intervals
    assert asked[Cause.FEED, "observe"] <= asked[Cause.TICK, "changes"]
    assert asked[Cause.SWEEP, "observe"] <= elapsed_s(simulation) / SWEEP_S


def assert_nothing_is_called_any_more(simulation: Simulation, hours: float = 6) -> None:
    """
    Nothing but the sweep, which comes whether anything is pending or not.
    """
    end = simulation.clock()
    simulation.run(hours * 3600)
    assert [one for one in simulation.invocations if one.at >= end and one.cause is not Cause.SWEEP] == []
    assert [one for one in simulation.calls if one.at >= end and one.operation != "strays"] == []


def name(mishap: Mishap) -> str:
    """
    One sentence of what happens to the tick.
    """
    where = "" if mishap.moment is None else f"{MOMENTS[mishap.moment]} ({mishap.moment})"
    again = "comes no more" if mishap.again_s is None else f"comes again after {mishap.again_s:g} s"
    if mishap.moment is None:
        return f"done, {again}"
    if mishap.held_s is not None:
        return f"held up before {where}, {again}"
    return f"dies {'after' if mishap.after else 'before'} {where}, {again}"


def test_the_tick_that_something_will_happen_to_has_every_moment_at_which_it_can() -> None:
    simulation = ended(Simulation(QUICK))
    assert simulation.tick_effects[STRUCK] == list(MOMENTS)


@pytest.mark.parametrize("mishap", MISHAPS, ids=name)
def test_lost_or_late_ticks_lose_no_video(mishap: Mishap) -> None:
    simulation = ended(Simulation(QUICK, mishap={STRUCK: mishap}.get))
    assert simulation.chains <= 2
    revived_s = LEASE_S + INTERVAL_S + SWEEP_S if simulation.chains == 2 else 0
    assert greatest_delay_s(simulation) <= LATE_S + max(mishap.held_s or 0, mishap.again_s or 0, revived_s)
    assert_calls_are_bounded(simulation)
    assert_nothing_is_called_any_more(simulation)


@pytest.mark.parametrize(
    ("mishap", "chains"),
    [
        (Mishap(MOMENTS.index("commit"), again_s=2.0), 1),
        (Mishap(MOMENTS.index("commit")), 2),
        (Mishap(MOMENTS.index("commit"), after=True, again_s=2.0), 2),
        (Mishap(MOMENTS.index("put"), after=True), 1),
        (Mishap(MOMENTS.index("changes")), 1),
        (Mishap(MOMENTS.index("changes"), again_s=60.0), 1),
        (Mishap(again_s=0.0), 1),
        (Mishap(MOMENTS.index("put"), held_s=55.0), 1),
    ],
    ids=lambda value: name(value) if isinstance(value, Mishap) else f"{value} chains",
)
def test_only_a_chain_that_has_died_is_begun_again(mishap: Mishap, chains: int) -> None:
    assert ended(Simulation(QUICK, mishap={STRUCK: mishap}.get)).chains == chains


@pytest.mark.parametrize("assumed", [QUICK, PUSHED], ids=["no pushes", "pushes"])
def test_successive_failures_only_delay(assumed: Assumed) -> None:
    simulation = ended(
        Simulation(
            assumed,
            mishap=lambda tick: MISHAPS[tick * 7 % len(MISHAPS)] if tick % 3 == 2 else None,
        )
    )
    assert simulation.chains >= 2
    assert calls(simulation)[Cause.TICK, "changes"] <= elapsed_s(simulation) / INTERVAL_S + 1
    assert_nothing_is_called_any_more(simulation)


def test_as_long_as_videos_come_and_go_calls_do_not_grow_with_their_number() -> None:
    asked = []
    for count in (50, 200):
        simulation = Simulation(QUICK)
        simulation.be_under_way(count)
        begin = simulation.clock()
        simulation.run(LASTS_S)
        asked.append(
            len([one for one in simulation.calls if one.at >= begin and one.cause in (Cause.TICK, Cause.FEED)])
        )
        assert asked[-1] <= 2 * (LASTS_S / INTERVAL_S + 1)
    few, many = asked
    assert many <= 1.25 * few


def test_poller_finds_late_list_entries() -> None:
    simulation = Simulation(replace(QUICK, lag=Spread(5, 30)))
    simulation.be_under_way(100)
    begin = simulation.clock()
    simulation.run(LASTS_S)
    ready = [made for made in simulation.made() if begin <= made.ready_at < simulation.clock() - timedelta(minutes=2)]
    assert {made.video_id for made in ready} <= simulation.seen_at.keys()
    late_s = [(simulation.seen_at[made.video_id] - made.ready_at).total_seconds() for made in ready]
    assert len(late_s) > 100
    assert max(late_s) <= SETTINGS[2].overlap_s + LATE_S


def test_sweep_finds_list_entries_too_late_for_the_poller() -> None:
    simulation = ended(Simulation(replace(QUICK, lag=Spread(2, 600))))
    assert greatest_delay_s(simulation) <= MISSED_AFTER_S + 2 * SWEEP_S
    assert calls(simulation)[Cause.SWEEP, "observe"] > 0
    assert_nothing_is_called_any_more(simulation)


def test_the_deadlines_of_videos_that_are_ready_come_to_nothing() -> None:
    simulation = ended(Simulation(QUICK))
    end = simulation.clock()
    simulation.run_without_sweep(timedelta(days=8).total_seconds())
    assert [one for one in simulation.invocations if one.at >= end] == []
