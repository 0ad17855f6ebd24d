"""Carry out what was asked for, from the operator's machine: several entries side by side, until each rests.

Called by the operator's command. It reconciles with the same Controller and the same claims as the workers do, so that
both can run at once. Workers, or another run, continue what was interrupted.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from shared.archive.commands import Commands, Request
from shared.archive.controller import Archive
from shared.archive.model import ArchivedEntry, ArchiveState
from shared.archive.storing import tell_nobody
from shared.core.errors import BackendError, Misconfigured, Transient
from shared.ports import Entry
from shared.reconcile.reconciler import Reconciler

POLL_S: Final = 5.0
"""The longest wait between two reconciliations of an entry that the provider works on."""

RETRY_WITHIN: Final = timedelta(minutes=5)
"""The longest pause before another try for which a run waits."""

LEFT: Final = "Interrupted. The workers go on with it, and so does the same command."

HELD: Final = (
    "The database was restored, and nothing is archived until an operator has checked it: "
    "`greenroom resume-after-restore`."
)


class Outcome(StrEnum):
    """
    The outcome of a run for one entry. `WAITS`: the cold store needs hours; the workers, or another run, continue then.
    `LEFT`: the run was stopped before the entry came to rest; the workers continue.
    """

    DONE = "done"
    WAITS = "waits"
    FAILED = "failed"
    LEFT = "left"


class Stopped(Transient):
    """
    A copy was given up, because the operator has stopped the run.
    """


@dataclass(frozen=True, slots=True)
class RunResult:
    """
    The end of a run for one entry.

    Attributes:
        entry_id: The entry.
        outcome: How it ended.
        sentence: Why it failed; empty otherwise.
        due_at: When it can go on, if it waits.
        state: Its state then; `None` if it has no record.
    """

    entry_id: str
    outcome: Outcome
    sentence: str = ""
    due_at: datetime | None = None
    state: ArchiveState | None = None


@dataclass(frozen=True, slots=True)
class Runner:
    """
    Runner of one operator.

    Attributes:
        commands: Record what is asked for.
        archive: The Controller.
        reconciler: Carries out its steps.
        provider: Our name of the provider.
        is_stopped: Is set to begin no further entry. Copies are given up, the steps at hand come to their end, and what
            is left is continued by the workers, or by another run.
        pause: Waits for `is_stopped`, or for some seconds, and returns whether it is set.
        waits: Is called with an entry, and in words why the run waits for it.
    """

    commands: Commands
    archive: Archive
    reconciler: Reconciler
    provider: str
    is_stopped: threading.Event
    pause: Callable[[threading.Event, float], bool] = threading.Event.wait
    waits: Callable[[str, str], None] = tell_nobody
    _wrong: dict[str, str] = field(default_factory=dict, init=False, repr=False, compare=False)

    def reached(self, entry_id: str, read: int, whole: int | None) -> None:
        """
        Give a copy up if the run was stopped. The Controller calls this after each part.

        Raises:
            Stopped: It is (again).
        """
        if self.is_stopped.is_set():
            raise Stopped("The copy was interrupted.", provider="", operation="archive", code="STOPPED")
        self.archive.storing.reached(entry_id, read, whole)

    def _misconfigured(self, entry_id: str, error: Misconfigured) -> None:
        self._wrong[entry_id] = str(error)

    def run(self, asked: Iterable[tuple[Entry, Request]], workers: int) -> Iterator[RunResult]:
        """
        Carry out requests, and yield the end of each. Requests are taken as workers become free.

        Args:
            asked: The entries with what is asked for them.
            workers: How many are worked on at once.
        """
        with ThreadPoolExecutor(workers, "archive") as pool:
            waiting: set[Future[RunResult]] = set()
            left = iter(asked)
            try:
                for entry, request in left:
                    if self.is_stopped.is_set():
                        break
                    waiting.add(pool.submit(self.one, entry, request))
                    if len(waiting) >= workers:
                        done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                        yield from (one.result() for one in done)
                while waiting:
                    done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                    yield from (one.result() for one in done)
            except BaseException:
                # Otherwise the pool would wait for everything that it has begun.
                self.is_stopped.set()
                raise

    def one(self, entry: Entry, request: Request) -> RunResult:
        """
        Carry out one request.
        """
        try:
            self.commands.ask(self.provider, entry, request, has_task=False)
            return self._until_it_rests(entry.id)
        except BackendError as error:
            return RunResult(entry.id, Outcome.FAILED, str(error))

    def _until_it_rests(self, entry_id: str) -> RunResult:
        archive = self.archive.telling(self.reached, self._misconfigured)
        while True:
            snapshot = self.reconciler.reconcile(archive, entry_id)
            record, wish = snapshot.record, snapshot.spec.wish
            if record is None:
                return RunResult(entry_id, Outcome.DONE)
            if entry_id in self._wrong:
                failure = record.progress.failure
                retry_at = None if failure is None else failure.retry_at
                return RunResult(entry_id, Outcome.FAILED, self._wrong.pop(entry_id), retry_at)
            if snapshot.spec.is_waiting:
                return RunResult(entry_id, Outcome.FAILED, HELD)
            ended = _ended(entry_id, record, wish.number, self.reconciler.clock())
            if ended is not None:
                return ended
            self.waits(entry_id, _reason(record))
            if self.pause(self.is_stopped, POLL_S):
                return RunResult(entry_id, Outcome.LEFT, LEFT)


def _reason(record: ArchivedEntry) -> str:
    """
    Return why a run waits for an entry, in words. Pure.
    """
    progress = record.progress
    if progress.claim is not None:
        return "a worker has it"
    if progress.failure is not None and progress.failure.retry_at is not None:
        return f"is tried again at {progress.failure.retry_at:%H:%M:%S} UTC"
    return "at the provider"


def _ended(entry_id: str, record: ArchivedEntry, number: int, now: datetime) -> RunResult | None:
    """
    Return how a run has ended; `None` if it goes on: somebody works on it, or a step that failed is tried again soon.
    Pure.
    """
    failure = record.progress.failure
    if record.progress.claim is not None:
        return None
    if failure is not None and failure.code == "STOPPED":
        return RunResult(entry_id, Outcome.LEFT, LEFT)
    if failure is not None and failure.retry_at is not None and failure.retry_at - now <= RETRY_WITHIN:
        return None
    if failure is not None:
        return RunResult(entry_id, Outcome.FAILED, failure.message, failure.retry_at)
    if record.state is ArchiveState.LOST:
        return RunResult(entry_id, Outcome.FAILED, "The entry does not exist at the provider any more.")
    if record.served == number:
        return RunResult(entry_id, Outcome.DONE, state=record.state)
    if record.state is ArchiveState.ARCHIVED and record.waits_until is not None:
        sentence = "The provider could not replace its content."
        return RunResult(entry_id, Outcome.FAILED, sentence, record.waits_until)
    if record.state is ArchiveState.WAITING:
        return RunResult(entry_id, Outcome.WAITS, due_at=record.waits_until)
    return None
