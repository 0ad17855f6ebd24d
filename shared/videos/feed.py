"""The feed: one chain of ticks per provider account that asks what changed, while anything is pending, and no chain
else.

Called by the worker `tickFeed`, by whoever starts an upload (`wake`) and by the sweep (`wake` again, which restarts a
chain that died). Leaves to the visit what a change means.

The chain cannot branch: a tick is claimed by a conditional write of `operations/feed-{provider}` that moves its
number on, and only who wrote it leaves the note for the next tick, which names that number; a tick that comes twice,
or late, finds another number and ends.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final, Self

from shared import log
from shared.errors import Conflict
from shared.paths import TICK_FEED, VIDEOS, VISIT_VIDEO, operation_path
from shared.ports import (
    OBSERVED_MAX,
    Change,
    Clock,
    Condition,
    Create,
    Document,
    Documents,
    Media,
    MediaState,
    Note,
    Operator,
    Query,
    Queue,
    Update,
    Version,
)
from shared.reconcile import LEASE_S
from shared.videos.together import KEYS_SEPARATOR

PAGES_MAX: Final = 20
"""Pages of changes that one tick reads, newest first; what is older still the sweep finds."""

_GETTING_ON: Final = (MediaState.AWAITING_UPLOAD, MediaState.PROCESSING)

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
        due_at: When the next tick is overdue by so much that the chain must have died.
    """

    running: bool
    tick: int
    ticks_left: int
    cursor: datetime
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
            "dueAt": self.due_at,
        }

    @classmethod
    def from_document(cls, document: Document) -> Self:
        """
        Read back what `to_fields` wrote. Pure.
        """
        fields = document.fields
        return cls(fields["running"], fields["tick"], fields["ticksLeft"], fields["cursor"], fields["dueAt"])


@dataclass(frozen=True, slots=True)
class Feed:
    """
    The feed of one provider account.

    Attributes:
        documents: Where the chain's document and the videos are.
        queue: For ticks and notes.
        media: The provider.
        clock: Now, in UTC.
        interval_s: Seconds between ticks.
        overlap_s: Each tick asks from so many seconds before the last change seen, for a provider's list may lag.
        ticks_max: The budget of one chain.
    """

    documents: Documents
    queue: Queue
    media: Media
    clock: Clock
    interval_s: float
    overlap_s: float
    ticks_max: int
    # What this instance has handed out within the overlap. It saves visits and nothing depends on it: an instance that
    # knows less hands the same out again.
    _known: dict[str, tuple[datetime, MediaState]] = field(default_factory=dict, repr=False, compare=False)

    @property
    def path(self) -> str:
        """
        Where the chain is recorded.
        """
        return operation_path(f"feed-{self.media.name}")

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
        begun = Chain(True, tick, self.ticks_max, cursor, self._overdue_at(now))
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

    def tick(self, number: int) -> None:
        """
        One tick: claim it, leave the note for the next, ask what changed, leave a note for each.

        Args:
            number: As the note says; any other than the chain's own is a repetition and does nothing.

        Raises:
            Transient: Documents, queue or provider could not be reached; the next tick asks for the same again.
        """
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
        cursor = self._hand_out(number, chain.cursor)
        if cursor != chain.cursor:
            try:
                self._write(replace(taken, cursor=cursor), version)
            except Conflict:
                # The next tick has begun already; it or a later one will move the cursor on.
                return

    def _hand_out(self, number: int, cursor: datetime) -> datetime:
        """
        Leave notes for what has changed since the cursor and was not handed out before; what has come to an end comes
        first, and what only gets on goes along where there is room.

        Returns:
            The cursor for the next tick: the newest change.
        """
        since = cursor - timedelta(seconds=self.overlap_s)
        changes = self._changes(since)
        for reference in [one for one, (changed_at, _) in self._known.items() if changed_at < since]:
            self._known.pop(reference, None)
        fresh: dict[str, list[Change]] = {}
        for reference, change in changes.items():
            if self._known.get(reference) != (change.changed_at, change.state):
                fresh.setdefault(_video_id(reference), []).append(change)
        has_ended = {video_id: any(one.state not in _GETTING_ON for one in found) for video_id, found in fresh.items()}
        ended = [video_id for video_id in fresh if has_ended[video_id]]
        going = [video_id for video_id in fresh if not has_ended[video_id]]
        room = -len(ended) % OBSERVED_MAX if ended else OBSERVED_MAX
        noted = ended + going[:room]
        for first in range(0, len(noted), OBSERVED_MAX):
            batch = noted[first : first + OBSERVED_MAX]
            once = _fingerprint([change for video_id in batch for change in fresh[video_id]])
            self.queue.put(Note(VISIT_VIDEO, KEYS_SEPARATOR.join(batch), once=once))
        told = [change for video_id in noted for change in fresh[video_id]]
        self._known.update({one.reference: (one.changed_at, one.state) for one in told})
        log.feed_ticked(self.media.name, number, len(noted))
        return max((change.changed_at for change in changes.values()), default=cursor)

    def _changes(self, since: datetime) -> dict[str, Change]:
        """
        The latest change of each thing since an instant, by its reference, newest first: a video that is replaced has
        two, and neither may hide the other. As many pages are asked for at once as were needed the last time.
        """
        found: dict[str, Change] = {}
        page, pages = 1, min(1 + len(self._known) // OBSERVED_MAX, PAGES_MAX)
        while page <= PAGES_MAX:
            changes = self.media.changes(since, page, pages)
            for change in changes.items:
                found.setdefault(change.reference, change)
            if not changes.more:
                break
            page, pages = page + pages, 1
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
        log.feed_ended(self.media.name, chain.tick, why)
        if chain.ticks_left > 0 and self._pending():
            self.wake()

    def _pending(self) -> bool:
        conditions = (
            Condition("provider", Operator.EQUAL, self.media.name),
            Condition("pending", Operator.EQUAL, True),
        )
        return bool(self.documents.select(Query(VIDEOS, conditions, limit=1)))

    def _overdue_at(self, now: datetime) -> datetime:
        return now + timedelta(seconds=self.interval_s + LEASE_S)

    def _note(self, tick: int, at: datetime) -> None:
        self.queue.put(Note(TICK_FEED, f"{self.media.name}:{tick}", at, once=str(tick)))

    def _read(self) -> tuple[Chain | None, Version | None]:
        (document,) = self.documents.read(self.path)
        if document is None:
            return None, None
        return Chain.from_document(document), document.version

    def _write(self, chain: Chain, version: Version | None) -> Version:
        fields = chain.to_fields()
        write = Create(self.path, fields) if version is None else Update(self.path, fields, if_version=version)
        return self.documents.commit(write)[0]


def _video_id(reference: str) -> str:
    """
    The video that a thing was made for. Pure.
    """
    return reference.split(":")[1]


def _fingerprint(changes: Sequence[Change]) -> str:
    """
    One name for the notes that tell of the very same changes. Pure.
    """
    told = "\n".join(f"{one.reference} {one.state} {one.changed_at.isoformat()}" for one in changes)
    return hashlib.sha256(told.encode()).hexdigest()
