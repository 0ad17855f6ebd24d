"""The original files of videos at a provider: read, tagged, and replaced by other content.

An original is what was uploaded; its flavors are what the provider made of it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import chain
from typing import Final, Protocol

from shared.core.errors import Transient
from shared.ports.videos import MediaState, Source

ENTRY_PART: Final = "entryId"
"""The name under which a video's external ids have its entry, at a provider that has `Originals`."""

LISTED_MAX: Final = 500
"""The most entries on one page of `Originals.page`, and in one call of `Originals.read`."""


class Replacing(StrEnum):
    """
    The state of the replacement of an entry's content. `FAILED`: the new content could not be fetched or converted, and
    the earlier content plays on.
    """

    NO = "no"
    UNDER_WAY = "underWay"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Flavor:
    """
    One file of an entry.

    Attributes:
        id: The provider's id.
        version: Grows whenever the file gets other content; the id stays.
        size_bytes: Its exact size; `None` if the provider reports only a rounded one.
        size_kb: Its size in units of 1,024 bytes, as the provider rounds it: up to 3 % from the truth.
        is_ready: Whether it can be read.
        extension: The ending of its name, without a dot.
    """

    id: str
    version: str
    size_bytes: int | None
    size_kb: int
    is_ready: bool
    extension: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """
    A video at the provider, as far as archiving needs it.

    Attributes:
        id: The provider's id.
        name: Its title there.
        reference: Our reference; `None` if this deployment did not make it.
        state: Its state.
        tags: Its tags, as the provider normalises them.
        created_at: When it was created.
        last_played_at: When it was last played; `None` if never.
        plays: How often it was played.
        duration_s: Its length.
        original: The file that was uploaded last; `None` if there is none.
        flavors: The other files.
        replacing: The state of a replacement of its content.
        is_stray: Whether Greenroom made it, but not under a reference of this deployment: another deployment did, or
            somebody has changed the reference.
    """

    id: str
    name: str
    reference: str | None
    state: MediaState
    tags: frozenset[str]
    created_at: datetime
    last_played_at: datetime | None
    plays: int
    duration_s: float | None
    original: Flavor | None
    flavors: tuple[Flavor, ...] = ()
    replacing: Replacing = Replacing.NO
    is_stray: bool = False


@dataclass(frozen=True, slots=True)
class Selection:
    """
    A choice of entries. All conditions must hold; without any, every video of the account.

    Attributes:
        ids: One of these ids; `None` for any.
        category: In this category, named by its id or its full name, or below it.
        tag: With this tag.
        without_tag: Without this tag.
        unplayed_since: Not played at or after this instant. What was never played counts if it was created before.
        is_unplayed: Whether it was never played; `None` for either.
        played_since: Played at or after this instant.
        created_since: Created at or after this instant.
        created_before: Created before this instant.
        ready: Whether it is ready to play; `None` for any state but deleted.
        is_ours: Only what this deployment made.
    """

    ids: tuple[str, ...] | None = None
    category: str | None = None
    tag: str | None = None
    without_tag: str | None = None
    unplayed_since: datetime | None = None
    is_unplayed: bool | None = None
    played_since: datetime | None = None
    created_since: datetime | None = None
    created_before: datetime | None = None
    ready: bool | None = None
    is_ours: bool = False


@dataclass(frozen=True, slots=True)
class EntryPage:
    """
    Some of the selected entries, the oldest first.

    Attributes:
        entries: The entries.
        after: Where the next ones begin; `None` if these were the last.
    """

    entries: tuple[Entry, ...]
    after: str | None


@dataclass(frozen=True, slots=True)
class Digest:
    """
    The digest of a file that was read to its end.

    Attributes:
        sha256: Of its bytes, in lower-case hexadecimal.
        size_bytes: How many there were.
    """

    sha256: str
    size_bytes: int


class Originals(Protocol):
    """
    The videos of one provider account, with their files. Raises as `Events` does.
    """

    @property
    def name(self) -> str:
        """
        Return our name of the provider.
        """
        ...

    def page(self, selection: Selection, after: str = "", limit: int = LISTED_MAX) -> EntryPage:
        """
        Return the next selected entries, with their files, in one call. Entries that are created or changed meanwhile
        may be left out or come twice; none that stays as it is. Repeatable, changes nothing.

        Args:
            selection: Which entries.
            after: `EntryPage.after` of the page before; empty for the first.
            limit: The most entries, up to `LISTED_MAX`.

        Raises:
            BadRequest: There is no such category, or a tag cannot be one (never).
        """
        ...

    def count(self, selection: Selection) -> int:
        """
        Return how many entries are selected, in one call. Raises as `page`.
        """
        ...

    def read(self, entry_ids: Sequence[str]) -> Sequence[Entry | None]:
        """
        Return entries by their ids, in the order asked and in one call, and not from an index that may lag; `None` for
        what does not exist. Repeatable, changes nothing.

        Args:
            entry_ids: Up to `LISTED_MAX` ids.
        """
        ...

    def source(self, entry_id: str, flavor: Flavor, lifetime_s: int) -> Source:
        """
        Return where a file can be downloaded for a while. Repeatable.

        Raises:
            Transient: The file is being made (again).
        """
        ...

    def digest(self, entry_id: str, flavor: Flavor) -> Digest:
        """
        Read a file to its end, in constant memory, and return its digest. Repeatable, changes nothing.

        Raises:
            Doubtful: The connection was lost before the end (again).
        """
        ...

    def change_tags(self, entry_id: str, add: Collection[str] = (), remove: Collection[str] = ()) -> frozenset[str]:
        """
        Add tags and remove tags. Other tags stay, also those that somebody else adds at the same moment: the entry is
        read again afterwards, and the change repeated until it is seen. Repeatable.

        Returns:
            All tags afterwards.
        """
        ...

    def replace(self, entry_id: str, content: bytes, file_name: str) -> None:
        """
        Replace the content of an entry by a small file. The earlier content plays until the new one is ready. Not
        repeatable: read the entry first when in doubt.

        Raises:
            Permanent: The entry is being replaced already, or the account does not offer it (never).
        """
        ...

    def replace_from(self, entry_id: str, source: str) -> None:
        """
        Have the provider fetch new content of an entry from an address. Otherwise as `replace`.
        """
        ...

    def cancel_replacement(self, entry_id: str) -> None:
        """
        Give up a replacement that is under way or has failed; the earlier content stays. None under way is not an
        error. Repeatable.
        """
        ...

    def set_thumbnail(self, entry_id: str, picture: bytes) -> None:
        """
        Show a JPEG picture for an entry, until its content is replaced. Repeatable.
        """
        ...

    def delete_flavors(self, entry_id: str, flavors: Sequence[Flavor]) -> None:
        """
        Delete files of an entry that have these versions, in one call. What is gone already counts as deleted, and a
        file with another version stays. Repeatable.
        """
        ...


def pages_of(originals: Originals, selection: Selection, limit: int = LISTED_MAX) -> Iterator[Sequence[Entry]]:
    """
    Yield the selected entries page by page, the oldest first. An entry at the edge of two pages is on one of them.

    Args:
        originals: The provider account.
        selection: Which entries.
        limit: The most entries of one page.

    Raises:
        Transient: A page brings nothing new, so that the list would not end (again).
        Others: As `Originals.page`.
    """
    after: str | None = ""
    before: set[str] = set()
    while after is not None:
        page = originals.page(selection, after, limit)
        found = [entry for entry in page.entries if entry.id not in before]
        if page.entries and not found and page.after is not None:
            raise Transient(
                "The provider's list repeats its entries. Try again in a minute.",
                provider=originals.name,
                operation="page",
                code="LIST_REPEATS",
            )
        yield found
        before, after = {entry.id for entry in page.entries}, page.after


def entries_of(originals: Originals, selection: Selection) -> Iterator[Entry]:
    """
    Yield the selected entries, as `pages_of`.
    """
    return chain.from_iterable(pages_of(originals, selection))
