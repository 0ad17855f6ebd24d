"""A school at rest costs the same however large it is; `make bench AREA=idle` counts it up to a hundred thousand."""

from __future__ import annotations

import math
from typing import Final

import pytest

from emulator_tests.bench.billed import READ_EACH
from emulator_tests.bench.idle_simulation import DAY_S, School
from shared.core.paths import RECONCILE_SESSION, session_path
from shared.operations.health import STATES_EVERY_S
from shared.ports import Delete, Update
from shared.registry import RESOURCES

pytestmark = pytest.mark.long

IDLE_READS_MAX = 13
"""Twelve are read: the switch, what is due of operations, sessions, copies, deletions, erasures, transfers, admissions,
slides, timelines and videos, and the sessions that changed."""

STATES: Final = sum(len(one.counted) for one in RESOURCES)
"""The reads of the sweep, every three hours, that count records by state for `operations/health`."""

STATES_MAX: Final = 14


@pytest.mark.parametrize("videos", [10, 5_000])
def test_an_idle_sweep_reads_thirteen_documents_and_one_for_each_thousand(videos: int) -> None:
    """
    C4.
    """
    day = School(videos).day()
    assert day.left == 0, "nothing was to be done"
    assert day.idle <= IDLE_READS_MAX
    counted = [reads for reads in day.runs if reads > IDLE_READS_MAX]
    of_counts = math.ceil(day.documents / READ_EACH) + 2
    looks = [reads for reads in counted if reads > IDLE_READS_MAX + STATES + of_counts]
    assert len(looks) == 1, "everything was looked at once, in one slice"
    # Each session, record and video once, and for empty queries and counts a few.
    assert max(looks) <= day.documents + IDLE_READS_MAX + STATES + of_counts + 18


def test_counts_by_state_cost_little_and_the_same_in_every_school() -> None:
    """
    C4: some hundred reads a day.
    """
    assert 0 < STATES <= STATES_MAX
    of_states = []
    for videos in (10, 5_000):
        runs = School(videos).day().runs
        idle = sorted(runs)[len(runs) // 2]
        # Those that only count sessions and their records read less.
        every = [number for number, reads in enumerate(runs) if STATES <= reads - idle < 2 * STATES]
        of_states.append(every)
    few, many = of_states
    assert few == many
    assert len(few) == DAY_S // STATES_EVERY_S - 1, "the first run of the day looks at everything too"


def test_a_deletion_that_nobody_noticed_is_found_within_an_hour_by_counting() -> None:
    """
    C4.
    """
    school = School(100)
    school.day()
    school.kept.commit(Delete(session_path("s000050")))
    begun_at = school.clock()
    while RECONCILE_SESSION not in {task.queue for task in school.queue.waiting()}:
        school.app.sweep.run()
        school.clock.advance(300)
        assert (school.clock() - begun_at).total_seconds() <= 3600
    assert [task.key for task in school.queue.waiting() if task.queue == RECONCILE_SESSION] == ["s000050"]


def test_a_change_that_nobody_noticed_is_found_by_the_next_run_among_many() -> None:
    """
    C4: and read alone, with its record.
    """
    school = School(1000)
    school.day()
    # The day is over: another look at everything.
    school.app.sweep.run()
    school.clock.advance(300)
    live = {"format": "liveStreaming", "updatedAt": school.clock()}
    school.kept.commit(Update(session_path("s000050"), live))
    school.clock.advance(300)
    before = school.documents.reads
    school.app.sweep.run()
    assert [task.key for task in school.queue.waiting() if task.queue == RECONCILE_SESSION] == ["s000050"]
    assert school.documents.reads - before <= IDLE_READS_MAX + 2 + 2
