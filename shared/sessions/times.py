"""The planned times of a session, read from its document and checked. Pure.

Called by `model`. `firestore.rules` (`isInstant`, `hasTimes`) lets owners write only such times; back ends may write
any.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC)
LATEST: Final = datetime(2200, 1, 1, tzinfo=UTC)
"""
The range of accepted times, from the first to just before the second: they can be moved by years without leaving the
calendar. The lower limit is above 1979, because a provider may take a number of seconds up to 315,360,000 (in 1979)
for a time relative to now.
"""

LONGEST: Final = timedelta(days=3660)
"""Ten years: a longer session is a mistake."""


def planned_times(starts_at: object, ends_at: object) -> tuple[datetime | None, datetime | None]:
    """
    Return when a session begins and ends. Each is `None` if the document does not have it or it is not acceptable.
    Pure.
    """
    start, end = _instant(starts_at), _instant(ends_at)
    if start is not None and end is not None and not start < end <= start + LONGEST:
        end = None
    return start, end


def _instant(at: object) -> datetime | None:
    return at if isinstance(at, datetime) and EARLIEST <= at < LATEST else None
