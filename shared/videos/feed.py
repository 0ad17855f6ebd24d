"""The feed: one chain of ticks per provider account that asks what changed, while anything is pending, and no chain
else.

Called by the worker `tickFeed`, by whoever starts an upload (`wake`) and by the sweep (`revive`, which restarts a chain
that died). Leaves to the visit what a change means: a tick that hears of news visits at once, with what it has heard,
so that nobody has to ask again.

The chain cannot branch: a tick is claimed by a conditional write of `operations/feed-{provider}` that moves its
number on, and only who wrote it leaves the note for the next tick, which names that number; a tick that comes twice,
or late, finds another number and ends. What a tick that died has not recorded is still news for the next.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, Self

from shared import log
from shared.errors import Conflict
from shared.paths import FEED_WAKE, TICK_FEED, VIDEOS, operation_path
from shared.ports import (
    CHANGES_MAX,
    Change,
    Clock,
    Condition,
    Create,
    Document,
    Note,
    Operator,
    Query,
    Queue,
    Update,
    Version,
)
from shared.reconcile import LEASE_S, Each
from shared.videos import Videos
from shared.videos.together import BUDGET_S, visit_changed

PAGES_MAX: Final = 20
"""Pages of changes that one tick reads, newest first; what is older still the sweep finds."""

CLOCKS_APART_S: Final = 900
"""A new chain begins so far back: the provider's clock, by which changes are dated, may be behind ours."""


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
        due_at: When the next tick is overdue by so much that the chain must have died.
    """

    running: bool
    tick: int
    ticks_left: int
    cursor: datetime
    pages: int
    due_at: datetime

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
        }

    @classmethod
    def from_document(cls, document: Document) -> Self:
        """
        Read back what `to_fields` wrote. Pure.
        """
        fields = document.fields
        running, tick, ticks_left = fields["running"], fields["tick"], fields["ticksLeft"]
        # A chain that an earlier release began has no pages.
        return cls(running, tick, ticks_left, fields["cursor"], fields.get("pages", 1), fields["dueAt"])


@dataclass(frozen=True, slots=True)
class Feed:
    """
    The feed of one provider account.

    Attributes:
        provider: Our name of it.
        videos: The Controller of videos, with the documents where the chain is too.
        queue: For ticks and notes.
        clock: Now, in UTC.
        interval_s: Seconds between ticks.
        overlap_s: Each tick asks from so many seconds before the last change seen, for a provider's list may lag.
        ticks_max: The budget of one chain.
    """

    provider: str
    videos: Videos
    queue: Queue
    clock: Clock
    interval_s: float
    overlap_s: float
    ticks_max: int

    @property
    def path(self) -> str:
        """
        Where the chain is recorded.
        """
        return operation_path(f"feed-{self.provider}")

    def wake(self) -> None:
        """
        See to it that a chain runs. Repeatable; to be called after the pending video is written.

        Raises:
            Transient: Documents or queue could not be reached (again).
        """
        now = self.clock()
        chain, version = self._read()
        if chain is not None and chain.running and chain.due_at > now:
            return
        tick = 1 if chain is None else chain.tick + 1
        # A chain that has ended left nothing pending, so nothing from before can matter; one that died did.
        died = chain is not None and chain.running
        cursor = chain.cursor if chain is not None and died else now - timedelta(seconds=CLOCKS_APART_S)
        begun = Chain(True, tick, self.ticks_max, cursor, 1, self._overdue_at(now))
        try:
            self._write(begun, version)
        except Conflict:
            # Whoever wrote first has woken it, or has just ticked.
            return
        self._note(tick, now + timedelta(seconds=self.interval_s))

    def revive(self) -> None:
        """
        Begin a new chain where something is pending and the old one has died or used up its budget.

        Raises:
            Transient: Documents or queue could not be reached (again).
        """
        if self._pending():
            self.wake()

    def tick(self, number: int, each: Each = map) -> None:
        """
        One tick: claim it, leave the note for the next, ask what changed, visit what there are news of.

        Args:
            number: As the note says; any other than the chain's own is a repetition and does nothing, but for
                `FEED_WAKE`.
            each: How several videos are visited.

        Raises:
            Transient: Documents, queue or provider could not be reached; the next tick asks for the same again.
        """
        if number == FEED_WAKE:
            self.wake()
            return
        now = self.clock()
        chain, version = self._read()
        if chain is None or not chain.running or chain.tick != number:
            return
        if chain.ticks_left <= 0 or not self._pending():
            self._end(chain, version)
            return
        taken = replace(chain, tick=number + 1, ticks_left=chain.ticks_left - 1, due_at=self._overdue_at(now))
        try:
            version = self._write(taken, version)
        except Conflict:
            return
        self._note(number + 1, now + timedelta(seconds=self.interval_s))
        changes = self._changes(chain.cursor - timedelta(seconds=self.overlap_s), chain.pages)
        news = visit_changed(self.videos, changes, self.queue, self.clock, now + timedelta(seconds=BUDGET_S), each)
        log.feed_ticked(self.provider, number, news)
        cursor = max((change.changed_at for change in changes), default=chain.cursor)
        pages = min(1 + len(changes) // CHANGES_MAX, PAGES_MAX)
        if (cursor, pages) != (chain.cursor, chain.pages):
            try:
                self._write(replace(taken, cursor=cursor, pages=pages), version)
            except Conflict:
                # The next tick has begun already; it or a later one will move the cursor on.
                return

    def _changes(self, since: datetime, pages: int) -> Sequence[Change]:
        """
        What has changed since an instant, newest first; so many pages are asked for at once.
        """
        found: list[Change] = []
        page = 1
        while True:
            changes = self.videos.media(self.provider).changes(since, page, pages)
            found += changes.items
            page, pages = page + pages, 1
            if not changes.more or page > PAGES_MAX:
                return found

    def _end(self, chain: Chain, version: Version | None) -> None:
        """
        End the chain; and begin it again where something became pending just before that was written.
        """
        why = "budget used up" if chain.ticks_left <= 0 else "nothing pending"
        try:
            self._write(replace(chain, running=False), version)
        except Conflict:
            return
        log.feed_ended(self.provider, chain.tick, why)
        if chain.ticks_left > 0 and self._pending():
            self.wake()

    def _pending(self) -> bool:
        conditions = (
            Condition("provider", Operator.EQUAL, self.provider),
            Condition("pending", Operator.EQUAL, True),
        )
        return bool(self.videos.documents.select(Query(VIDEOS, conditions, limit=1)))

    def _overdue_at(self, now: datetime) -> datetime:
        return now + timedelta(seconds=self.interval_s + LEASE_S)

    def _note(self, tick: int, at: datetime) -> None:
        self.queue.put(Note(TICK_FEED, f"{self.provider}:{tick}", at, once=str(tick)))

    def _read(self) -> tuple[Chain | None, Version | None]:
        (document,) = self.videos.documents.read(self.path)
        if document is None:
            return None, None
        return Chain.from_document(document), document.version

    def _write(self, chain: Chain, version: Version | None) -> Version:
        fields = chain.to_fields()
        write = Create(self.path, fields) if version is None else Update(self.path, fields, if_version=version)
        return self.videos.documents.commit(write)[0]
