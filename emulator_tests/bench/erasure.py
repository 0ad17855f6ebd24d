"""Benchmark of the erasure of a teacher with a hundred thousand videos: the longest function, and the tasks per hour.

The times are virtual, see `erasure_simulation.py`: they depend only on the code and on the assumed time of each effect.
"""

from __future__ import annotations

import os
from contextlib import redirect_stdout
from pathlib import Path

from emulator_tests.bench.erasure_simulation import Simulation, show_outcome

VIDEOS = 100_000


def run() -> None:
    """
    Simulate, and print the outcome.
    """
    with Path(os.devnull).open("w") as nobody, redirect_stdout(nobody):
        outcome = Simulation(VIDEOS).run()
    for line in show_outcome(VIDEOS, outcome):
        print(line, flush=True)
