"""Simulation of a school at rest: reads of the sweep while nothing is due, as Firestore bills them.

Used by the bench area `idle` and by `pure/test_idle_cost.py`. The sweep is the real one, on in-memory documents. The
clock moves from run to run as the schedule does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, TypeVar

from emulator_tests.bench.billed import BilledDocuments
from emulator_tests.bench.films import write_session
from emulator_tests.deployment_settings import deployment_settings
from emulator_tests.memory import ManualClock, MemoryDocuments, MemoryEvents, MemoryInventory, MemoryMedia, MemoryQueue
from emulator_tests.pure.deployment import POLICY, WINDOW
from shared.app import App
from shared.core.identity import SessionIdentity
from shared.core.paths import SESSIONS, VIDEOS
from shared.ports import Condition, ExternalIds, Operator, ProviderAccount, Query, UploadSpec

T = TypeVar("T")

SESSION_VIDEOS: Final = 10
SWEEP_S: Final = 300
DAY_S: Final = 24 * 3600

SWITCH_READS: Final = 1
"""The schedule reads the operator's switch before each run."""


@dataclass(frozen=True, slots=True)
class Day:
    """
    The reads of a day of sweeps.

    Attributes:
        runs: The reads of each run, the switch included.
        documents: Number of sessions, pairings and videos.
        left: Number of tasks that the runs enqueued.
    """

    runs: tuple[int, ...]
    documents: int
    left: int

    @property
    def idle(self) -> int:
        """
        Reads of an idle run: the median of all runs. Runs that are part of a full check read more.
        """
        return sorted(self.runs)[len(self.runs) // 2]

    @property
    def reads(self) -> int:
        """
        All reads of the day.
        """
        return sum(self.runs)


class School:
    """
    A school with ready videos, ten in each session. Nothing is due, and nothing has changed for long.

    Args:
        videos: The number of videos.
    """

    def __init__(self, videos: int) -> None:
        self.clock = ManualClock()
        self.kept = MemoryDocuments(self._effect)
        self.documents = BilledDocuments(self.kept)
        self.queue = MemoryQueue(self.clock)
        events, media = MemoryEvents(self.clock), MemoryMedia(self.clock)
        settings = deployment_settings(
            policy=POLICY,
            provider=media.name,
            reap_grace_s=600,
            late_commit_s=600,
            window=WINDOW,
            stray_age_s=3600,
            feed_interval_s=9,
            feed_overlap_s=60,
            feed_ticks_max=8640,
            tasks_per_hour_max=100_000,
        )
        provider_accounts = {media.name: ProviderAccount(media, MemoryInventory(events, media))}
        self.app = App(self.documents, self.queue, self.clock, events, provider_accounts, settings)
        self._select_takes_s = 0.0
        for first in range(0, videos, SESSION_VIDEOS):
            session = SessionIdentity(f"s{first:06}", "teacher", self.clock())
            write_session(self.kept, session, media.name, min(SESSION_VIDEOS, videos - first), _parts_of)
        self.clock.advance(DAY_S)

    def day(self) -> Day:
        """
        Run the schedule for a day that begins with a full check, and count.
        """
        self._select_takes_s = 0.2
        runs = []
        begun_at = self.clock()
        while self.clock() - begun_at < timedelta(seconds=DAY_S):
            before, at = self.documents.reads, self.clock()
            self.app.sweep.run()
            runs.append(self.documents.reads - before + SWITCH_READS)
            self.clock.move_to(max(self.clock(), at + timedelta(seconds=SWEEP_S)))
        alive = Query(VIDEOS, (Condition("gone", Operator.EQUAL, False),))
        documents = self.kept.count(alive) + 2 * self.kept.count(Query(SESSIONS))
        return Day(tuple(runs), documents, len(self.queue.waiting()))

    def _effect(self, operation: str, do: Callable[[], T]) -> T:
        if operation == "select" and self._select_takes_s:
            # A page takes this long in the cloud. So a full check needs as many slices as there.
            self.clock.advance(self._select_takes_s)
        return do()


def _parts_of(reference: str, _: UploadSpec) -> ExternalIds:
    """
    Return external ids that no code passes to the provider.
    """
    return {"entryId": f"0_{reference.split(':')[1]}"}
