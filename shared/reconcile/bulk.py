"""Bulk work: what there is much of and what may be hours late, so that it waits where tasks become many.

Called by erasures, by the full look and by the search for orphans before they enqueue very much; and by the kill
switch, which holds bulk work first. How much is enqueued is not estimated: the kill switch counts every task that is
done, of whatever kind, and bulk work goes on while that count is below its share of the hour's limit.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from shared.core.paths import (
    RECONCILE_COPY,
    RECONCILE_DELETION,
    RECONCILE_ERASURE,
    RECONCILE_TRANSFER,
    operation_path,
)
from shared.ports import Clock, Documents

TASKS: Final = operation_path("tasks")
"""The tasks of this hour: `{hour, count}`, where `hour` counts from the epoch."""

QUEUES: Final = frozenset({RECONCILE_ERASURE, RECONCILE_TRANSFER, RECONCILE_COPY, RECONCILE_DELETION})
"""Nobody waits for what is in these queues."""

HOUR_S: Final = 3600

SHARE: Final = 0.5
"""While more than this share of the tasks that an hour allows was done, by anybody, bulk work waits."""

AT_ONCE: Final = 0.025
"""So large a share may be done in the first second of an hour; the rest comes with the time that passes."""

Pace = Callable[[], datetime | None]
"""Returns until when bulk work waits, `None` where it may go on."""


def at_any_pace() -> datetime | None:
    """
    Go on, however many tasks there are.
    """
    return None


def pace_of(documents: Documents, clock: Clock, tasks_per_hour_max: int) -> Pace:
    """
    Return the pace of a deployment.

    Args:
        documents: Where the tasks are counted.
        clock: Now, in UTC.
        tasks_per_hour_max: The kill switch's limit.
    """

    def waits_until() -> datetime | None:
        now = clock()
        (document,) = documents.read(TASKS)
        hour = int(now.timestamp()) // HOUR_S
        if document is None or document.fields["hour"] != hour:
            return None
        above = document.fields["count"] / tasks_per_hour_max - AT_ONCE
        begins_at = datetime.fromtimestamp(hour * HOUR_S, UTC)
        until = begins_at + timedelta(seconds=HOUR_S * min(1.0, max(0.0, above / (SHARE - AT_ONCE))))
        return until if now < until else None

    return waits_until
