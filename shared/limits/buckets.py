"""Token buckets: what a budget is, and one as a document holds it. Pure.

Called by `limits`, which draws from them, and by whoever says how large a budget is.

The document holds two instants: `fullAt`, when the bucket would be full again if nobody drew, and `pausedUntil`. So
nothing has to be written for a bucket to fill, a document that is deleted after `expiresAt` loses nothing, and a clock
that is wrong by some seconds is wrong by what refills in them, once. Instants that no clock can have meant are not
believed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, Final, Self

from shared.ports import Create, Document, Update, Version

PAUSE_MAX_S: Final = 3600.0
"""The longest pause; a longer one in a document was written by a clock that is wrong."""

SKEW_S: Final = 10.0
"""What clocks of instances may differ by."""

PER_MINUTE_MAX: Final = 60_000
"""The highest rate: instants are kept in microseconds, and in each of them comes back what is neglected."""


class Priority(Enum):
    """
    How urgent a call is. The value is the share of a full bucket that is left to what is more urgent.
    """

    INTERACTIVE = 0.0
    """Somebody is waiting for it."""

    ROUTINE = 0.25
    """It keeps things going, and may be some seconds late."""

    BULK = 0.5
    """There is much of it, and it may be hours late."""


@dataclass(frozen=True, slots=True)
class Budget:
    """
    How often something may be done, by all instances together.

    In any time of `t` minutes that is at most `burst + per_minute * (t + PORTION_S / 60)` times, and `unasked` times
    more for each instance and each time in which an empty bucket fills.

    Attributes:
        burst: What a full bucket holds.
        per_minute: What comes back to it in a minute.
        portion: The most that an instance draws with one write; what others hold cannot be drawn, so of a small bucket
            it should be a small part.
        unasked: Calls that each instance lets pass before it asks the document at all, each time in which an empty
            bucket fills: so what is asked for rarely costs neither read nor write.

    Raises:
        ValueError: It could never be drawn from (never).
    """

    burst: int
    per_minute: float
    portion: int = 1
    unasked: int = 0

    def __post_init__(self) -> None:
        if not 1 <= self.portion <= self.burst or not 0 < self.per_minute <= PER_MINUTE_MAX or self.unasked < 0:
            raise ValueError("A budget needs a positive rate that is possible, and a portion between 1 and its burst.")

    @property
    def filled_in(self) -> timedelta:
        """
        How long an empty bucket takes to be full. Pure.
        """
        return self.refilled_in(self.burst)

    def refilled_in(self, tokens: float) -> timedelta:
        """
        How long it takes for so many tokens to come back. Pure.
        """
        return timedelta(minutes=tokens / self.per_minute)

    def kept_from(self, priority: Priority) -> float:
        """
        What must be left in the bucket by calls of a priority; a full one always has a token for them. Pure.
        """
        return min(priority.value * self.burst, self.burst - 1)


@dataclass(frozen=True, slots=True)
class Bucket:
    """
    One document of a budget.

    Attributes:
        full_at: When it is full again; past where it is full.
        paused_until: Until then nothing may be drawn; `None` where nobody has said so.
        version: `None` where there is no document.
        is_wrong: Whether the document holds an instant that no clock can have meant, and must be written anew.
    """

    full_at: datetime
    paused_until: datetime | None = None
    version: Version | None = None
    is_wrong: bool = False

    @classmethod
    def read(cls, document: Document | None, budget: Budget, now: datetime) -> Self:
        """
        Read a document; none is a full bucket. Pure.
        """
        if document is None:
            return cls(now)
        skew = timedelta(seconds=SKEW_S)
        full_at, full_max = _instant(document.fields.get("fullAt")) or now, now + budget.filled_in
        paused_until = _instant(document.fields.get("pausedUntil"))
        if paused_until is not None and not now < paused_until <= now + timedelta(seconds=PAUSE_MAX_S) + skew:
            paused_until = None
        return cls(min(full_at, full_max), paused_until, document.version, is_wrong=full_at > full_max + skew)

    def tokens(self, budget: Budget, now: datetime) -> float:
        """
        What it holds. Pure.
        """
        missing = max(self.full_at - now, timedelta(0)) / timedelta(minutes=1) * budget.per_minute
        return budget.burst - missing

    def exchanged(self, budget: Budget, now: datetime, returned: int, drawn: int) -> Self:
        """
        The bucket once so many tokens are handed back and so many drawn; more than full it never gets. Pure.
        """
        full_at = max(max(self.full_at, now) - budget.refilled_in(returned), now)
        return replace(self, full_at=full_at + budget.refilled_in(drawn))

    def write(self, path: str) -> Create | Update:
        """
        The write of it, on condition that nobody else wrote since it was read. Pure.
        """
        fields: dict[str, Any] = {
            "fullAt": self.full_at,
            "pausedUntil": self.paused_until,
            "expiresAt": max(self.full_at, self.paused_until or self.full_at),
        }
        return Create(path, fields) if self.version is None else Update(path, fields, if_version=self.version)


def _instant(value: object) -> datetime | None:
    """
    An instant of a bucket; anything else that somebody has written says nothing. Pure.
    """
    return value if isinstance(value, datetime) else None
