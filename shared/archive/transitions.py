"""The record of an entry's archiving after each step. Pure.

Called by `decide` for steps that only write, and by the Controller of this folder for the outcomes of calls.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from shared.archive.model import ArchivedEntry, ArchiveState, Original, Target, Wish, mark_of
from shared.core.history import moved
from shared.ports import Availability, ColdObject, Digest, Entry, Flavor, MediaState, Replacing, Stored

REPLACING_MAX_S: Final = 24 * 3600
"""Seconds after which a replacement that the provider does not finish is given up."""

HANDED_OVER_S: Final = 1200
"""Seconds after which a job that was started must have begun; else another one is started."""

AVAILABLE_PAUSE_S: Final = 1800
"""Seconds until the cold store is asked again about an original that takes longer than its maker says."""

FAILED_PAUSE_S: Final = 3600
FAILED_PAUSE_MAX_S: Final = 24 * 3600
"""The pauses after a replacement that has failed: they double, up to the second limit."""


class Obstacle(StrEnum):
    """
    The reason why a step was not done. `NO_ENTRY`: the entry does not exist. `OTHER_CONTENT`: somebody has replaced its
    content. `PLACEHOLDER`: the placeholder plays already, though that is not recorded. `PLAYED`: it was played, and so
    is to stay. `NO_OBJECT`: what was stored is not in the store, or not as it was.
    """

    NO_ENTRY = "noEntry"
    OTHER_CONTENT = "otherContent"
    PLACEHOLDER = "placeholder"
    PLAYED = "played"
    NO_OBJECT = "noObject"


@dataclass(frozen=True, slots=True)
class Outcome:
    """
    The outcome of a step.

    Attributes:
        entry: The entry, as it was read before anything was done; `None` if it does not exist, or was not read.
        obstacle: Why nothing was done; `None` if it was.
        item: The object in the cold store.
        stored: What was stored.
        digest: Of the file that was read.
        waits: How long it takes until the original can be read.
        is_handed_over: Whether a job was started that does it.
    """

    entry: Entry | None = None
    obstacle: Obstacle | None = None
    item: ColdObject | None = None
    stored: Stored | None = None
    digest: Digest | None = None
    waits: timedelta = timedelta()
    is_handed_over: bool = False


def moved_to(record: ArchivedEntry, state: ArchiveState, now: datetime) -> ArchivedEntry:
    """
    Return the record in another state. Pure.
    """
    return replace(record, state=state, history=moved(record.history, state, now))


def stopped(record: ArchivedEntry, outcome: Outcome, wish: Wish, now: datetime) -> ArchivedEntry:
    """
    Return the record after a step that met an obstacle. Pure.
    """
    match outcome.obstacle:
        case Obstacle.PLACEHOLDER if outcome.entry is not None and outcome.entry.original is not None:
            placed = replace(record, placeholder=mark_of(outcome.entry.original), flavors={}, tried_at=None)
            return replace(moved_to(placed, ArchiveState.REPLACED, now), waits_until=None)
        case Obstacle.NO_ENTRY:
            return replace(
                moved_to(record, ArchiveState.LOST, now), tried_at=None, waits_until=None, served=wish.number
            )
        case Obstacle.PLAYED:
            return replace(moved_to(record, ArchiveState.ARCHIVED, now), tried_at=None, served=wish.number)
        case Obstacle.NO_OBJECT:
            earlier = record.earlier
        case _:
            earlier = record.stored
    return replace(
        moved_to(record, ArchiveState.INITIAL, now),
        original=None,
        earlier=earlier,
        flavors={},
        placeholder=None,
        tried_at=None,
        waits_until=None,
        is_refused=False,
    )


def handed_over(record: ArchivedEntry, now: datetime) -> ArchivedEntry:
    """
    Return the record once a job was started to copy the original. Pure.
    """
    back = ArchiveState.INITIAL if record.state is ArchiveState.STORING else record.state
    until = now + timedelta(seconds=HANDED_OVER_S)
    return replace(moved_to(record, back, now), handed_until=until)


def stored(record: ArchivedEntry, outcome: Outcome, store: str, now: datetime) -> ArchivedEntry:
    """
    Return the record once the original is in the cold store, and verified. Pure.
    """
    entry, found = outcome.entry, outcome.stored
    assert entry is not None
    assert entry.original is not None
    assert found is not None
    original = Original.of(entry.original, store, found.object, found.digest)
    return replace(
        moved_to(record, ArchiveState.STORED, now),
        original=original,
        tried_at=None,
        waits_until=None,
        handed_until=None,
        failures=0,
    )


def tagged(record: ArchivedEntry, wish: Wish, target: Target, now: datetime) -> ArchivedEntry:
    """
    Return the record of an entry whose original is at the provider and in the cold store, and which is tagged so. Pure.
    """
    served = record.served if target is Target.PLACE_HOLDER else wish.number
    return replace(moved_to(record, ArchiveState.ARCHIVED, now), served=served, placeholder=None, flavors={})


def replacing(record: ArchivedEntry, entry: Entry) -> ArchivedEntry:
    """
    Return the record once the provider has the placeholder: it knows the files that are to be deleted. Pure.
    """
    files = entry.flavors if entry.original is None else (entry.original, *entry.flavors)
    return replace(record, flavors={one.id: one.version for one in files})


def polled(record: ArchivedEntry, outcome: Outcome, placeholder_sha256: str, now: datetime) -> ArchivedEntry:
    """
    Return the record after a replacement was polled. Pure.
    """
    entry = outcome.entry
    assert entry is not None
    record = replace(record, polls=record.polls + 1, polled_at=now)
    is_before = _has_content_before(record, entry)
    is_late = record.tried_at is not None and now - record.tried_at > timedelta(seconds=REPLACING_MAX_S)
    match entry.replacing:
        case Replacing.FAILED:
            return replace(record, is_refused=True)
        case Replacing.UNDER_WAY:
            # Somebody else's content must not be replaced by ours.
            return replace(record, is_begun=True, is_refused=is_late or not is_before)
    if is_before:
        # It was never begun.
        back = ArchiveState.ARCHIVED if record.state is ArchiveState.REPLACING else ArchiveState.AVAILABLE
        return replace(moved_to(record, back, now), tried_at=None)
    if entry.state is not MediaState.READY or entry.original is None or not entry.original.is_ready:
        return replace(record, is_refused=is_late)
    if record.state is ArchiveState.RETURNING:
        return replace(moved_to(record, ArchiveState.RETURNED, now), tried_at=None)
    if outcome.digest is None or outcome.digest.sha256 != placeholder_sha256:
        return record
    placed = replace(record, placeholder=mark_of(entry.original), tried_at=None, failures=0)
    return moved_to(placed, ArchiveState.REPLACED, now)


def _has_content_before(record: ArchivedEntry, entry: Entry) -> bool:
    """
    Tell whether an entry still has the content that is to be replaced. Pure.
    """
    if record.state is ArchiveState.REPLACING:
        return record.original is not None and record.original.is_of(entry.original)
    return record.is_placeholder(entry.original)


def cancelled(record: ArchivedEntry, now: datetime) -> ArchivedEntry:
    """
    Return the record once a replacement that failed was given up. It is tried again later. Pure.
    """
    pause_s = min(FAILED_PAUSE_S * 2 ** min(record.failures, 10), FAILED_PAUSE_MAX_S)
    back = ArchiveState.ARCHIVED if record.state is ArchiveState.REPLACING else ArchiveState.WAITING
    return replace(
        moved_to(record, back, now),
        is_refused=False,
        tried_at=None,
        failures=record.failures + 1,
        waits_until=now + timedelta(seconds=pause_s),
    )


def marked(record: ArchivedEntry, wish: Wish, target: Target, now: datetime) -> ArchivedEntry:
    """
    Return the record of an entry whose placeholder plays, and which is tagged so. Pure.
    """
    served = wish.number if target is Target.PLACE_HOLDER else record.served
    return replace(moved_to(record, ArchiveState.PLACE_HOLDER, now), served=served, flavors={}, waits_until=None)


def asked(record: ArchivedEntry, waits: timedelta, now: datetime) -> ArchivedEntry:
    """
    Return the record once the cold store was asked for the original. Pure.
    """
    return replace(moved_to(record, ArchiveState.WAITING, now), waits_until=now + waits)


def checked(record: ArchivedEntry, item: ColdObject, now: datetime) -> ArchivedEntry:
    """
    Return the record once it is known whether the original can be read. Pure.
    """
    match item.availability:
        case Availability.READY:
            return replace(moved_to(record, ArchiveState.AVAILABLE, now), waits_until=None)
        case Availability.COMING:
            return replace(record, waits_until=now + timedelta(seconds=AVAILABLE_PAUSE_S))
    # What was made available has expired, or was never asked for.
    return replace(moved_to(record, ArchiveState.PLACE_HOLDER, now), waits_until=None)


def returned(record: ArchivedEntry, outcome: Outcome, now: datetime) -> ArchivedEntry:
    """
    Return the record once the provider fetches the original, or once it is known that it cannot be read any more. Pure.
    """
    if outcome.item is None or outcome.item.availability is not Availability.READY:
        return replace(moved_to(record, ArchiveState.WAITING, now), tried_at=None, waits_until=now)
    return replace(record, is_begun=True)


def verified(record: ArchivedEntry, outcome: Outcome, now: datetime) -> ArchivedEntry:
    """
    Return the record once the provider was seen to have the bytes that were archived. Pure.
    """
    entry, digest = outcome.entry, outcome.digest
    assert record.original is not None
    assert entry is not None
    assert entry.original is not None
    assert digest is not None
    original = replace(
        record.original,
        sha256=digest.sha256,
        flavor_id=entry.original.id,
        flavor_version=entry.original.version,
    )
    return replace(
        moved_to(record, ArchiveState.STORED, now), original=original, failures=0, waits_until=None, handed_until=None
    )


def adopted(record: ArchivedEntry, original: Original, placeholder: Flavor, now: datetime) -> ArchivedEntry:
    """
    Return the record of an entry that another program has archived, and whose placeholder plays. Pure.
    """
    return replace(moved_to(record, ArchiveState.PRUNED, now), original=original, placeholder=mark_of(placeholder))


def given_up(record: ArchivedEntry, number: int, now: datetime) -> ArchivedEntry:
    """
    Return the record of an entry that is not to come back any more. Pure.
    """
    return replace(moved_to(record, ArchiveState.PLACE_HOLDER, now), waits_until=None, served=number)
