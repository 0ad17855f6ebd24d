"""The simulators' own time, and when the things in them become ready.

Used by every simulator: all their times come from one `Clock`, so a test can move it. A `Readiness` says when a
step of processing is due: at once, after a number of reads (`after_looks`), after seconds, never, or that it fails.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from enum import StrEnum


class Clock:
    """Unix time that tests can advance, stop and reset."""

    def __init__(self) -> None:
        self._offset_s = 0.0
        self._stopped_at_s: float | None = None

    @property
    def offset_s(self) -> float:
        """Seconds by which this clock is ahead of the machine's."""
        return self._offset_s

    def now(self) -> float:
        """Seconds since the epoch, on the simulator's clock."""
        return time.time() + self._offset_s if self._stopped_at_s is None else self._stopped_at_s

    def advance(self, seconds: float) -> None:
        """Move the clock forward."""
        if seconds < 0:
            raise ValueError("the clock only moves forward")
        if self._stopped_at_s is not None:
            self._stopped_at_s += seconds
        self._offset_s += seconds

    def stop_at(self, instant_s: float) -> None:
        """Advance the clock to an instant, and stop it there."""
        self.advance(instant_s - self.now())
        self._stopped_at_s = instant_s

    def reset(self) -> None:
        """Follow the machine's clock again."""
        self._offset_s = 0.0
        self._stopped_at_s = None


class Mode(StrEnum):
    """The conditions under which processing goes on."""

    AT_ONCE = "at_once"
    AFTER_LOOKS = "after_looks"
    AFTER_S = "after_s"
    NEVER = "never"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Readiness:
    """A rule for when something becomes ready; `amount` is a number of reads or of seconds, by mode."""

    mode: Mode
    amount: float = 0.0

    @classmethod
    def parse(cls, text: str) -> Readiness:
        """Read `at_once`, `after_looks:3`, `after_s:2`, `never` or `failed`.

        Raises:
            ValueError: The text is none of these.
        """
        mode, _, amount = text.partition(":")
        return cls(Mode(mode), float(amount or 0))

    @classmethod
    def parse_duration(cls, text: str) -> Readiness:
        """Read a duration such as `2s`, `0.5s`, `300ms` or `2`; zero means at once.

        Raises:
            ValueError: The text is not a duration.
        """
        seconds = float(text.removesuffix("ms")) / 1000 if text.endswith("ms") else float(text.removesuffix("s"))
        return cls(Mode.AFTER_S, seconds) if seconds > 0 else cls(Mode.AT_ONCE)

    def is_due(self, step: int, steps: int, waited_s: float, reads: int) -> bool:
        """Return whether step `step` of `steps` (counted from 1) is due. Pure.

        Args:
            step: The step asked for.
            steps: All steps; the last one is due when the whole amount is spent.
            waited_s: Seconds since processing began.
            reads: How often a client has read it since then.
        """
        share = self.amount * step / steps
        if self.mode is Mode.AFTER_LOOKS:
            return reads >= share
        if self.mode is Mode.AFTER_S:
            return waited_s >= share
        return self.mode in (Mode.AT_ONCE, Mode.FAILED)

    def __str__(self) -> str:
        return f"{self.mode}:{self.amount:g}" if self.mode in (Mode.AFTER_LOOKS, Mode.AFTER_S) else str(self.mode)
