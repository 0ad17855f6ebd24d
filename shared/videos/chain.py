"""The chain of the readiness poller's ticks, with its document form in `operations/feed-{provider}`.

Called by `feed`, which leaves to this file what is recorded, and decides itself what follows.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from shared.ports import Document, Fields


@dataclass(frozen=True, slots=True)
class Trouble:
    """
    Why the last tick was told nothing.

    Attributes:
        code: The provider's code or one of ours; never a secret.
        message: One sentence for whoever reads the document.
        retryable: Whether it may pass by itself.
        since: When the first tick of this kind was.
        ticks: How many there were.
        alarmed: Whether it was logged as an alarm.
    """

    code: str
    message: str
    retryable: bool
    since: datetime
    ticks: int
    alarmed: bool

    def to_fields(self) -> dict[str, Any]:
        """
        The document form. Pure.
        """
        return {
            "code": self.code,
            "message": self.message,
            "retryable": self.retryable,
            "since": self.since,
            "ticks": self.ticks,
            "alarmed": self.alarmed,
        }

    @classmethod
    def from_fields(cls, fields: Fields | None) -> Self | None:
        """
        Read back what `to_fields` wrote. Pure.
        """
        if fields is None:
            return None
        return cls(
            code=fields["code"],
            message=fields["message"],
            retryable=fields["retryable"],
            since=fields["since"],
            ticks=fields["ticks"],
            alarmed=fields["alarmed"],
        )


@dataclass(frozen=True, slots=True)
class Chain:
    """
    The document `operations/feed-{provider}`.

    Attributes:
        running: Whether a next tick is on its way.
        tick: Number of the next tick.
        ticks_left: Before the chain ends whatever is pending; the sweep then begins a new one.
        cursor: Changes before it are known.
        pages: As many the next tick asks for at once; the last one needed them.
        due_at: When the next tick is overdue by so much that the chain must have died; `None` where none is to come.
        uploads_at: When uploads in flight are asked about next; `None` at the next tick.
        uploads_after: Only about those whose id comes after this one, where there are too many for one tick.
        failure: Why the last tick was told nothing; `None` where it was.
    """

    running: bool
    tick: int
    ticks_left: int
    cursor: datetime
    pages: int
    due_at: datetime | None
    uploads_at: datetime | None = None
    uploads_after: str | None = None
    failure: Trouble | None = None

    def to_fields(self) -> dict[str, Any]:
        """
        The document form. Pure.
        """
        return {
            "running": self.running,
            "tick": self.tick,
            "ticksLeft": self.ticks_left,
            "cursor": self.cursor,
            "pages": self.pages,
            "dueAt": self.due_at,
            "uploadsAt": self.uploads_at,
            "uploadsAfter": self.uploads_after,
            "failure": None if self.failure is None else self.failure.to_fields(),
        }

    @classmethod
    def from_document(cls, document: Document) -> Self:
        """
        Read back what `to_fields` wrote. Pure.
        """
        fields = document.fields
        # A chain that an earlier release began has no pages, and knows nothing of uploads and failures.
        return cls(
            running=fields["running"],
            tick=fields["tick"],
            ticks_left=fields["ticksLeft"],
            cursor=fields["cursor"],
            pages=fields.get("pages", 1),
            due_at=fields["dueAt"],
            uploads_at=fields.get("uploadsAt"),
            uploads_after=fields.get("uploadsAfter"),
            failure=Trouble.from_fields(fields.get("failure")),
        )
