"""Run interleavings by hand: one to read it, or very many, as every night.

python -m emulator_tests.pure.races --seed 17 [--defect "there is no lease"]
python -m emulator_tests.pure.races --seeds 100000 [--from 5000]
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter

from emulator_tests.pure.races.defects import DEFECTS, SOUND
from emulator_tests.pure.races.play import play
from emulator_tests.pure.races.scheduler import Scheduler


def main() -> int:
    """
    Run the interleavings, and print the first that broke an invariant.

    Returns:
        The exit code: 0 if no invariant was broken.
    """
    parser = argparse.ArgumentParser(prog="python -m emulator_tests.pure.races", description=__doc__)
    parser.add_argument("--seed", type=int, help="play this one and tell what happened")
    parser.add_argument("--seeds", type=int, default=5000, help="play so many and stop at the first that ends wrong")
    parser.add_argument("--from", dest="first", type=int, default=0, help="the first of them")
    parser.add_argument("--defect", choices=sorted(DEFECTS), help="with this part of the mechanism broken")
    asked = parser.parse_args()
    build = SOUND if asked.defect is None else DEFECTS[asked.defect]
    scheduler = Scheduler()
    seeds = range(asked.first, asked.first + asked.seeds) if asked.seed is None else [asked.seed]
    counts: Counter[str] = Counter()
    began_s = time.perf_counter()
    for seed in seeds:
        chronicle, wrong = play(seed, build, scheduler)
        counts += chronicle.counts
        if wrong is not None or asked.seed is not None:
            print(*chronicle.lines(), sep="\n")
        if wrong is not None:
            print(f"Seed {seed}: {type(wrong).__name__}: {wrong}")
            return 1
    took_s = time.perf_counter() - began_s
    print(f"{len(seeds)} interleavings in {took_s:.1f} s; no invariant was broken.")
    for what, count in counts.most_common():
        print(f"{count:>10}  {what}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
