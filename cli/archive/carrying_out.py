"""Carry out a plan, entry by entry, and show how far it is.

Called by `acting.py`. `shared/archive/runner.py` does the work.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from cli.archive.planning import Plan
from cli.archive.work import line_of, printable, size_text, time_text
from cli.output import Output, Progress, Rows

if TYPE_CHECKING:
    from shared.archive.commands import Request
    from shared.archive.plan import Planned
    from shared.archive.runner import RunResult
    from shared.ports import Entry

SHOWN_EVERY_S: Final = 0.2
LINE_EVERY_S: Final = 10.0
"""The shortest time between two reports of the bytes that were copied: on a terminal, and in a log."""


def carry_out(plan: Plan, output: Output, rows: Rows, is_stopped: threading.Event, workers: int) -> None:
    """
    Do what is planned, and print the end of each entry as it comes.
    """
    plan.whole = plan.chosen.count(plan.job.account)
    running: dict[str, Planned] = {}
    with output.progress(plan.act.value, plan.whole) as progress:
        rows.above = progress.result if output.is_one_terminal else None
        copied = Copied(progress, SHOWN_EVERY_S if output.messages.isatty() else LINE_EVERY_S)
        runner = plan.job.runner(is_stopped, copied.reached, copied.waits)

        def asked() -> Iterator[tuple[Entry, Request]]:
            for one in plan.entries(is_stopped):
                if one.refused is not None or one.is_done:
                    rows.add(plan.line(one), plan.data(one))
                    progress.advance()
                else:
                    running[one.entry.id] = one
                    yield one.entry, plan.request()

        try:
            for result in runner.run(asked(), workers):
                one = running.pop(result.entry_id)
                outcome, sentence = _described(plan, result)
                plan.ended[outcome] = plan.ended.get(outcome, 0) + 1
                if outcome in ("done", "waits"):
                    plan.paid = plan.paid.plus(one)
                if outcome == "waits" and result.due_at is not None:
                    plan.waits_until.append(result.due_at)
                rows.add(
                    line_of(result.entry_id, plan.act.value, f"{outcome}: {sentence}", is_applied=True),
                    plan.data(one, outcome=outcome, sentence=sentence, dueAt=result.due_at),
                )
                progress.advance()
        finally:
            rows.above = None
            plan.copied = copied.sum()


def _described(plan: Plan, result: RunResult) -> tuple[str, str]:
    """
    Return how a run has ended for an entry, and that in words.
    """
    from shared.archive.model import ArchiveState
    from shared.archive.plan import Act
    from shared.archive.runner import Outcome

    again = "" if result.due_at is None else f" The workers try again at {time_text(result.due_at)}."
    match result.outcome:
        case Outcome.DONE if plan.act is Act.REPLACE and result.state is not ArchiveState.PLACE_HOLDER:
            return "failed", "It was played, or its content replaced, meanwhile. It stays as it is."
        case Outcome.DONE:
            return "done", "verified" if plan.act is not Act.REPLACE else "the placeholder plays"
        case Outcome.WAITS:
            when = "some hours" if result.due_at is None else time_text(result.due_at)
            return "waits", f"the cold store has it ready at {when}"
        case Outcome.FAILED:
            return "failed", f"{printable(result.sentence)}{again}"
    return "left", result.sentence


@dataclass(slots=True)
class Copied:
    """
    The bytes that were copied, of all entries, and what is waited for. Several threads call it.

    Attributes:
        progress: Where it is shown.
        every_s: The shortest time between two reports.
        clock: Returns seconds.
    """

    progress: Progress
    every_s: float
    clock: Callable[[], float] = time.monotonic
    _read: dict[str, int] = field(default_factory=dict)
    _sizes: dict[str, int] = field(default_factory=dict)
    _ended: int = 0
    _reasons: dict[str, str] = field(default_factory=dict)
    _shown_at: float | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def reached(self, entry_id: str, read: int, whole: int | None) -> None:
        """
        Take note of how far the copy of an entry is.
        """
        with self._lock:
            self._read[entry_id] = read
            self._sizes[entry_id] = max(read, whole or 0)
            if whole is not None and read >= whole:
                self._ended += self._read.pop(entry_id)
                del self._sizes[entry_id]
            now = self.clock()
            if self._shown_at is not None and now - self._shown_at < self.every_s:
                return
            self._shown_at = now
            whole_bytes = self._ended + sum(self._sizes.values())
            self.progress.show(f"{size_text(self._sum())} of {size_text(whole_bytes)} copied")

    def waits(self, entry_id: str, reason: str) -> None:
        """
        Show why an entry is waited for, once for each reason.
        """
        with self._lock:
            if self._reasons.get(entry_id) != reason:
                self._reasons[entry_id] = reason
                self.progress.show(f"{entry_id}: {reason}")

    def sum(self) -> int:
        """
        Return the bytes of all copies.
        """
        with self._lock:
            return self._sum()

    def _sum(self) -> int:
        return self._ended + sum(self._read.values())
