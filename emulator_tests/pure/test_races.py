"""Thousands of interleavings of reconciliations, users, faults and time: each ends as it was last wished; and the model
that says so notices every part of the mechanism that is broken.

`RACES` is how many are played (500; `make races` plays 5,000), `RACES_FROM` the first seed. One is read with
`python -m emulator_tests.pure.races --seed 17`.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import pytest

from emulator_tests.pure.races.chronicle import Chronicle
from emulator_tests.pure.races.defects import DEFECTS, SOUND, Build
from emulator_tests.pure.races.invariants import Broken
from emulator_tests.pure.races.play import play
from emulator_tests.pure.races.scheduler import Scheduler

pytestmark = pytest.mark.long

FIRST = int(os.environ.get("RACES_FROM", "0"))
COUNT = int(os.environ.get("RACES", "500"))
RARE = (888, 1000, 1154, 1340, 2153, 3656)
"""Played whatever the number is: they meet what one in a thousand meets. When the model changes and they no longer do,
`make races` finds others."""

DEFECT_SEEDS = range(5000, 8000)

TROUBLES = (
    "refused",
    "throttled",
    "timed out",
    "answer lost",
    "late",
    "came late",
    "killed before",
    "killed after",
    "killed, late",
    "killed by its timeout",
    "done twice",
    "note lost",
    "note doubled",
    "event lost",
)
CALLS = (
    "create_event",
    "find_event",
    "update_event",
    "delete_event",
    "prepare_upload",
    "find_upload",
    "observe",
    "rename",
    "reprocess",
    "delete_media",
    "changes",
    "strays",
    "has_content",
    "delete_stray",
    "end",
)
ACTS = ("document lost", "orphan adopted", "orphan refused", "key given", "unenrols")


@dataclass
class Played:
    """
    What came of many interleavings: how often what occurred, and the first that ended wrong.
    """

    counts: Counter[str] = field(default_factory=Counter)
    seed: int | None = None
    story: str = ""
    wrong: Exception | None = None


def played(build: Build, seeds: Iterable[int]) -> Played:
    """
    Play one after the other up to the first that ends wrong.
    """
    scheduler, result = Scheduler(), Played()
    for seed in seeds:
        chronicle, wrong = play(seed, build, scheduler)
        result.counts += chronicle.counts
        if wrong is not None:
            result.seed, result.wrong, result.story = seed, wrong, told(chronicle)
            break
    return result


def told(chronicle: Chronicle) -> str:
    return "\n".join(chronicle.lines())


@pytest.fixture(scope="module")
def sound() -> Played:
    return played(SOUND, [*RARE, *range(FIRST, FIRST + COUNT)])


def test_interleaving_ends_in_the_last_spec(sound: Played) -> None:
    """
    Duplicates, disorder, loss, kills and late commits included.
    """
    again = f"python -m emulator_tests.pure.races --seed {sound.seed}"
    assert sound.wrong is None, f"{sound.story}\n{type(sound.wrong).__name__}: {sound.wrong}\nRead it again: {again}"


def test_model_meets_every_fault_and_every_provider_call(sound: Played) -> None:
    """
    What never occurs proves nothing.
    """
    assert [what for what in (*TROUBLES, *CALLS, *ACTS) if not sound.counts[what]] == []


def test_an_interleaving_follows_from_its_seed() -> None:
    """
    Without that no failure could be looked into.
    """
    scheduler = Scheduler()
    for seed in range(20):
        assert told(play(seed, SOUND, scheduler)[0]) == told(play(seed, SOUND, Scheduler())[0])


@pytest.mark.parametrize("defect", DEFECTS)
def test_invariant_fails_when_broken(defect: str) -> None:
    """
    With one part of the mechanism broken some interleaving ends wrong, and in the way that part is there to prevent.
    """
    found = played(DEFECTS[defect], DEFECT_SEEDS)
    assert isinstance(found.wrong, Broken), f"no invariant was broken in {len(DEFECT_SEEDS)} interleavings"
    assert found.wrong.number in DEFECTS[defect].violates, str(found.wrong)
