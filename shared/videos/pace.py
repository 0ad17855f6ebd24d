"""Until when an upload takes bytes, and how fast a line must be for all of them to arrive by then. Pure.

Called by `grant`. Leaves to the provider and to `policy` how long an upload may take.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from shared.core.errors import WrongState

MARGIN: Final = 1.25
"""A line must be so much faster than the bytes alone ask for: of what it carries some is protocol, and some comes again
after an interruption."""

KBPS_MAX: Final = 1_000_000
"""No line is expected to be faster, in kilobits per second."""


@dataclass(frozen=True, slots=True)
class Pace:
    """
    How an upload can succeed.

    Attributes:
        until: When the upload ends, whether all of its bytes have arrived or not.
        min_kbps: The least speed, in kilobits per second, at which the rest arrives by then.
    """

    until: datetime
    min_kbps: int


def pace_of(left_bytes: int, now: datetime, until: datetime) -> Pace:
    """
    The pace of an upload of which so much is still to be sent.

    Args:
        left_bytes: What has not arrived yet.
        now: This instant.
        until: When the upload ends.

    Raises:
        WrongState: No line is fast enough (never, for this upload).
    """
    left_s = max(0.0, (until - now).total_seconds())
    most_bytes = KBPS_MAX * 1000 / 8 * left_s / MARGIN
    if left_bytes > most_bytes:
        raise WrongState(
            f"This upload ends in {int(left_s)} seconds, and {left_bytes} bytes are still to be sent: no connection "
            "is that fast. Start a new upload, of a smaller file if this one has just begun.",
            reason="UPLOAD_TIME_TOO_SHORT",
        )
    return Pace(until, math.ceil(left_bytes * 8 / 1000 / left_s * MARGIN) if left_bytes else 0)
