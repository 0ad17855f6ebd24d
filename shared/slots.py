"""Instants on which those who come at different times agree, so that their tasks merge. Pure.

Called by the `decide` of whatever waits for something that tells nobody when it is done.
"""

from __future__ import annotations

from datetime import UTC, datetime


def next_multiple(now: datetime, seconds: int) -> datetime:
    """
    Return the next instant that is a multiple of so many seconds.
    """
    epoch_s = int(now.timestamp())
    return datetime.fromtimestamp(epoch_s - epoch_s % seconds + seconds, UTC)
