"""Carry out what was asked for, from the operator's machine: several entries side by side, until each rests.

Called by the operator's command. It reconciles with the same Controller and the same claims as the workers do, so that
both can run at once, and what is interrupted is continued by whoever comes next.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from shared.archive.commands import Commands, Request
from shared.archive.controller import Archive
from shared.archive.model import ArchivedEntry, ArchiveState
from shared.core.errors import BackendError
from shared.ports import Entry
from shared.reconcile.reconciler import Reconciler

LOOK_S: Final = 5.0
"""The longest wait between two looks at an entry that the provider works on."""


class Outcome(StrEnum):
    """
    How a run ended for one entry. `WAITS`: the cold store needs hours, and the workers, or another run, go on then.
    """

    DONE = "done"
    WAITS = "waits"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Ran:
    """
    The end of a run for one entry.

    Attributes:
        entry_id: The entry.
        outcome: How it ended.
        sentence: Why it failed; empty otherwise.
        due_at: When it can go on, if it waits.
    """

    entry_id: str
    outcome: Outcome
    sentence: str = ""
    due_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Runs:
    """
    Runs of one operator.

    Attributes:
        commands: Record what is asked for.
        archive: The Controller.
        reconciler: Carries out its steps.
        provider: Our name of the provider.
        is_stopped: Is set to begin no further step; what runs comes to its end, or is continued later.
    """

    commands: Commands
    archive: Archive
    reconciler: Reconciler
    provider: str
    is_stopped: threading.Event

    def run(self, asked: Sequence[tuple[Entry, Request]], workers: int) -> Iterator[Ran]:
        """
        Carry out requests, and yield the end of each.

        Args:
            asked: The entries with what is asked for them.
            workers: How many are worked on at once.
        """
        with ThreadPoolExecutor(workers, "archive") as pool:
            waiting: set[Future[Ran]] = set()
            left = iter(asked)
            try:
                for entry, request in left:
                    waiting.add(pool.submit(self._one, entry, request))
                    if len(waiting) >= workers:
                        done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                        yield from (one.result() for one in done)
                while waiting:
                    done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                    yield from (one.result() for one in done)
            finally:
                self.is_stopped.set()

    def _one(self, entry: Entry, request: Request) -> Ran:
        try:
            self.commands.ask(self.provider, entry, request, has_task=False)
            return self._until_it_rests(entry.id)
        except BackendError as error:
            return Ran(entry.id, Outcome.FAILED, str(error))

    def _until_it_rests(self, entry_id: str) -> Ran:
        while True:
            snapshot = self.reconciler.reconcile(self.archive, entry_id)
            record, wish = snapshot.record, snapshot.spec.wish
            if record is None:
                return Ran(entry_id, Outcome.DONE)
            ended = _ended(entry_id, record, wish.number)
            if ended is not None:
                return ended
            if self.is_stopped.wait(LOOK_S):
                return Ran(entry_id, Outcome.FAILED, "Interrupted. Run the command again, or leave it to the workers.")


def _ended(entry_id: str, record: ArchivedEntry, number: int) -> Ran | None:
    """
    Return how a run has ended; `None` if it goes on. Pure.
    """
    failure = record.progress.failure
    if failure is not None:
        return Ran(entry_id, Outcome.FAILED, failure.message, failure.retry_at)
    if record.state is ArchiveState.LOST:
        return Ran(entry_id, Outcome.FAILED, "The entry does not exist at the provider any more.")
    if record.served == number:
        return Ran(entry_id, Outcome.DONE)
    if record.state is ArchiveState.WAITING:
        return Ran(entry_id, Outcome.WAITS, due_at=record.waits_until)
    return None
