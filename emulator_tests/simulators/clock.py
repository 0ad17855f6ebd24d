"""The simulators' own time, and when the things in them become ready.

Used by every simulator: all their times come from one `Clock`, so a test can move it. A `Readiness` says when a
step of processing is due: at once, after a number of looks, after seconds, never, or that it fails.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from enum import StrEnum


class Clock:
    """Unix time that can be moved forward, made to stand still, and put right again."""

    def __init__(self) -> None:
        self._offset_s = 0.0
        self._stands_at_s: float | None = None

    @property
    def offset_s(self) -> float:
        """How far this clock runs ahead of the machine's."""
        return self._offset_s

    def now(self) -> float:
        """Seconds since the epoch, on the simulator's clock."""
        return time.time() + self._offset_s if self._stands_at_s is None else self._stands_at_s

    def advance(self, seconds: float) -> None:
        """Move the clock forward."""
        if seconds < 0:
            raise ValueError("the clock only moves forward")
        if self._stands_at_s is not None:
            self._stands_at_s += seconds
        self._offset_s += seconds

    def stand_at(self, instant_s: float) -> None:
        """Move the clock forward to an instant, and let it stand there."""
        self.advance(instant_s - self.now())
        self._stands_at_s = instant_s

    def put_right(self) -> None:
        """Show the machine's time again."""
        self._offset_s = 0.0
        self._stands_at_s = None


class Mode(StrEnum):
    """When processing moves on."""

    AT_ONCE = "at_once"
    AFTER_LOOKS = "after_looks"
    AFTER_S = "after_s"
    NEVER = "never"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Readiness:
    """A rule for when something becomes ready; `amount` counts looks or seconds, as the mode says."""

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
            ValueError: The text is no duration.
        """
        seconds = float(text.removesuffix("ms")) / 1000 if text.endswith("ms") else float(text.removesuffix("s"))
        return cls(Mode.AFTER_S, seconds) if seconds > 0 else cls(Mode.AT_ONCE)

    def is_due(self, step: int, steps: int, waited_s: float, looks: int) -> bool:
        """Whether step `step` of `steps` (counted from 1) has come. Pure.

        Args:
            step: The step asked for.
            steps: All steps; the last one is due when the whole amount is spent.
            waited_s: Seconds since processing began.
            looks: How often somebody has looked since then.
        """
        share = self.amount * step / steps
        if self.mode is Mode.AFTER_LOOKS:
            return looks >= share
        if self.mode is Mode.AFTER_S:
            return waited_s >= share
        return self.mode in (Mode.AT_ONCE, Mode.FAILED)

    def __str__(self) -> str:
        return f"{self.mode}:{self.amount:g}" if self.mode in (Mode.AFTER_LOOKS, Mode.AFTER_S) else str(self.mode)
