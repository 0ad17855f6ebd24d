"""Benchmark of readiness: requests to the provider until videos are ready, and delays until that is noticed.

Everything is in virtual time. The peer is a timer of 10 s for each video, with one call per run, over the same videos
with the same times. The first table is of a school that never sleeps, with the same number of videos in process at any
moment. The second table says on what the delays depend. In the third, as many videos begin together, none follow, and
the readiness poller's chain is disturbed.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from emulator_tests.bench.feed_provider import Made, Spread
from emulator_tests.bench.feed_simulation import MISHAPS, Assumed, Cause, Mishap, Simulation
from emulator_tests.bench.rounds import show, verdict
from shared.core.paths import POLL_READINESS

IN_PROCESS: Final = 10_000
IN_PROCESS_FEWER: Final = 2_000
WARM_S: Final = 120
WINDOW_S: Final = 300
DEADLINES_OF: Final = 1_000
"""Number of ready videos whose deadlines are simulated to measure their cost. The deadlines are days away."""

END_MAX_S: Final = 24 * 3600
IDLE_S: Final = 2 * 3600
DEADLINES_S: Final = 8 * 24 * 3600
TROUBLED: Final = 50
"""One of this many ticks is disturbed."""

PEER_S: Final = 10.0
PEER: Final = "timer of 10 s per video"
TARGET_FEWER, TARGET_P50_S, TARGET_P50_PUSHED_S, TARGET_P99_S = 5000, 6.0, 2.0, 60.0

PUSH: Final = Spread(1.5, 15)
PROMPT: Final = Assumed(lag=None)
USUAL: Final = Assumed()
SLOW: Final = Assumed(lag=Spread(5, 60))
PUSHED: Final = Assumed(push=PUSH)
PUSHED_SLOW: Final = Assumed(lag=Spread(5, 60), push=PUSH)
MUTE: Final = Assumed(push=PUSH, push_lost=1.0)

WATCHING: Final = (Cause.TICK, Cause.FEED, Cause.PUSH, Cause.SWEEP, Cause.DEADLINE)
"""The causes of requests that count. The sweep's search for orphans is something else, and is not counted."""


@dataclass(frozen=True, slots=True)
class Case:
    """
    One case to simulate.
    """

    name: str
    assumed: Assumed
    count: int
    troubled: bool = False

    def simulation(self) -> Simulation:
        """
        Return a new simulation of this case.
        """
        return Simulation(self.assumed, mishap=_troubled if self.troubled else _untroubled)


@dataclass(frozen=True, slots=True)
class Result:
    """
    The results of a case.

    Attributes:
        name: Name of the case.
        ready: Number of videos that became ready.
        lasted_s: The duration.
        calls: Requests to the provider in this time, by their cause. At deadlines: as many as these videos will cause.
        ticks: Ticks of the readiness poller in this time.
        invocations: Calls of functions in this time, without uploads.
        delays_s: Seconds from ready to recorded as ready, ascending.
        chains: Number of chains that were started.
        idle_ticks: Ticks of the readiness poller after nothing was pending.
        idle: Calls of functions from then on, except for the sweep.
    """

    name: str
    ready: int
    lasted_s: float
    calls: Mapping[Cause, float]
    delays_s: Sequence[float]
    invocations: float
    ticks: int = 0
    chains: int = 0
    idle_ticks: int = 0
    idle: int = 0

    def calls_per_video(self, *causes: Cause) -> float:
        """
        Return the requests per video that became ready. Pure.
        """
        return sum(self.calls.get(cause, 0.0) for cause in causes) / self.ready

    def delay_s(self, share: float) -> float:
        """
        Return the delay that this share of videos do not exceed. Pure.
        """
        return self.delays_s[math.ceil(share * len(self.delays_s)) - 1]


def run() -> None:
    """
    Simulate, and print the tables.
    """
    busy = (
        Case("feed", USUAL, IN_PROCESS),
        Case("feed and pushes, 5 % of them lost", PUSHED, IN_PROCESS),
    )
    fewer = (
        Case("the provider's list lags not at all", PROMPT, IN_PROCESS_FEWER),
        Case("it lags 0.5 s (p99 5 s), as above", USUAL, IN_PROCESS_FEWER),
        Case("it lags 5 s (p99 60 s)", SLOW, IN_PROCESS_FEWER),
        Case("pushes, 5 % of them lost", PUSHED, IN_PROCESS_FEWER),
        Case("pushes, and the list lags 5 s", PUSHED_SLOW, IN_PROCESS_FEWER),
        Case("pushes, all of them lost", MUTE, IN_PROCESS_FEWER),
    )
    together = (
        Case("feed", USUAL, IN_PROCESS),
        Case(f"feed, every {TROUBLED}th tick comes to grief", USUAL, IN_PROCESS, troubled=True),
    )
    # In virtual time, parallel processes do not disturb each other's results.
    with ProcessPoolExecutor(2) as pool:
        ended = [pool.submit(_see_together, case) for case in together]
        kept = [pool.submit(_see_busy, case) for case in (*busy, *fewer)]
        results = [one.result() for one in kept]
        _show_busy(results[0][0], [ours for _, ours in results[: len(busy)]])
        _show_delays([ours for _, ours in results[len(busy) :]])
        ends = [one.result() for one in ended]
        _show_together(ends[0][0], [ours for _, ours in ends])


# --- simulation ---------------------------------------------------------------------------------------------------


def _untroubled(_tick: int) -> Mishap | None:
    return None


def _troubled(tick: int) -> Mishap | None:
    turn, left = divmod(tick, TROUBLED)
    # Step by 7, so that subsequent mishaps differ.
    return MISHAPS[turn * 7 % len(MISHAPS)] if turn and left == 0 else None


def _see_busy(case: Case) -> tuple[Result, Result]:
    """
    Simulate a steady state in which as many videos begin as end.

    Returns:
        The results of the peer, and ours.
    """
    simulation = case.simulation()
    simulation.be_under_way(case.count)
    simulation.run(WARM_S)
    begin = simulation.clock()
    simulation.run(WINDOW_S)
    end = simulation.clock()
    ready = [made for made in simulation.made() if begin <= made.ready_at < end]
    simulation.end_uploads()
    _wait_for(simulation, ready)
    delays_s = _delays_s(simulation, ready)
    calls = _counted(call.cause for call in simulation.calls if begin <= call.at < end and call.operation != "strays")
    invoked = [one for one in simulation.invocations if begin <= one.at < end and one.cause is not Cause.UPLOAD]
    ticks = sum(one.function == POLL_READINESS for one in invoked)
    calls_before, invocations_before = len(simulation.calls), len(simulation.invocations)
    sample = {made.video_id for made in ready[:DEADLINES_OF]}
    simulation.run_tasks_of(sample)
    share = len(ready) / len(sample)
    calls[Cause.DEADLINE] = (len(simulation.calls) - calls_before) * share
    invocations = len(invoked) + (len(simulation.invocations) - invocations_before) * share
    ours = Result(case.name, len(ready), WINDOW_S, calls, delays_s, invocations, ticks)
    return _peer(simulation.made(), begin, end), ours


def _see_together(case: Case) -> tuple[Result, Result]:
    """
    Simulate videos that all begin together, until the last is ready, and then on without new ones.

    Returns:
        The results of the peer, and ours.
    """
    simulation = case.simulation()
    begin = simulation.clock()
    simulation.begin_together(case.count)
    simulation.run_until_ready(END_MAX_S)
    end = simulation.clock()
    simulation.run(IDLE_S)
    simulation.run_without_sweep(DEADLINES_S)
    idle = [one for one in simulation.invocations if one.at >= end and one.cause is not Cause.SWEEP]
    made = simulation.made()
    ours = Result(
        case.name,
        len(made),
        (end - begin).total_seconds(),
        _counted(call.cause for call in simulation.calls if call.operation != "strays"),
        _delays_s(simulation, made),
        len([one for one in simulation.invocations if one.cause is not Cause.UPLOAD]),
        sum(one.function == POLL_READINESS for one in simulation.invocations),
        simulation.chains,
        sum(one.function == POLL_READINESS for one in idle),
        len(idle),
    )
    return _peer(made, begin, end), ours


def _counted(causes: Iterable[Cause]) -> dict[Cause, float]:
    return {cause: float(count) for cause, count in Counter(causes).items()}


def _wait_for(simulation: Simulation, ready: Sequence[Made]) -> None:
    """
    Let time pass until these videos are recorded as ready.
    """
    begin = simulation.clock()
    while any(made.video_id not in simulation.seen_at for made in ready):
        assert simulation.clock() - begin < timedelta(seconds=END_MAX_S), "They are never noticed."
        simulation.run(60)


def _delays_s(simulation: Simulation, ready: Sequence[Made]) -> list[float]:
    """
    Return the seconds from ready to recorded as ready, ascending.
    """
    return sorted((simulation.seen_at[made.video_id] - made.ready_at).total_seconds() for made in ready)


def _peer(made: Sequence[Made], begin: datetime, end: datetime) -> Result:
    """
    Return the results of the peer, which observes each video every 10 s from its beginning until it is ready.
    """
    calls = ready = 0
    delays_s = []
    for one in made:
        assert one.begun_at is not None, "Every video was begun."
        looks = max(1, math.ceil(one.readiness.amount / PEER_S))
        # Only the peer's observations between begin and end count.
        first = max(1, math.ceil((begin - one.begun_at).total_seconds() / PEER_S))
        last = min(looks, math.ceil((end - one.begun_at).total_seconds() / PEER_S) - 1)
        calls += max(0, last - first + 1)
        if begin <= one.ready_at < end:
            ready += 1
            delays_s.append((one.begun_at + timedelta(seconds=looks * PEER_S) - one.ready_at).total_seconds())
    return Result(PEER, ready, (end - begin).total_seconds(), {Cause.TICK: calls}, sorted(delays_s), calls)


# --- output -------------------------------------------------------------------------------------------------------


def _show_busy(peer: Result, ours: Sequence[Result]) -> None:
    theirs = peer.calls_per_video(*WATCHING)
    rows = [_busy_row(peer, theirs, "")]
    for one in ours:
        is_pushed = one.calls.get(Cause.PUSH, 0) > 0
        p50_s = TARGET_P50_PUSHED_S if is_pushed else TARGET_P50_S
        targets = (
            verdict(theirs / one.calls_per_video(*WATCHING) >= TARGET_FEWER, f"{TARGET_FEWER:,}x"),
            verdict(one.delay_s(0.5) < p50_s, f"p50 < {p50_s:.0f} s"),
            verdict(one.delay_s(0.99) < TARGET_P99_S, f"p99 < {TARGET_P99_S:.0f} s"),
        )
        rows.append(_busy_row(one, theirs, "; ".join(targets)))
    show(
        f"feed: {IN_PROCESS:,} videos in process at any moment, {peer.ready / peer.lasted_s:.1f} ready per second; "
        "provider calls per video that became ready, by what they are for",
        (
            "",
            "ticks",
            "their visits",
            "pushes",
            "sweep",
            "until ready",
            "fewer",
            "deadlines, days later",
            "in all",
            "fewer",
            "calls per s",
            "delay p50 s",
            "p99",
            "max",
            "invocations per video",
            "per hour",
            "target",
        ),
        rows,
    )


def _busy_row(one: Result, theirs: float, target: str) -> tuple[str, ...]:
    until_ready, whole = one.calls_per_video(*WATCHING[:-1]), one.calls_per_video(*WATCHING)
    return (
        one.name,
        *(_few(one.calls_per_video(cause)) for cause in WATCHING[:-1]),
        _few(until_ready),
        _fold(theirs / until_ready),
        _few(one.calls_per_video(Cause.DEADLINE)),
        _few(whole),
        _fold(theirs / whole),
        f"{whole * one.ready / one.lasted_s:.2f}",
        *_delays(one),
        f"{one.invocations / one.ready:.3f}",
        f"{one.invocations / one.lasted_s * 3600:,.0f}",
        target,
    )


def _show_delays(ours: Sequence[Result]) -> None:
    show(
        f"feed: what delays and calls hang on; {IN_PROCESS_FEWER:,} videos in process at any moment",
        ("", "requests per tick", "their visits per tick", "delay p50 s", "p99", "max", "pushes, calls per video"),
        [
            (
                one.name,
                f"{one.calls[Cause.TICK] / one.ticks:.2f}",
                f"{one.calls.get(Cause.FEED, 0) / one.ticks:.2f}",
                *_delays(one),
                _few(one.calls_per_video(Cause.PUSH)),
            )
            for one in ours
        ],
    )


def _show_together(peer: Result, ours: Sequence[Result]) -> None:
    theirs = peer.calls_per_video(*WATCHING)
    show(
        f"feed: {IN_PROCESS:,} videos begin together and none follow; the last is ready after "
        f"{peer.lasted_s / 3600:.1f} h, when few are left and one call every 10 s is still one call every 10 s",
        (
            "",
            "calls per video until ready",
            "fewer",
            "delay p50 s",
            "p99",
            "max",
            "ready",
            "chains begun",
            "ticks after the end",
            "invocations after the end",
            "target",
        ),
        [
            (
                one.name,
                _few(one.calls_per_video(*WATCHING[:-1])),
                _fold(theirs / one.calls_per_video(*WATCHING[:-1])),
                *_delays(one),
                f"{one.ready:,}",
                str(one.chains) if one.chains else "",
                str(one.idle_ticks),
                f"{one.idle:,}",
                "" if one is peer else verdict(one.idle == 0, "0 invocations when nothing is pending"),
            )
            for one in (peer, *ours)
        ],
    )


def _delays(one: Result) -> tuple[str, str, str]:
    return f"{one.delay_s(0.5):.2f}", f"{one.delay_s(0.99):.1f}", f"{one.delays_s[-1]:.0f}"


def _few(value: float) -> str:
    return f"{value:.2f}" if value >= 0.1 else f"{value:.5f}"


def _fold(value: float) -> str:
    return f"{value:,.0f}x"
