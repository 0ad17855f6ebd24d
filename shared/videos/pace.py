"""The deadline of an upload, and the speed that it needs to finish in time. Pure.

Called by `upload_tokens`. The provider and `policy` decide how long an upload may take.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from shared.core.errors import WrongState

MARGIN: Final = 1.25
"""The factor by which a connection must be faster than the bytes alone need: it also carries protocol, and some bytes
are sent again after an interruption."""

KBPS_MAX: Final = 1_000_000
"""The highest speed that is expected of any connection, in kilobits per second."""


@dataclass(frozen=True, slots=True)
class Pace:
    """
    The pace that an upload needs.

    Attributes:
        until: When the upload ends, even if bytes are missing.
        min_kbps: The least speed, in kilobits per second, at which the rest arrives by then.
    """

    until: datetime
    min_kbps: int


def pace_of(left_bytes: int, now: datetime, until: datetime) -> Pace:
    """
    Return the pace that the rest of an upload needs.

    Args:
        left_bytes: The bytes that have not arrived yet.
        now: This instant.
        until: When the upload ends.

    Raises:
        WrongState: No connection is fast enough (never, for this upload).
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
