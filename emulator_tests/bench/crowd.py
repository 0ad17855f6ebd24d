"""Benchmark of waiting times of 50 teachers who upload and 500 students who play.

Three hours are compared: an undisturbed one, one in which one teacher floods, and the erasure of a hundred thousand
videos with copies at two hosts. The times are virtual, see `crowd_simulation.py`: they depend only on the code.
"""

from __future__ import annotations

from emulator_tests.bench.crowd_simulation import Crowd, Flood, Outcome

HOUR_S = 3600
ERASED = 100_000
DAYS_MAX = 14


def run() -> None:
    """
    Simulate, and print the outcomes.
    """
    usual = Crowd()
    usual.prepare()
    _show("nobody disturbs", usual.run(HOUR_S))
    flooded = Crowd()
    flooded.prepare()
    _show(f"one teacher asks {Flood.EVERYTHING.value:.0f} times a second", flooded.run(HOUR_S, floods_for_s=HOUR_S))
    erased = Crowd()
    erased.prepare(ERASED)
    _show(f"{ERASED:,} videos with two hosts are erased", erased.run(DAYS_MAX * 24 * HOUR_S, erases=True))


def _show(title: str, outcome: Outcome) -> None:
    delays_s = outcome.delays_s
    print(f"crowd: {title}", flush=True)
    print(f"  {outcome.refused:,} of the others' {outcome.refused + outcome.served:,} calls were refused")
    print(f"  a ready video is shown after {sum(delays_s) / len(delays_s):.1f} s, at most {max(delays_s):.1f} s")
    print(f"  the busiest hour had {max(outcome.hours.values()):,} tasks, in {len(outcome.hours):,} hours", flush=True)
    if outcome.flooded:
        print(f"  the flood: {outcome.flooded['served']:,} served, {outcome.flooded['refused']:,} refused")
    if outcome.erasure is not None:
        print(f"  the erasure: {outcome.erasure.videos:,} videos, {outcome.left:,} things left", flush=True)
