"""When a session is planned, as its document says it and as it can be computed with. Pure.

Called by `model`. `firestore.rules` (`isInstant`, `hasTimes`) lets owners write the same times; back ends write any.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC)
LATEST: Final = datetime(2200, 1, 1, tzinfo=UTC)
"""
Times from the first to just before the second can be moved by years without leaving the calendar. Kaltura takes a
number of seconds up to 315,360,000, which is in 1979, for one that counts from now.
"""

LONGEST: Final = timedelta(days=3660)
"""Ten years: a session that lasts longer is a slip."""


def planned_times(starts_at: object, ends_at: object) -> tuple[datetime | None, datetime | None]:
    """
    Return when a session begins and ends, `None` where its document does not say it, or says what cannot be. Pure.
    """
    start, end = _instant(starts_at), _instant(ends_at)
    if start is not None and end is not None and not start < end <= start + LONGEST:
        end = None
    return start, end


def _instant(at: object) -> datetime | None:
    return at if isinstance(at, datetime) and EARLIEST <= at < LATEST else None
