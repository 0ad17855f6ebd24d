"""Bulk work: work that is numerous and may be hours late, so that it waits when there are many tasks.

Called by erasures, by the full check and by the search for orphans before they enqueue many tasks; and by the kill
switch, which holds bulk work first. The number of tasks is measured, not estimated: the kill switch counts every task
that is done, of any kind, and bulk work continues while that count is below its share of the hour's limit.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from shared.core.paths import operation_path
from shared.ports import Clock, Document, Documents

TASKS: Final = operation_path("tasks")
"""The count of this hour's tasks: `{hour, count}`, where `hour` counts from the Unix epoch."""

HOUR_S: Final = 3600

SHARE: Final = 0.5
"""The share of an hour's tasks up to which bulk work continues. Beyond it, bulk work waits, whichever work used the
tasks."""

AT_ONCE: Final = 0.025
"""The share that may be done in the first second of an hour; the rest becomes available as time passes."""

Pace = Callable[[], datetime | None]
"""Return the instant until which bulk work waits, `None` if it may go on."""


def at_any_pace() -> datetime | None:
    """
    Go on, however many tasks there are.
    """
    return None


def tasks_of_hour(document: Document | None, now: datetime) -> int:
    """
    Return the tasks of this hour that are counted in `TASKS`. Pure.
    """
    if document is None or document.fields.get("hour") != int(now.timestamp()) // HOUR_S:
        return 0
    count = document.fields.get("count")
    return count if isinstance(count, int) else 0


def pace_of(documents: Documents, clock: Clock, tasks_per_hour_max: int) -> Pace:
    """
    Return the pace of a deployment.

    Args:
        documents: The store of the task count.
        clock: Now, in UTC.
        tasks_per_hour_max: The kill switch's limit.
    """

    def waits_until() -> datetime | None:
        now = clock()
        (document,) = documents.read(TASKS)
        above = tasks_of_hour(document, now) / tasks_per_hour_max - AT_ONCE
        begins_at = datetime.fromtimestamp(int(now.timestamp()) // HOUR_S * HOUR_S, UTC)
        until = begins_at + timedelta(seconds=HOUR_S * min(1.0, max(0.0, above / (SHARE - AT_ONCE))))
        return until if now < until else None

    return waits_until
