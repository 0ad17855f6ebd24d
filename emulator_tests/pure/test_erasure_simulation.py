"""A teacher with many videos leaves, in virtual time; `make bench AREA=erasure` plays it with a hundred thousand."""

from __future__ import annotations

import pytest

from emulator_tests.bench.erasure_simulation import Simulation
from shared.erasure.decide import PACE_S
from shared.reconcile import WORKER_TIMEOUT_S

pytestmark = pytest.mark.long

VIDEOS = 1500


def test_erasure_of_many_videos_stays_within_timeouts() -> None:
    outcome = Simulation(VIDEOS).run()

    assert outcome.left == 0
    assert (outcome.erasure.videos, outcome.erasure.left.videos, outcome.erasure.left.deletions) == (VIDEOS, 0, 0)
    assert max(outcome.longest_s.values()) < WORKER_TIMEOUT_S, outcome.longest_s
    # Two tasks for each video, and those of sessions, pages and counts.
    assert sum(outcome.runs.values()) < 2.5 * VIDEOS
    assert outcome.runs["reconcileDeletion"] >= VIDEOS
    assert outcome.lasted.total_seconds() > PACE_S
