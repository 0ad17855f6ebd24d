"""What archiving, replacing or restoring entries would do, how many bytes that concerns, and what it costs and saves.
Pure.

Called by the operator's command, whose dry run prints it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from shared.archive.commands import obstacle, obstacle_to_restoring
from shared.archive.model import HELD, ArchivedEntry, ArchiveState, Target
from shared.archive.prices import GIGABYTE, Price
from shared.ports import Entry, Tier


class Act(StrEnum):
    """
    What the operator wants done.
    """

    ARCHIVE = "archive"
    REPLACE = "replace-video"
    RESTORE = "restore"

    @property
    def target(self) -> Target:
        """
        Return what that makes of an entry.
        """
        return Target.PLACE_HOLDER if self is Act.REPLACE else Target.ARCHIVED


@dataclass(frozen=True, slots=True)
class Planned:
    """
    What would be done with one entry.

    Attributes:
        entry: The entry.
        size_bytes: Of its original; what the provider reports may be up to 3 % from the truth.
        is_done: Whether it is in that state already; its tags are checked.
        refused: Why nothing can be done, in a sentence; `None` if it can.
        cost: What is paid once, in dollars, with the least time of storage.
        monthly: What is paid more, or less, in a month, in dollars.
    """

    entry: Entry
    size_bytes: int
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

    todo: int
    done: int
    refused: int
    size_bytes: int
    cost: float
    monthly: float


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
    size_bytes = size_of(entry, record)
    refused = obstacle_to_restoring(record) if act is Act.RESTORE else obstacle(act.target, record)
    if act is Act.RESTORE and record is not None and record.state is ArchiveState.ARCHIVED:
        refused = None
    if refused is not None:
        return Planned(entry, size_bytes, refused=refused)
    state = ArchiveState.INITIAL if record is None else record.state
    at_provider = provider_price * size_bytes / GIGABYTE
    match act:
        case Act.ARCHIVE:
            if entry.original is None or not entry.original.is_ready:
                return Planned(entry, size_bytes, refused="It has no original that can be read.")
            if state is ArchiveState.ARCHIVED:
                return Planned(entry, size_bytes, is_done=True)
            return Planned(entry, size_bytes, cost=price.stored(size_bytes), monthly=price.monthly(size_bytes))
        case Act.REPLACE:
            if state in HELD:
                return Planned(entry, size_bytes, is_done=True)
            return Planned(entry, size_bytes, monthly=-at_provider)
        case Act.RESTORE:
            if state is ArchiveState.ARCHIVED:
                return Planned(entry, size_bytes, is_done=True)
            return Planned(entry, size_bytes, cost=price.restored(size_bytes, tier), monthly=at_provider)


def size_of(entry: Entry, record: ArchivedEntry | None) -> int:
    """
    Return the size of an entry's original, which may be in the cold store only. Pure.
    """
    if record is not None and record.original is not None:
        return record.original.size_bytes
    if entry.original is None:
        return 0
    return entry.original.size_kb * 1024 if entry.original.size_bytes is None else entry.original.size_bytes


def totals(plan: Sequence[Planned]) -> Totals:
    """
    Return the sum of a plan. Pure.
    """
    todo = [one for one in plan if not one.is_done and one.refused is None]
    return Totals(
        len(todo),
        sum(one.is_done for one in plan),
        sum(one.refused is not None for one in plan),
        sum(one.size_bytes for one in todo),
        sum(one.cost for one in todo),
        sum(one.monthly for one in todo),
    )


def costs_of_deleting(record: ArchivedEntry, price: Price, now: datetime) -> float:
    """
    Return what is still paid, in dollars, for what of an entry is in the cold store, if it is deleted now. Pure.
    """
    return sum(price.deleted(one.size_bytes, (now - one.stored_at).total_seconds() / 86_400) for one in record.stored)
