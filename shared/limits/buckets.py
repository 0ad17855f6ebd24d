"""Token buckets: the size of a budget, and the state of its bucket in a document. Pure.

Called by `limiter`, which draws from them, and by the code that defines budgets.

The document holds two instants: `fullAt`, when the bucket would be full again if nothing more were drawn, and
`pausedUntil`. So a bucket fills without writes, and a document that is deleted after `expiresAt` loses nothing. A clock
that is some seconds wrong adds or removes tokens only once: those that refill in that time. Instants that no clock can
have meant are ignored.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, Final, Self

from shared.ports import Create, Document, Update, Version

PAUSE_MAX_S: Final = 3600.0
"""The longest pause, in seconds. A longer one in a document was written by an instance whose clock is wrong."""

SKEW_S: Final = 10.0
"""The tolerated difference between the clocks of instances, in seconds."""

PER_MINUTE_MAX: Final = 60_000
"""The highest rate. Instants are kept in microseconds, and the tokens that refill in one microsecond are negligible up
to this rate."""


class Priority(Enum):
    """
    The urgency of a call. The value is the share of a full bucket that is reserved for more urgent calls.
    """

    INTERACTIVE = 0.0
    """A person waits for it."""

    ROUTINE = 0.25
    """Regular work that may be some seconds late."""

    BULK = 0.5
    """Work that is numerous and may be hours late."""


@dataclass(frozen=True, slots=True)
class Budget:
    """
    A limit on how often something may be done, by all instances together.

    In any period of `t` minutes it may be done at most `burst + per_minute * (t + PORTION_S / 60)` times, plus
    `unasked` times for each instance and each period in which an empty bucket fills.

    Attributes:
        burst: The tokens in a full bucket.
        per_minute: The tokens that refill in a minute.
        portion: The most tokens that an instance draws with one write. Other instances cannot use them, so the portion
            should be a small part of the bucket.
        unasked: Calls that each instance allows without reading the document, in each period in which an empty bucket
            fills. So rare calls cost neither read nor write.

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
        Return how long an empty bucket takes to fill. Pure.
        """
        return self.refilled_in(self.burst)

    def refilled_in(self, tokens: float) -> timedelta:
        """
        Return how long so many tokens take to refill. Pure.
        """
        return timedelta(minutes=tokens / self.per_minute)

    def kept_from(self, priority: Priority) -> float:
        """
        Return the tokens that calls of a priority must leave in the bucket; a full bucket always has a token for them.
        Pure.
        """
        return min(priority.value * self.burst, self.burst - 1)


@dataclass(frozen=True, slots=True)
class Bucket:
    """
    The state of one bucket, as its document holds it.

    Attributes:
        full_at: When it is full again; in the past if it is full.
        paused_until: When tokens may be drawn again; `None` if it is not paused.
        version: `None` if there is no document.
        is_wrong: Whether the document holds an instant that no clock can have meant, and must be rewritten.
    """

    full_at: datetime
    paused_until: datetime | None = None
    version: Version | None = None
    is_wrong: bool = False

    @classmethod
    def read(cls, document: Document | None, budget: Budget, now: datetime) -> Self:
        """
        Parse a document; a missing one is a full bucket. Pure.
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
        Return the number of tokens in it. Pure.
        """
        missing = max(self.full_at - now, timedelta(0)) / timedelta(minutes=1) * budget.per_minute
        return budget.burst - missing

    def exchanged(self, budget: Budget, now: datetime, returned: int, drawn: int) -> Self:
        """
        Return the bucket after so many tokens are handed back and so many are drawn; it never holds more than a full
        one. Pure.
        """
        full_at = max(max(self.full_at, now) - budget.refilled_in(returned), now)
        return replace(self, full_at=full_at + budget.refilled_in(drawn))

    def write(self, path: str) -> Create | Update:
        """
        Return the write that saves it, on condition that it is unchanged since it was read. Pure.
        """
        fields: dict[str, Any] = {
            "fullAt": self.full_at,
            "pausedUntil": self.paused_until,
            "expiresAt": max(self.full_at, self.paused_until or self.full_at),
        }
        return Create(path, fields) if self.version is None else Update(path, fields, if_version=self.version)


def _instant(value: object) -> datetime | None:
    """
    Return an instant of a bucket; `None` for a value of another type, which was written by hand. Pure.
    """
    return value if isinstance(value, datetime) else None
