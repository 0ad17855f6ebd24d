"""Interleavings of everybody who changes an archived entry: nothing is lost, and all comes to rest as it was last
wished; and the race that says so notices every part of the mechanism that is broken.

`RACES` is how many are played (150), `RACES_FROM` the first seed.
"""

from __future__ import annotations

import os
from collections import Counter

import pytest

from emulator_tests.pure.races.archive import ArchiveBuild, play_archive
from emulator_tests.pure.races.archive_defects import DEFECTS
from emulator_tests.pure.races.invariants import Broken
from emulator_tests.pure.races.scheduler import Scheduler

pytestmark = pytest.mark.long

FIRST = int(os.environ.get("RACES_FROM", "0"))
COUNT = int(os.environ.get("RACES", "150"))
RARE = (10447,)
"""Played whatever the number is: a video is deleted, and the task that removes its original is lost."""

DEFECT_SEEDS = range(5000, 8000)

MET = (
    "refused",
    "answer lost",
    "late",
    "came late",
    "killed before",
    "killed after",
    "killed by its timeout",
    "task lost",
    "fails",
    "begin_store",
    "store",
    "delete",
    "find",
    "ask",
    "address",
    "digest",
    "replace",
    "replace_from",
    "cancel_replacement",
    "set_thumbnail",
    "delete_flavors",
    "change_tags",
    "delete_media",
    "act: check",
    "act: watch",
    "act: keep",
    "act: unkeep",
    "act: delete",
    "act: renew",
    "act: vanish",
    "act: upload",
    "act: begin upload",
    "act: label",
    "done",
    "waits",
    "provider overwrites",
)
"""The events that each run must contain. An event that never occurs proves nothing."""


def test_no_interleaving_loses_an_original_and_each_comes_to_rest() -> None:
    scheduler, counts = Scheduler(), Counter[str]()
    for seed in (*RARE, *range(FIRST, FIRST + COUNT)):
        chronicle, wrong = play_archive(seed, ArchiveBuild(), scheduler)
        counts += chronicle.counts
        assert wrong is None, "\n".join([*chronicle.lines(), f"Seed {seed}: {type(wrong).__name__}: {wrong}"])
    assert [what for what in MET if not counts[what]] == []


def test_an_interleaving_follows_from_its_seed() -> None:
    for seed in range(5):
        first, second = (play_archive(seed, ArchiveBuild(), Scheduler())[0] for _ in range(2))
        assert list(first.lines()) == list(second.lines())


@pytest.mark.parametrize("defect", DEFECTS)
def test_race_notices_a_defect(defect: str) -> None:
    scheduler = Scheduler()
    for seed in DEFECT_SEEDS:
        _, wrong = play_archive(seed, DEFECTS[defect], scheduler)
        if wrong is not None:
            assert isinstance(wrong, Broken), wrong
            assert wrong.number in DEFECTS[defect].violates, str(wrong)
            return
    raise AssertionError(f"No invariant was broken in {len(DEFECT_SEEDS)} interleavings.")
