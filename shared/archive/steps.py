"""The steps of archiving that change an entry at its provider: its tags and its content.

Called by the Controller of this folder. Each step reads first what it depends on, because provider and cold store
change without us. `storing.py` has the steps at the cold store.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from shared.archive.decide import ArchiveSpec
from shared.archive.model import (
    ARCHIVED_TAG,
    FLAVORS_DELETED_TAG,
    ArchivedEntry,
    ArchiveState,
    Wish,
    is_size,
)
from shared.archive.placeholder import Placeholder
from shared.archive.storing import SOURCE_READABLE_S, Storing, later, never
from shared.archive.transitions import Obstacle, Outcome
from shared.ports import OTHER_BYTES, Availability, Entry, Flavor, Originals, Replacing
from shared.reconcile import Snapshot, await_late_commit

PLACEHOLDER_NAME: Final = "archived.mp4"


@dataclass(frozen=True, slots=True)
class Steps:
    """
    The steps at the provider.

    Attributes:
        storing: Stores originals.
        placeholder: Returns the placeholder.
        late_commit_s: Seconds after which a lost replacement certainly does not begin.
    """

    storing: Storing
    placeholder: Callable[[], Placeholder]
    late_commit_s: int

    def tag(self, originals: Originals, entry: Entry, record: ArchivedEntry) -> Outcome:
        """
        Tag an entry whose original is in the cold store. One that is not there any more is stored again.
        """
        assert record.original is not None
        if not record.original.is_of(entry.original):
            return self._other(originals, entry)
        if not record.original.is_at(self.storing.lookup(record.original)):
            return Outcome(entry, Obstacle.NO_OBJECT)
        originals.change_tags(entry.id, {ARCHIVED_TAG}, {FLAVORS_DELETED_TAG})
        return Outcome(entry)

    def replace(self, originals: Originals, entry: Entry, record: ArchivedEntry, wish: Wish) -> Outcome:
        """
        Upload the placeholder, if the original is in the cold store and still the one that plays.
        """
        assert record.original is not None
        if entry.replacing is not Replacing.NO:
            raise later("The content of this entry is being replaced.", "ENTRY_REPLACED")
        if not record.original.is_of(entry.original):
            return self._other(originals, entry)
        played_at, since = entry.last_played_at, wish.unplayed_since
        if since is not None and played_at is not None and played_at >= since:
            return Outcome(entry, Obstacle.PLAYED)
        if not record.original.is_at(self.storing.lookup(record.original)):
            return Outcome(entry, Obstacle.NO_OBJECT)
        originals.replace(entry.id, self.placeholder().content, PLACEHOLDER_NAME)
        return Outcome(entry)

    def poll(self, originals: Originals, entry: Entry, record: ArchivedEntry, now: datetime) -> Outcome:
        """
        Read how far a replacement is. A placeholder is known by its checksum.
        """
        if entry.replacing is not Replacing.NO:
            return Outcome(entry)
        is_replacing = record.state is ArchiveState.REPLACING
        if is_replacing and record.original is not None and record.original.is_of(entry.original):
            await_late_commit(record.tried_at or now, now, self.late_commit_s)
            return Outcome(entry)
        if not is_replacing:
            if record.is_placeholder(entry.original):
                await_late_commit(record.tried_at or now, now, self.late_commit_s)
            return Outcome(entry)
        if entry.original is None or not entry.original.is_ready:
            return Outcome(entry)
        placeholder = self.placeholder()
        if not is_size(entry.original, len(placeholder.content)):
            return Outcome(entry, Obstacle.OTHER_CONTENT)
        digest = originals.digest(entry.id, entry.original)
        is_ours = digest.sha256 == placeholder.sha256
        return Outcome(entry, digest=digest) if is_ours else Outcome(entry, Obstacle.OTHER_CONTENT)

    def mark(self, originals: Originals, entry: Entry, record: ArchivedEntry) -> Outcome:
        if not record.is_placeholder(entry.original):
            return Outcome(entry, Obstacle.OTHER_CONTENT)
        originals.change_tags(entry.id, {ARCHIVED_TAG, FLAVORS_DELETED_TAG})
        return Outcome(entry)

    def bring_back(self, originals: Originals, entry: Entry, record: ArchivedEntry) -> Outcome:
        """
        Have the provider fetch the original, if it can be read and the placeholder still plays.
        """
        if entry.replacing is not Replacing.NO:
            raise later("The content of this entry is being replaced.", "ENTRY_REPLACED")
        if not record.is_placeholder(entry.original):
            return Outcome(entry, Obstacle.OTHER_CONTENT)
        item = self.storing.find(record)
        if item.availability is Availability.READY:
            originals.replace_from(entry.id, self.storing.cold_store.address(item, SOURCE_READABLE_S).url)
        return Outcome(entry, item=item)

    def verify(self, originals: Originals, entry: Entry, snapshot: Snapshot[ArchiveSpec, ArchivedEntry]) -> Outcome:
        """
        Read what the provider has now, and compare it with what was archived. If it is not known that the provider has
        begun to fetch that, or if somebody asks again, other bytes are content that somebody else has uploaded.

        Raises:
            Permanent: It has fetched other bytes (never).
        """
        record = snapshot.record
        assert record is not None
        assert record.original is not None
        if entry.original is None:
            raise later("The original is not there yet.", "NO_ORIGINAL")
        if self.storing.hands_over(entry.id, entry.original):
            return Outcome(entry, is_handed_over=True)
        digest = originals.digest(entry.id, entry.original)
        if not record.original.is_as(digest):
            if not record.is_begun or _was_asked_again(snapshot):
                return Outcome(entry, Obstacle.OTHER_CONTENT)
            raise never(
                "The provider has other bytes than were archived, which stay in the cold store. To archive what the "
                "provider has as well, run `greenroom archive repair`.",
                OTHER_BYTES,
            )
        return Outcome(entry, digest=digest)

    def _other(self, originals: Originals, entry: Entry) -> Outcome:
        """
        Return what is in the place of the original that was stored. The documents may be from before the placeholder.

        Raises:
            Transient: Nothing is. The record keeps its proof, because there may be no other copy (again).
        """
        if entry.original is None:
            raise later(
                "The provider has no original of this entry any more. What was archived stays in the cold store: see "
                "`greenroom archive download`.",
                "NO_ORIGINAL",
            )
        is_ours = self.plays_placeholder(originals, entry)
        return Outcome(entry, Obstacle.PLACEHOLDER if is_ours else Obstacle.OTHER_CONTENT)

    def plays_placeholder(self, originals: Originals, entry: Entry) -> bool:
        """
        Tell whether the content of an entry is the placeholder. What has another size is not read.
        """
        placeholder, found = self.placeholder(), entry.original
        if found is None or not found.is_ready or not is_size(found, len(placeholder.content)):
            return False
        return originals.digest(entry.id, found).sha256 == placeholder.sha256


def _was_asked_again(snapshot: Snapshot[ArchiveSpec, ArchivedEntry]) -> bool:
    """
    Tell whether something was asked for since other bytes were found.
    """
    failure = None if snapshot.record is None else snapshot.record.progress.failure
    return failure is not None and failure.code == OTHER_BYTES and failure.spec != str(snapshot.spec.wish.number)


def earlier_files(entry: Entry, record: ArchivedEntry) -> list[Flavor]:
    """
    Return the files of an entry that are of the content before the placeholder.
    """
    files = entry.flavors if entry.original is None else (entry.original, *entry.flavors)
    return [one for one in files if record.flavors.get(one.id) == one.version]
