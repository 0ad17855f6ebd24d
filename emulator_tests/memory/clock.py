"""A clock that a test moves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

BEGIN_AT: Final = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


class ManualClock:
    """
    A clock that stands still until a test moves it.
    """

    def __init__(self, now: datetime = BEGIN_AT) -> None:
        self._now = now

    def __call__(self) -> datetime:
        return self._now

    def advance(self, seconds: float) -> None:
        """
        Move forward by a number of seconds.
        """
        self.move_to(self._now + timedelta(seconds=seconds))

    def move_to(self, at: datetime) -> None:
        """
        Move forward to an instant.

        Raises:
            ValueError: It is in the past (never).
        """
        if at < self._now:
            raise ValueError("A clock does not go backwards.")
        self._now = at
