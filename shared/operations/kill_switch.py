"""The kill switch: it stops all work and loses none. Also a limit of tasks per hour.

Called by the edge before each task and before each callable that causes work. The switch is a document that an operator
may write (`operations/switch`: `stopped`, `why`). While it is on, callables refuse, and each task only enqueues itself
again for later. Such tasks merge, so that only one per thing remains.

Beyond the hour's limit, bulk work is held in the same way until the hour is over; beyond twice the limit, every task
is. Callables go on: a caller is not refused because of others, and the tasks of their calls are done later. The kill
switch does not look at the work itself. Other limits are kept where the work is done: the budgets of callers,
`looks_max` of a video, `ticks_max` of the readiness poller, the tries of each queue.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock
from typing import Any, Final, Self

from shared.core import log
from shared.core.errors import Conflict, Transient
from shared.core.paths import operation_path
from shared.ports import Clock, Create, Document, Documents, Fields, Queue, Task, Update
from shared.reconcile import bulk
from shared.reconcile.slots import next_multiple

SWITCH: Final = operation_path("switch")

LAST_LINE: Final = 2
"""The multiple of the limit beyond which every task waits, not only bulk work."""

SWITCH_READ_S: Final = 10
"""The most seconds after which an instance notices the switch."""

COUNTED_TOGETHER: Final = 25
"""The number of tasks that an instance counts in memory before it writes the count."""

AGAIN_S: Final = 600
"""While an operator has stopped all work, tasks are requeued for the next multiple of this many seconds."""


@dataclass(frozen=True, slots=True)
class Switch:
    """
    The switch, as an operator or the limit has set it.

    Attributes:
        stopped: Whether all work is stopped.
        why: The reason that was given.
        bulk_until: Until when bulk work waits, because there were too many tasks.
        tasks_until: Until when every task waits, likewise.
    """

    stopped: bool = False
    why: str = ""
    bulk_until: datetime | None = None
    tasks_until: datetime | None = None

    @classmethod
    def from_document(cls, document: Document | None, now: datetime) -> Self:
        """
        Parse the document. Operators may have written any value into it. Pure.
        """
        fields = {} if document is None else document.fields
        why = fields.get("why")
        return cls(
            _is_thrown(fields, now),
            why if isinstance(why, str) else "",
            _instant(fields, "bulkUntil"),
            _instant(fields, "tasksUntil"),
        )


@dataclass(slots=True)
class _Known:
    """
    The knowledge that an instance keeps between tasks.
    """

    switch: Switch = field(default_factory=Switch)
    read_at: datetime | None = None
    uncounted: int = 0
    lock: Lock = field(default_factory=Lock)


@dataclass(frozen=True, slots=True)
class KillSwitch:
    """
    The kill switch of one deployment; safe to share between threads.

    Attributes:
        documents: The store of the switch and the count.
        queue: Gets the tasks to do later.
        clock: Now, in UTC.
        tasks_per_hour_max: Tasks of one clock hour. Beyond them bulk work waits until the hour is over, and beyond
            `LAST_LINE` times as many every task does.
        bulk_queues: The queues of bulk work.
    """

    documents: Documents
    queue: Queue
    clock: Clock
    tasks_per_hour_max: int
    bulk_queues: Collection[str]
    _known: _Known = field(default_factory=_Known, repr=False, compare=False)

    def admits(self, task: Task) -> bool:
        """
        Tell whether a task may be done, and count it. A task that may not is enqueued again: for the end of the hour,
        or for the next multiple of `AGAIN_S` while an operator has stopped all work.

        Raises:
            Transient: Documents or queue could not be reached (again).
        """
        until = self._held_until(task)
        if until is None:
            self._count()
            return True
        log.stopped(task.queue, task.key)
        self.queue.put(Task(task.queue, task.key, until, once=f"stopped {until.isoformat()}"))
        return False

    def require_open(self) -> None:
        """
        Refuse a client's request for work while everything is stopped.

        Raises:
            Transient: All work is stopped (again, later).
        """
        if self.is_stopped():
            raise Transient(
                "This service is paused by its operator. Try again later.",
                provider="greenroom",
                operation="guard",
                code="STOPPED",
                reason="PAUSED",
                retry_after_s=AGAIN_S,
            )

    def is_stopped(self) -> bool:
        """
        Tell whether an operator has stopped all work, as far as this instance knows.
        """
        return self._read().stopped

    def _held_until(self, task: Task) -> datetime | None:
        switch, now = self._read(), self.clock()
        if switch.stopped:
            return next_multiple(now, AGAIN_S)
        held_until = [switch.tasks_until, switch.bulk_until if task.queue in self.bulk_queues else None]
        return max((at for at in held_until if at is not None and now < at), default=None)

    def _read(self) -> Switch:
        now, known = self.clock(), self._known
        if known.read_at is None or now - known.read_at >= timedelta(seconds=SWITCH_READ_S):
            (document,) = self.documents.read(SWITCH)
            known.switch, known.read_at = Switch.from_document(document, now), now
        return known.switch

    def stop(self, why: str) -> None:
        """
        Turn the switch on, until an operator turns it off.

        Raises:
            Conflict: Another writer was first (again).
        """
        self._write_switch({"stopped": True, "why": why})

    def start(self) -> None:
        """
        Turn the switch off; the work that waited is done within `AGAIN_S`.

        Raises:
            Conflict: Another writer was first (again).
        """
        self._write_switch({"stopped": False, "until": None, "bulkUntil": None, "tasksUntil": None, "why": ""})

    def _count(self) -> None:
        with self._known.lock:
            self._known.uncounted += 1
            count = self._known.uncounted
            if count < COUNTED_TOGETHER:
                return
            self._known.uncounted = 0
        if not self._write_down(count):
            with self._known.lock:
                self._known.uncounted += count

    def _write_down(self, count: int) -> bool:
        """
        Add to the count of this hour, and hold tasks if there are too many.

        Returns:
            Whether they were added.
        """
        now = self.clock()
        hour = int(now.timestamp()) // bulk.HOUR_S
        (document,) = self.documents.read(bulk.TASKS)
        before = 0 if document is None or document.fields["hour"] != hour else document.fields["count"]
        fields = {"hour": hour, "count": before + count}
        write = (
            Create(bulk.TASKS, fields) if document is None else Update(bulk.TASKS, fields, if_version=document.version)
        )
        try:
            self.documents.commit(write)
        except Conflict:
            # Other instances count too; this count is added with the next one.
            return False
        for holds, limit in (("bulk", self.tasks_per_hour_max), ("tasks", LAST_LINE * self.tasks_per_hour_max)):
            if before <= limit < before + count:
                until = next_multiple(now, bulk.HOUR_S)
                log.tasks_limit_reached(before + count, until, holds)
                self._write_switch({f"{holds}Until": until, "why": f"More than {limit} tasks in one hour."})
        return True

    def _write_switch(self, changes: dict[str, Any]) -> None:
        (switch,) = self.documents.read(SWITCH)
        fields = {"stopped": False, "until": None, **changes}
        self.documents.commit(Create(SWITCH, fields) if switch is None else Update(SWITCH, changes))
        self._known.read_at = None


def _is_thrown(switch: Fields, now: datetime) -> bool:
    """
    Tell whether an operator has turned the switch on, for good or until some time. They may have written any value into
    it. Pure.
    """
    until = _instant(switch, "until")
    return switch.get("stopped") is True or (until is not None and now < until)


def _instant(switch: Fields, name: str) -> datetime | None:
    value = switch.get(name)
    return value if isinstance(value, datetime) else None
