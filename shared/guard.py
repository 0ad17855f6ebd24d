"""The cost guard: a switch that stops all work and loses none, and a limit of tasks per hour that throws it.

Called by the edge, before each task and each callable that makes work. The switch is a document that a person may write
(`operations/switch`: `stopped`, `why`). While it is thrown, each task leaves its note again for later and does nothing;
such notes merge, so however many there were, there is one left for each thing. Nothing is decided here of what the work
is; what bounds it otherwise stands where it is done: `looks_max` of a video, `ticks_max` of the feed, the tries of each
queue.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Any, Final

from shared import log
from shared.errors import Conflict, Transient
from shared.paths import operation_path
from shared.ports import Clock, Create, Documents, Note, Queue, Update

SWITCH: Final = operation_path("switch")
TASKS: Final = operation_path("tasks")

SWITCH_READ_S: Final = 10
"""An instance knows of the switch at most so many seconds late."""

COUNTED_TOGETHER: Final = 25
"""Tasks that an instance counts by itself before it writes them down."""

AGAIN_S: Final = 600
"""While work is stopped, notes come again at each multiple of so many seconds."""


@dataclass(slots=True)
class _Known:
    """
    What an instance remembers between tasks.
    """

    stopped: bool = False
    read_at: datetime | None = None
    uncounted: int = 0
    lock: Lock = field(default_factory=Lock)


@dataclass(frozen=True, slots=True)
class Guard:
    """
    The guard of one deployment; safe to share between threads.

    Attributes:
        documents: Where switch and count are.
        queue: For notes that come again.
        clock: Now, in UTC.
        tasks_per_hour_max: Tasks of one clock hour; beyond them the switch is thrown until the hour is over.
    """

    documents: Documents
    queue: Queue
    clock: Clock
    tasks_per_hour_max: int
    _known: _Known = field(default_factory=_Known, repr=False, compare=False)

    def admits(self, note: Note) -> bool:
        """
        Whether a task may be done; where it may not, its note is left for later. Counts it.

        Raises:
            Transient: Documents or queue could not be reached (again).
        """
        self._count()
        if not self.is_stopped():
            return True
        log.stopped(note.queue, note.key)
        epoch_s = int(self.clock().timestamp())
        at = datetime.fromtimestamp(epoch_s - epoch_s % AGAIN_S + AGAIN_S, UTC)
        self.queue.put(Note(note.queue, note.key, at, once=f"stopped {at.isoformat()}"))
        return False

    def require_open(self) -> None:
        """
        Refuse work that a client asks for while everything is stopped.

        Raises:
            Transient: It is stopped (again, later).
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
        Whether all work is stopped, as far as this instance knows.
        """
        now, known = self.clock(), self._known
        if known.read_at is None or now - known.read_at >= timedelta(seconds=SWITCH_READ_S):
            (switch,) = self.documents.read(SWITCH)
            known.stopped = switch is not None and _is_thrown(switch.fields, now)
            known.read_at = now
        return known.stopped

    def stop(self, why: str) -> None:
        """
        Throw the switch, until a person puts it back.

        Raises:
            Conflict: Somebody else wrote it at the same moment (again).
        """
        self._write_switch({"stopped": True, "why": why})

    def start(self) -> None:
        """
        Put the switch back; what has come to nothing meanwhile is done within `AGAIN_S`.

        Raises:
            Conflict: Somebody else wrote it at the same moment (again).
        """
        self._write_switch({"stopped": False, "until": None, "why": ""})

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
        Add to the tasks of this hour, and throw the switch where they are too many.

        Returns:
            Whether they were added.
        """
        now = self.clock()
        hour = int(now.timestamp()) // 3600
        (document,) = self.documents.read(TASKS)
        before = 0 if document is None or document.fields["hour"] != hour else document.fields["count"]
        fields = {"hour": hour, "count": before + count}
        write = Create(TASKS, fields) if document is None else Update(TASKS, fields, if_version=document.version)
        try:
            self.documents.commit(write)
        except Conflict:
            # Others count too; these are added with the next.
            return False
        if before <= self.tasks_per_hour_max < before + count:
            until = datetime.fromtimestamp((hour + 1) * 3600, UTC)
            log.tasks_limit_reached(before + count, until)
            self._write_switch({"until": until, "why": f"More than {self.tasks_per_hour_max} tasks in one hour."})
        return True

    def _write_switch(self, changes: dict[str, Any]) -> None:
        (switch,) = self.documents.read(SWITCH)
        fields = {"stopped": False, "until": None, **changes}
        self.documents.commit(Create(SWITCH, fields) if switch is None else Update(SWITCH, changes))
        self._known.read_at = None


def _is_thrown(switch: Any, now: datetime) -> bool:
    """
    Whether a switch is thrown, by a person or until some time. A person may have written anything into it. Pure.
    """
    until = switch.get("until")
    return switch.get("stopped") is True or (isinstance(until, datetime) and now < until)
