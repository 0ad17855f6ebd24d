"""Plan the archiving, replacing or restoring of entries: the steps, the bytes, and what they cost and save. Pure.

Called by the operator's command, whose dry run prints it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from shared.archive.commands import obstacle, obstacle_to_restoring
from shared.archive.model import (
    ARCHIVED_TAG,
    COMING_BACK,
    FLAVORS_DELETED_TAG,
    ArchivedEntry,
    ArchiveState,
    Target,
)
from shared.ports import GIGABYTE, Entry, Price, Tier


class Act(StrEnum):
    """
    An action of the operator.
    """

    ARCHIVE = "archive"
    REPLACE = "replace-video"
    RESTORE = "restore"

    @property
    def target(self) -> Target:
        """
        Return the state that it leads to.
        """
        return Target.PLACE_HOLDER if self is Act.REPLACE else Target.ARCHIVED


@dataclass(frozen=True, slots=True)
class Planned:
    """
    The plan for one entry.

    Attributes:
        entry: The entry.
        size_bytes: Of its original; what the provider reports may be up to 3 % from the truth.
        does: What would be done, in words; empty if nothing.
        is_done: Whether it is in that state already, and tagged so.
        refused: Why nothing can be done, in a sentence; `None` if it can.
        cost: What is paid once, in dollars, with the least time of storage.
        monthly: What is paid more, or less, in a month, in dollars.
    """

    entry: Entry
    size_bytes: int
    does: str = ""
    is_done: bool = False
    refused: str | None = None
    cost: float = 0.0
    monthly: float = 0.0


@dataclass(frozen=True, slots=True)
class Totals:
    """
    The sum of a plan.

    Attributes:
        todo: Entries with which something is done.
        done: Entries that are done already.
        refused: Entries with which nothing can be done.
        size_bytes: Of the originals with which something is done.
        cost: What is paid once, in dollars.
        monthly: What is paid more, or less, in a month, in dollars.
    """

    todo: int = 0
    done: int = 0
    refused: int = 0
    size_bytes: int = 0
    cost: float = 0.0
    monthly: float = 0.0

    def plus(self, one: Planned) -> Totals:
        """
        Return the sum with one entry more.
        """
        if one.refused is not None:
            return replace(self, refused=self.refused + 1)
        if one.is_done:
            return replace(self, done=self.done + 1)
        return Totals(
            self.todo + 1,
            self.done,
            self.refused,
            self.size_bytes + one.size_bytes,
            self.cost + one.cost,
            self.monthly + one.monthly,
        )


def planned(
    act: Act,
    entry: Entry,
    record: ArchivedEntry | None,
    price: Price,
    *,
    tier: Tier = Tier.BULK,
    provider_price: float = 0.0,
) -> Planned:
    """
    Return what would be done with an entry.

    Args:
        act: What is wanted.
        entry: The entry.
        record: Its record; `None` if there is none.
        price: Of the cold store's class.
        tier: For restoring.
        provider_price: What the provider takes for a gigabyte and month, in dollars.
    """
    size_bytes = size_of(act, entry, record)
    state = ArchiveState.INITIAL if record is None else record.state
    if record is not None and record.original is not None and state is ArchiveState.LOST:
        # It is there again.
        state = ArchiveState.ARCHIVED
    refused = _refused(act, entry, record)
    if refused is not None:
        return Planned(entry, size_bytes, refused=refused)
    at_provider = provider_price * size_bytes / GIGABYTE
    is_tagged = (ARCHIVED_TAG in entry.tags, FLAVORS_DELETED_TAG in entry.tags) == (True, act is Act.REPLACE)
    if state is (ArchiveState.PLACE_HOLDER if act is Act.REPLACE else ArchiveState.ARCHIVED):
        if act is Act.ARCHIVE and record is not None and _is_other(entry, record):
            does = "store its new content; the earlier stays"
            return Planned(entry, size_bytes, does, cost=price.stored(size_bytes), monthly=price.monthly(size_bytes))
        return Planned(entry, size_bytes, is_done=True) if is_tagged else Planned(entry, 0, "put its tags back")
    match act:
        case Act.ARCHIVE:
            cost, monthly = price.stored(size_bytes), price.monthly(size_bytes)
            return Planned(entry, size_bytes, "store its original", cost=cost, monthly=monthly)
        case Act.REPLACE:
            return Planned(entry, size_bytes, "put a placeholder in its place", monthly=-at_provider)
        case Act.RESTORE if state in COMING_BACK:
            return Planned(entry, size_bytes, "go on bringing its original back", monthly=at_provider)
        case Act.RESTORE:
            cost = price.restored(size_bytes, tier)
            return Planned(entry, size_bytes, "bring its original back", cost=cost, monthly=at_provider)


def _refused(act: Act, entry: Entry, record: ArchivedEntry | None) -> str | None:
    """
    Return why nothing can be done with an entry, in a sentence; `None` if something can. Pure.
    """
    if (record is None or not record.stored) and entry.tags & {ARCHIVED_TAG, FLAVORS_DELETED_TAG}:
        # Its original may be a placeholder.
        return "Another program has archived it. `greenroom archive repair` takes it over."
    is_back = record is not None and record.state is ArchiveState.ARCHIVED
    if act is Act.RESTORE:
        return None if is_back else obstacle_to_restoring(record)
    found = obstacle(act.target, record)
    if found is not None:
        return found
    if act is Act.ARCHIVE and (entry.original is None or not entry.original.is_ready):
        return "It has no original that can be read."
    if act is Act.REPLACE and is_back and record is not None and _is_other(entry, record):
        return "Its content was replaced after it was archived. Archive it again first."
    return None


def _is_other(entry: Entry, record: ArchivedEntry) -> bool:
    return record.original is not None and not record.original.is_of(entry.original)


def size_of(act: Act, entry: Entry, record: ArchivedEntry | None) -> int:
    """
    Return the size of an entry's original, which may be in the cold store only. Pure.
    """
    is_new = act is Act.ARCHIVE and record is not None and _is_other(entry, record)
    if record is not None and record.original is not None and not is_new:
        return record.original.size_bytes
    if entry.original is None:
        return 0
    return entry.original.size_kb * 1024 if entry.original.size_bytes is None else entry.original.size_bytes
