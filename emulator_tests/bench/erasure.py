"""A teacher with a hundred thousand videos leaves: how long the longest function runs, and how many tasks an hour has.

What is measured is virtual time, see `erasure_simulation.py`: it hangs on nothing but the code and what each effect is
said to take.
"""

from __future__ import annotations

import os
from contextlib import redirect_stdout
from pathlib import Path

from emulator_tests.bench.erasure_simulation import Simulation, show_outcome

VIDEOS = 100_000


def run() -> None:
    """
    Simulate and show.
    """
    with Path(os.devnull).open("w") as nobody, redirect_stdout(nobody):
        outcome = Simulation(VIDEOS).run()
    for line in show_outcome(VIDEOS, outcome):
        print(line, flush=True)
