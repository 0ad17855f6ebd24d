"""Copies of originals in the cold store: made and verified, found again, and deleted with their video.

Called by the Controller of this folder. Nothing is ever overwritten: a later original of an entry gets another key, so
that nothing depends on the bucket's versions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from shared.archive.model import FLAVORS_DELETED_TAG, ArchivedEntry, Original, is_size
from shared.archive.transitions import Outcome
from shared.core.errors import Doubtful, Permanent, SecretRejected, Transient
from shared.ports import ColdObject, ColdStore, Entry, Flavor, Jobs, Originals, Replacing, Terms

DAY: Final = timedelta(days=1)

SOURCE_READABLE_S: Final = 6 * 3600
"""Seconds for which the provider may read an original that it fetches, and for which we may read one there."""

READABLE_DAYS: Final = 3
"""Days for which an original that was asked for stays readable in the cold store."""

KEYS_MAX: Final = 100
"""The most objects of one entry."""

Reached = Callable[[str, int, int | None], None]
"""Called with the progress of a copy: the id of the entry, the bytes that were read, and how many there are."""


def tell_nobody(*_told: object) -> None:
    """
    Ignore what is told: the progress of a copy, for example.
    """


@dataclass(frozen=True, slots=True)
class Storing:
    """
    Stores originals.

    Attributes:
        opened: Opens the store, or returns it once it is open. Reading and writing records needs no store.
        terms_of: Returns the terms and prices of a class.
        jobs: Starts the job that copies large originals; `None` if this deployment has none, or if this is that job.
        bytes_max: Larger originals are left to the job.
        reached: Called with the progress of each copy.
    """

    opened: Callable[[], ColdStore]
    terms_of: Callable[[str], Terms]
    jobs: Jobs | None = None
    bytes_max: int = 0
    reached: Reached = tell_nobody

    @property
    def cold_store(self) -> ColdStore:
        """
        The store.
        """
        return self.opened()

    def store(self, originals: Originals, entry: Entry, record: ArchivedEntry, *, takes_key: bool) -> Outcome:
        """
        Copy the original of an entry, and verify it.

        Args:
            originals: The provider.
            entry: The entry.
            record: Its record before this try.
            takes_key: Whether it is stored beside an object of somebody else that has its name.

        Raises:
            Permanent: The entry has no original that could be read, or its name is taken (never).
            Transient: Its content is being replaced (again).
        """
        flavor = entry.original
        if entry.replacing is Replacing.UNDER_WAY:
            raise later("The content of this entry is being replaced.", "ENTRY_REPLACED")
        if flavor is None or not flavor.is_ready:
            raise never("This entry has no original that can be read.", "NO_ORIGINAL")
        if not flavor.size_bytes and not flavor.size_kb:
            # A copy whose size cannot be compared would be deleted again, and is paid for.
            raise never("The provider does not say how large this original is. Try again later.", "NO_SIZE")
        if FLAVORS_DELETED_TAG in entry.tags and not record.stored:
            raise never(
                f"The tag {FLAVORS_DELETED_TAG} says that a placeholder plays, whose original is not recorded. Have "
                "`greenroom archive repair` take the entry over, or remove the tag.",
                "PLACEHOLDER_PLAYS",
            )
        if self.hands_over(entry.id, flavor):
            return Outcome(entry, is_handed_over=True)
        key, leftover = self._free_key(entry.id, record, takes_key=takes_key)
        source = originals.source(entry.id, flavor, SOURCE_READABLE_S)
        with _in_doubt():
            stored = self.cold_store.store(
                key, source, flavor.size_bytes, lambda read: self.reached(entry.id, read, flavor.size_bytes)
            )
            if leftover is not None and leftover.version != stored.object.version:
                self.cold_store.delete(leftover)
            (again,) = originals.read([entry.id])
            is_same = again is not None and _is_same(again.original, flavor)
            if is_same and is_size(flavor, stored.digest.size_bytes):
                return Outcome(entry, stored=stored)
            # The next try stores what the entry has then. This object is of no use, and is known to be ours.
            self.cold_store.delete(stored.object)
        raise later("The content of this entry changed while it was read.", "ENTRY_REPLACED")

    def hands_over(self, entry_id: str, flavor: Flavor) -> bool:
        """
        Start the job for an original that takes longer than a function may run, if there is one.

        Returns:
            Whether it was started.
        """
        if self.jobs is None or flavor.size_kb * 1024 <= self.bytes_max:
            return False
        self.jobs.start(entry_id)
        return True

    def find(self, record: ArchivedEntry) -> ColdObject:
        """
        Return the archived original of an entry.

        Raises:
            Permanent: It is not there as it was stored (never).
        """
        assert record.original is not None
        found = self.lookup(record.original)
        if found is None or not record.original.is_at(found):
            raise never(
                "The original is not in the cold store any more. Look for an earlier version of it in the bucket.",
                "ORIGINAL_MISSING",
            )
        return found

    def lookup(self, original: Original) -> ColdObject | None:
        """
        Return the object of an original, in the version that was stored; `None` if there is none.

        Raises:
            Transient: It is in a store that this deployment had earlier (again, once it has that).
        """
        if original.store != self.cold_store.name:
            raise later(
                f"This original is in the cold store {original.store}, and this deployment has {self.cold_store.name}. "
                "Set up the earlier one again, until its originals are brought back or deleted.",
                "OTHER_STORE",
            )
        return self.cold_store.find(original.key, original.version)

    def remove(self, entry_id: str, record: ArchivedEntry) -> None:
        """
        Delete everything of a deleted video.
        """
        found = [self.lookup(one) for one in record.stored]
        found.append(self._leftover(key_of(entry_id, len(record.stored) + 1), record))
        for one in found:
            if one is not None:
                self.cold_store.delete(one)

    def still_paid(self, record: ArchivedEntry, now: datetime) -> float:
        """
        Return what is still paid for the originals of an entry, in dollars, if they are deleted now: each class has a
        least time. Pure.
        """
        return sum(
            self.terms_of(one.storage_class).price.deleted(one.size_bytes, (now - one.stored_at) / DAY)
            for one in record.stored
        )

    def _free_key(self, entry_id: str, record: ArchivedEntry, *, takes_key: bool) -> tuple[str, ColdObject | None]:
        """
        Return the key of the next original of an entry, and what an earlier try has stored there whose end was lost.

        Raises:
            Permanent: There is something that we did not store (never).
        """
        first = len(record.stored) + 1
        for number in range(first, KEYS_MAX):
            key = key_of(entry_id, number)
            if self.cold_store.find(key) is None:
                return key, None
            leftover = self._leftover(key, record)
            if leftover is not None:
                return key, leftover
            if not takes_key:
                break
        raise never(
            f"The cold store has another object under the name {key}. Move it away, or have `greenroom archive repair` "
            "store the original beside it.",
            "KEY_TAKEN",
        )

    def _leftover(self, key: str, record: ArchivedEntry) -> ColdObject | None:
        """
        Return what an earlier try has stored whose end was lost; `None` if there is none.
        """
        tried_at = record.tried_at
        found = None if tried_at is None else self.cold_store.find(key)
        if found is None or tried_at is None or found.stored_at < tried_at.replace(microsecond=0):
            return None
        return found


def key_of(entry_id: str, number: int) -> str:
    """
    Return the key of the first, second, … original of an entry. Pure.
    """
    return entry_id if number == 1 else f"{entry_id}.{number}"


def later(message: str, code: str) -> Transient:
    """
    Return the error of a step that cannot be done yet. Pure.
    """
    return Transient(message, provider="", operation="archive", code=code)


def never(message: str, code: str) -> Permanent:
    """
    Return the error of a step that cannot be done. Pure.
    """
    return Permanent(message, provider="", operation="archive", code=code)


@contextmanager
def _in_doubt() -> Iterator[None]:
    """
    Raise transient errors as doubtful ones: once the store was called, the object may be there.
    """
    try:
        yield
    except SecretRejected:
        raise
    except Transient as error:
        raise Doubtful(
            str(error),
            provider=error.provider,
            operation=error.operation,
            code=error.code,
            retry_after_s=error.retry_after_s,
        ) from None


def _is_same(flavor: Flavor | None, other: Flavor) -> bool:
    return flavor is not None and (flavor.id, flavor.version) == (other.id, other.version)
