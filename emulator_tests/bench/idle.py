"""Benchmark of a school at rest: reads of a run of the sweep, and the cost of a day, by number of videos.

Reads are counted as Firestore bills them, on in-memory documents; see `idle_simulation.py`.
"""

from __future__ import annotations

import os
from contextlib import redirect_stdout
from pathlib import Path
from typing import Final

from emulator_tests.bench.idle_simulation import Day, School

SIZES: Final = (100, 1_000, 10_000, 100_000)

FREE_READS: Final = 50_000
"""Reads per day that Firestore does not charge; https://cloud.google.com/firestore/quotas."""

PRICE_PER_100K: Final = 0.06
"""US dollars for 100,000 reads in a multi-region, the most expensive common location."""


def run() -> None:
    """
    Count, and print the table.
    """
    print("videos    documents   reads of an idle run   the most of one run   reads of a day   US dollars a day")
    for videos in SIZES:
        with Path(os.devnull).open("w") as nobody, redirect_stdout(nobody):
            day = School(videos).day()
        print(line(videos, day), flush=True)


def line(videos: int, day: Day) -> str:
    """
    Return one row of the table. Pure.
    """
    dollars = max(0, day.reads - FREE_READS) / 100_000 * PRICE_PER_100K
    run_reads = f"{day.idle:>20,}   {max(day.runs):>19,}"
    return f"{videos:>7,}   {day.documents:>9,}   {run_reads}   {day.reads:>14,}   {dollars:>16.3f}"
