"""The log of one interleaving, to be read if it ended wrong.

Written by the other modules of this package. Entries are turned into text only when they are read, because hardly one
log of thousands ever is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from shared.ports import Changes, Create, Delete, Observation, Remove, Task, Update

_NOT_TOLD = ("history", "createdAt", "requestDigest", "gone", "pending", "ownerUid", "declaredBytes", "sessionId")


class Chronicle:
    """
    The events of one interleaving, and the counts of each kind of trouble and of step.
    """

    def __init__(self, begun_at: datetime) -> None:
        self.counts: Counter[str] = Counter()
        self._begun_at = begun_at
        self._entries: list[tuple[datetime, str, str, Any, str]] = []

    def tell(self, at: datetime, who: str, what: str, detail: Any = None, trouble: str = "") -> None:
        """
        Add one event.

        Args:
            at: When it happened.
            who: A worker, user, provider or time.
            what: What they did.
            detail: Writes, a task or a result; turned into text later.
            trouble: What went wrong with it.
        """
        self._entries.append((at, who, what, detail, trouble))
        self.counts[what] += 1
        if trouble:
            self.counts[trouble] += 1

    def lines(self) -> Iterator[str]:
        """
        Yield the events as lines of text.
        """
        for at, who, what, detail, trouble in self._entries:
            sentence = f"{self._after(at):>10}  {who:<28} {what:<14} {self._worded(detail)}"
            yield sentence.rstrip() + (f"   <<< {trouble}" if trouble else "")

    def _after(self, at: datetime) -> str:
        return f"+{(at - self._begun_at).total_seconds():.1f}s"

    def _worded(self, detail: Any) -> str:
        match detail:
            case None:
                return ""
            case datetime():
                return self._after(detail)
            case str() | int() | float():
                return str(detail)
            case Create(path, fields):
                return f"create {path} {self._worded(fields)}"
            case Update(path, changes, if_version):
                condition = "" if if_version is None else f" if v{if_version}"
                return f"{path}{condition} {self._worded(changes)}"
            case Delete(path):
                return f"delete {path}"
            case Task(queue, key, at, _):
                return f"{queue} {key}" + ("" if at is None else f" at {self._after(at)}")
            case Observation(state, percent):
                return f"{state.value} {percent}%"
            case Changes(items):
                return ", ".join(f"{one.reference} {self._after(one.changed_at)}" for one in items) or "no changes"
            case Remove():
                return "(removed)"
            case Mapping():
                told = (
                    f"{'.'.join(name) if isinstance(name, tuple) else name}={self._worded(value)}"
                    for name, value in detail.items()
                    if name not in _NOT_TOLD and value is not None
                )
                return "{" + " ".join(told) + "}"
            case list() | tuple():
                return "; ".join(self._worded(one) for one in detail)
            case _:
                return str(detail)
