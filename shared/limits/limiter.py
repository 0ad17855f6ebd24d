"""The limiter: draws from budgets that all instances share, kept as token buckets in documents.

Called by adapters before each call that a provider counts, and by everything that limits a caller. The callers choose
what to refuse and with which message: `take` only tells how long to wait. `buckets` defines the bucket.

Calls do not cost a write each. An instance draws a portion of tokens with one write and spends it from memory. It reads
the document again every `KNOWN_S` seconds, so that it notices a pause that another instance announced, and hands back
the tokens that it has not spent within `PORTION_S`. After a refusal it refuses from memory until tokens can be
available again. An instance that dies loses at most its portion.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from threading import Lock
from typing import Final

from shared.core.errors import Conflict
from shared.core.retry import RetryOnConflict
from shared.limits.buckets import PAUSE_MAX_S, Bucket, Budget, Priority
from shared.ports import Clock, Documents

KNOWN_S: Final = 5.0
"""Seconds after which an instance that holds tokens reads the document again: the latest it may learn of a pause."""

PORTION_S: Final = 30.0
"""Seconds after which unspent tokens are handed back with the next portion: the latest they may be spent."""

DRAWS_MAX: Final = 5
"""The number of times that an instance tries to draw if others write first. It is small because a caller waits for it,
and is better told to come back in `CONTENDED_S`."""

CONTENDED_S: Final = 1.0
"""Seconds for which an instance waits if others wrote first every time."""

PURSES_MAX: Final = 10_000
"""The number of buckets that an instance remembers. It forgets the least recently used, and reads that again when
needed."""

_ROUNDING: Final = 1e-3
"""The part of a token that may refill in one microsecond, at the highest rate."""


@dataclass(slots=True)
class _Purse:
    """
    The tokens that an instance holds of one bucket, for calls of one priority.

    Attributes:
        lock: Held while the purse is changed.
        tokens: Drawn and not yet spent.
        drawn_at: When they were drawn.
        read_at: When the document was last read.
        refused_at: When the current refusal began.
        refused_until: When it ends.
        unasked: Calls that passed without a token.
        unasked_since: Since when these are counted.
    """

    lock: Lock = field(default_factory=Lock)
    tokens: int = 0
    drawn_at: datetime | None = None
    read_at: datetime | None = None
    refused_at: datetime | None = None
    refused_until: datetime | None = None
    unasked: int = 0
    unasked_since: datetime | None = None

    def refuse(self, now: datetime, until: datetime) -> float:
        """
        Refuse calls until an instant, or until one that was set before and is later.

        Returns:
            The number of seconds until then.
        """
        if self.refused_until is not None and self.refused_for(now):
            until = max(until, self.refused_until)
        self.refused_at, self.refused_until = now, until
        return (until - now).total_seconds()

    def refused_for(self, now: datetime) -> float:
        """
        Return for how many more seconds calls are refused; 0 if the clock was set back meanwhile.
        """
        if self.refused_at is None or self.refused_until is None or not self.refused_at <= now < self.refused_until:
            return 0.0
        return (self.refused_until - now).total_seconds()

    def passes_unasked(self, budget: Budget, now: datetime) -> bool:
        """
        Count a call that needs no token, and tell whether it may pass.
        """
        if not budget.unasked:
            return False
        if not _is_recent(self.unasked_since, now, budget.filled_in):
            self.unasked, self.unasked_since = 0, now
        self.unasked += 1
        return self.unasked <= budget.unasked


@dataclass(frozen=True, slots=True)
class Limiter:
    """
    The limiter of one instance, which draws from budgets; safe to share between threads.

    Attributes:
        documents: The store of the buckets.
        clock: Now, in UTC.
    """

    documents: Documents
    clock: Clock
    _purses: OrderedDict[tuple[str, Priority], _Purse] = field(
        default_factory=OrderedDict, init=False, repr=False, compare=False
    )
    _lock: Lock = field(default_factory=Lock, init=False, repr=False, compare=False)

    def take(self, path: str, budget: Budget, priority: Priority = Priority.INTERACTIVE) -> float:
        """
        Take one token, before the work that it pays for.

        Args:
            path: Of the bucket's document: one for each thing that has its own budget.
            budget: The same each time for the same path.
            priority: How urgent the call is.

        Returns:
            0.0 if it may be done; else the seconds after which to try again.

        Raises:
            Transient: The documents could not be reached (again).
        """
        purse = self._purse(path, priority)
        with purse.lock:
            now = self.clock()
            wait_s = purse.refused_for(now)
            if wait_s:
                return wait_s
            if purse.passes_unasked(budget, now):
                return 0.0
            if purse.tokens < 1 or not _is_recent(purse.read_at, now, timedelta(seconds=KNOWN_S)):
                try:
                    wait_s = self._draw(purse, path, budget, priority)
                except Conflict:
                    now = self.clock()
                    wait_s = purse.refuse(now, now + timedelta(seconds=CONTENDED_S))
            if not wait_s:
                purse.tokens -= 1
            return wait_s

    def pause(self, path: str, budget: Budget, seconds: float) -> None:
        """
        Stop all instances from taking tokens for some time: this one at once, the others within `KNOWN_S`. An earlier
        pause that lasts longer stays.

        Args:
            path: Of the bucket's document.
            budget: As for `take`.
            seconds: For how long, at most `PAUSE_MAX_S`.

        Raises:
            Transient: The documents could not be reached: the others find out by themselves (never).
            Conflict: Others wrote first each time; likewise (never).
        """
        now = self.clock()
        until = now + timedelta(seconds=min(seconds, PAUSE_MAX_S))
        for priority in Priority:
            purse = self._purse(path, priority)
            with purse.lock:
                purse.refuse(now, until)
        retry = RetryOnConflict(f"Others changed {path} at every try. Try again.")
        while True:
            (document,) = self.documents.read(path)
            bucket = Bucket.read(document, budget, now)
            if bucket.paused_until is not None and bucket.paused_until >= until:
                return
            with retry:
                self.documents.commit(replace(bucket, paused_until=until).write(path))
                return

    def _purse(self, path: str, priority: Priority) -> _Purse:
        with self._lock:
            purse = self._purses.setdefault((path, priority), _Purse())
            self._purses.move_to_end((path, priority))
            if len(self._purses) > PURSES_MAX:
                self._purses.popitem(last=False)
        return purse

    def _draw(self, purse: _Purse, path: str, budget: Budget, priority: Priority) -> float:
        """
        Read the document, and exchange the rest of the last portion for a new one if that is due.

        Returns:
            0.0 if the purse then holds tokens; else the seconds until it can.

        Raises:
            Conflict: Others wrote first each time (again, after a moment).
        """
        retry = RetryOnConflict(f"Others changed {path} at every try. Try again.", DRAWS_MAX)
        while True:
            (document,) = self.documents.read(path)
            now = self.clock()
            bucket = Bucket.read(document, budget, now)
            purse.read_at = now
            if bucket.paused_until is not None:
                return purse.refuse(now, bucket.paused_until)
            if purse.tokens and _is_recent(purse.drawn_at, now, timedelta(seconds=PORTION_S)):
                return 0.0
            kept = budget.kept_from(priority)
            spare = bucket.tokens(budget, now) + purse.tokens - kept
            # Calls of lower priority wait for a whole portion, so that they cost one write per portion and no more.
            wanted = min(budget.portion, int(budget.burst - kept))
            least = 1 if priority is Priority.INTERACTIVE else wanted
            drawn = min(wanted, int(spare + _ROUNDING)) if spare + _ROUNDING >= least else 0
            returned = purse.tokens
            with retry:
                if drawn or returned or bucket.is_wrong:
                    # If the answer is lost, the tokens may be handed back already. They are then spent by no one.
                    purse.tokens = 0
                    self.documents.commit(bucket.exchanged(budget, now, returned, drawn).write(path))
                if not drawn:
                    return purse.refuse(now, now + budget.refilled_in(wanted - spare))
                purse.tokens, purse.drawn_at = drawn, now
                return 0.0
            purse.tokens = returned


def _is_recent(at: datetime | None, now: datetime, within: timedelta) -> bool:
    """
    Tell whether an instant is less than `within` ago; `False` if the clock was set back meanwhile. Pure.
    """
    return at is not None and at <= now < at + within
