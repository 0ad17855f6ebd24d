"""Simulation of the erasure of all content of a teacher, in virtual time.

The erasure and the reconciles are the real ones, on in-memory documents and provider. Used by the bench area `erasure`
and by `pure/test_erasure_simulation.py`, which choose the number of videos.

Every effect takes as long as it would in the cloud, by the one clock of the simulation. Functions run one after the
other, so each is measured alone, and the whole takes longer than in the cloud.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, TypeVar

from emulator_tests.bench.films import uploading, write_session
from emulator_tests.deployment_settings import deployment_settings
from emulator_tests.memory import ManualClock, MemoryDocuments, MemoryEvents, MemoryInventory, MemoryMedia, MemoryQueue
from emulator_tests.pure.deployment import POLICY, WINDOW
from shared.app import App
from shared.core.callers import Caller
from shared.core.identity import SessionIdentity
from shared.core.paths import ERASURES, SESSIONS, VIDEOS, erasure_path
from shared.erasure.commands import ask_erasure
from shared.erasure.model import Erasure, ErasureState
from shared.ports import ProviderAccount, Task
from shared.reconcile import WORKER_TIMEOUT_S

T = TypeVar("T")

TEACHER: Final = Caller("teacher", is_teacher=True)
SESSION_VIDEOS: Final = 100
DAYS_MAX: Final = 14

TOOK_S: Final = {
    "read": 0.02,
    "select": 0.1,
    "total": 0.2,
    "commit": 0.06,
    "put": 0.02,
    "delete_media": 0.5,
    "observe": 0.4,
    "changes": 0.5,
    "strays": 1.0,
}
"""Seconds that each effect takes: generous for Firestore and Cloud Tasks, and for a provider far away."""

WRITE_S: Final = 0.004
"""Seconds that each write adds to a commit. A page has hundreds of writes."""

USUAL_S: Final = 0.3


@dataclass(frozen=True, slots=True)
class Outcome:
    """
    The results of a simulation.

    Attributes:
        longest_s: The longest run of each function, by its worker's name.
        runs: Number of runs of each function.
        busiest_hour_tasks: Tasks in the hour with the most tasks.
        lasted: Time from the request to the end.
        left: Number of documents of sessions and videos that are not gone, and of things at the provider.
        erasure: The erasure as it ended.
    """

    longest_s: dict[str, float]
    runs: dict[str, int]
    busiest_hour_tasks: int
    lasted: timedelta
    left: int
    erasure: Erasure


class Simulation:
    """
    A school in which one teacher has ready videos.

    Args:
        videos: The number of videos.
    """

    def __init__(self, videos: int) -> None:
        self.clock = ManualClock()
        self._is_timed = False
        self.documents = _TimedDocuments(self._effect)
        self.queue = MemoryQueue(self.clock, self._effect)
        events = MemoryEvents(self.clock, self._effect)
        self.media = MemoryMedia(self.clock, self._effect)
        settings = deployment_settings(
            policy=POLICY,
            provider=self.media.name,
            reap_grace_s=600,
            late_commit_s=600,
            window=WINDOW,
            stray_age_s=3600,
            feed_interval_s=9,
            feed_overlap_s=60,
            feed_ticks_max=8640,
            tasks_per_hour_max=100_000,
        )
        provider_accounts = {
            self.media.name: ProviderAccount(self.media, MemoryInventory(events, self.media, self._effect))
        }
        self.app: App = App(self.documents, self.queue, self.clock, events, provider_accounts, settings)
        for first in range(0, videos, SESSION_VIDEOS):
            session = SessionIdentity(f"s{first:06}", TEACHER.uid, self.clock())
            count = min(SESSION_VIDEOS, videos - first)
            write_session(self.documents, session, self.media.name, count, uploading(self.media))

    def run(self) -> Outcome:
        """
        Ask for the erasure, and run every task at its time until the erasure is done.
        """
        self._is_timed = True
        begun_at = self.clock()
        key, _ = ask_erasure(TEACHER, "r", TEACHER.uid, self.documents, self.queue, self.clock)
        longest: dict[str, float] = {"eraseContent": (self.clock() - begun_at).total_seconds()}
        runs: dict[str, int] = {}
        hours: dict[int, int] = {}

        def deliver(task: Task) -> None:
            at = self.clock()
            self.app.work(task.queue, task.key)
            took_s = (self.clock() - at).total_seconds()
            longest[task.queue] = max(longest.get(task.queue, 0.0), took_s)
            runs[task.queue] = runs.get(task.queue, 0) + 1
            hour = int(at.timestamp()) // 3600
            hours[hour] = hours.get(hour, 0) + 1

        ends_at = begun_at + timedelta(days=DAYS_MAX)
        while self._erasure(key).state is not ErasureState.DONE:
            assert self.clock() < ends_at, "There is no end of it."
            self.queue.deliver_until(self.clock() + timedelta(minutes=10), deliver)
        done = self._erasure(key)
        left = [path for path in self.documents.paths() if path.startswith((f"{SESSIONS}/", f"{VIDEOS}/"))]
        alive = [path for path in left if not self._is_gone(path)]
        assert done.done_at is not None
        return Outcome(
            longest,
            runs,
            max(hours.values()),
            done.done_at - begun_at,
            len(alive) + len(self.media.alive()),
            done,
        )

    def _erasure(self, key: str) -> Erasure:
        (document,) = self.documents.untimed(erasure_path(key))
        assert document is not None, f"There is no {ERASURES}/{key}."
        return Erasure.from_document(document)

    def _is_gone(self, path: str) -> bool:
        (document,) = self.documents.untimed(path)
        return document is not None and document.fields.get("gone") is True

    def _effect(self, operation: str, do: Callable[[], T]) -> T:
        if self._is_timed:
            self.clock.advance(TOOK_S.get(operation, USUAL_S) + WRITE_S * self.documents.writes)
            self.documents.writes = 0
        return do()


class _TimedDocuments(MemoryDocuments):
    """
    Documents that remember how many writes the last commit had.
    """

    def __init__(self, effect: Any) -> None:
        super().__init__(effect)
        self.writes = 0

    def commit(self, *writes: Any) -> tuple[Any, ...]:
        self.writes = len(writes)
        return super().commit(*writes)

    def untimed(self, path: str) -> tuple[Any, ...]:
        """
        Return the document, in no time, for measurements.
        """
        return (self._document(path),)


def show_outcome(videos: int, outcome: Outcome) -> list[str]:
    """
    Return the outcome as lines of text. Pure.
    """
    erasure = outcome.erasure
    lines = [f"erasure: {videos:,} videos of one teacher, in virtual time"]
    for name, longest_s in sorted(outcome.longest_s.items()):
        runs = outcome.runs.get(name, 1)
        lines.append(f"  {name:<14} ran {runs:>8,} times, at most {longest_s:6.2f} s of {WORKER_TIMEOUT_S}")
    tasks, lasted = outcome.busiest_hour_tasks, outcome.lasted
    lines.append(f"  the busiest hour had {tasks:,} tasks; one after the other all took {lasted}")
    lines.append(f"  left: {outcome.left}; marked: {erasure.videos:,} videos in {erasure.sessions:,} sessions")
    return lines
