"""The chain of the readiness poller's polls, with its document form in `operations/feed-{provider}`.

Called by `readiness`, which decides what to do; this file only keeps the record.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from shared.ports import Document, Fields


@dataclass(frozen=True, slots=True)
class Trouble:
    """
    The reason why the last poll failed.

    Attributes:
        code: The provider's code or one of ours; never a secret.
        message: One sentence for readers of the document.
        retryable: Whether it may be temporary.
        since: When the first poll failed in this way.
        ticks: How many polls have.
        alarmed: Whether an alarm was raised.
    """

    code: str
    message: str
    retryable: bool
    since: datetime
    ticks: int
    alarmed: bool

    def to_fields(self) -> dict[str, Any]:
        """
        Return the document form. Pure.
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
        Parse the document form that `to_fields` wrote. Pure.
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
    The chain of polls, as in the document `operations/feed-{provider}`.

    Attributes:
        running: Whether a next poll is enqueued.
        tick: Number of the next poll.
        ticks_left: Polls before the chain ends even if videos are pending; the sweep then begins a new one.
        cursor: Changes before it are known.
        pages: The number of pages that the next poll asks for at once; the last one needed them.
        due_at: When the next poll is so late that the chain must have died; `None` if none is to come.
        uploads_at: When uploads in flight are asked about next; `None` at the next poll.
        uploads_after: Only uploads whose id comes after this one are asked about, if there are too many for one poll.
        failure: Why the last poll failed; `None` if it did not.
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
        Return the document form. Pure.
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
        Parse the document form that `to_fields` wrote. Pure.
        """
        fields = document.fields
        # A chain that an earlier release began has no pages, uploads or failures.
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
