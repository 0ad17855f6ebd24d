"""The cold store: a bucket that costs little, in which originals are archived. Some have to be asked for to be read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, Protocol

from shared.ports.originals import Digest
from shared.ports.prices import FREE, Price, Tier
from shared.ports.setup import Finding
from shared.ports.videos import Source

OTHER_BYTES: Final = "OTHER_BYTES"
"""The `code` of the `Permanent` error if what is stored is not what was sent."""

SOURCE_GONE: Final = "SOURCE_GONE"
"""The `code` of the `Permanent` error if the file to store does not exist any more."""


class Availability(StrEnum):
    """
    The availability of an object. `COLD`: it has to be asked for before it can be read. `COMING`: it was asked for, and
    takes hours.
    """

    READY = "ready"
    COLD = "cold"
    COMING = "coming"


@dataclass(frozen=True, slots=True)
class ColdObject:
    """
    An object in the store.

    Attributes:
        key: Its name.
        version: The store's id of this version of it; empty if the store keeps no versions.
        size_bytes: Its size.
        storage_class: The store's name of its class.
        stored_at: When it was stored.
        availability: Whether it can be read.
        available_until: When a copy that was made available ends; `None` if there is none, or it is always readable.
        checksum: The store's own checksum of its bytes, as `algorithm:value`; empty if the store has none.
    """

    key: str
    version: str
    size_bytes: int
    storage_class: str
    stored_at: datetime
    availability: Availability = Availability.READY
    available_until: datetime | None = None
    checksum: str = ""


@dataclass(frozen=True, slots=True)
class Stored:
    """
    An object that was just stored and verified.

    Attributes:
        object: The object, as the store reports it.
        digest: Of the bytes that were read from the source and sent.
    """

    object: ColdObject
    digest: Digest


@dataclass(frozen=True, slots=True)
class Terms:
    """
    The terms of a class of a store.

    Attributes:
        storage_class: The store's name of the class.
        is_cold: Whether objects have to be asked for before they can be read.
        waits: How long it takes until a cold object can be read, by tier, as its maker says; empty if it is at hand.
        price: What it costs, and the time for which it is paid at least.
    """

    storage_class: str
    is_cold: bool = False
    waits: Mapping[Tier, timedelta] = field(default_factory=dict)
    price: Price = FREE


class ColdStore(Protocol):
    """
    One bucket. Its keys are below a prefix of this deployment, which callers neither see nor need. Raises as `Events`
    does; `Misconfigured` if the bucket does not exist, is in another region, or refuses the credentials.
    """

    @property
    def name(self) -> str:
        """
        Return our name of the kind of store.
        """
        ...

    @property
    def terms(self) -> Terms:
        """
        Return the terms of the class in which new objects are kept.
        """
        ...

    def store(self, key: str, source: Source, size_bytes: int | None, reached: Callable[[int], None]) -> Stored:
        """
        Read a file and store it as it comes, in constant memory, in parts of which each is sent with its checksum. Then
        verify it: the size, and the store's checksum of the whole; where a store has none, by reading it once more.
        An earlier object of this key keeps its version. An upload that does not end leaves nothing readable behind, and
        `tidy` removes its parts. Repeatable, by one worker at a time.

        Args:
            key: The name.
            source: Where the file is downloaded.
            size_bytes: Its size; `None` if it is not known exactly.
            reached: Is called with the bytes that were sent so far, after each part.

        Raises:
            Permanent: The file does not exist (`SOURCE_GONE`), or what is stored is not what was sent (`OTHER_BYTES`);
                it is deleted then (never).
            Doubtful: A connection was lost (again).
            Others: Whatever `reached` raises; the upload is given up.
        """
        ...

    def find(self, key: str, version: str = "") -> ColdObject | None:
        """
        Return an object; `None` if there is none. Repeatable, changes nothing.

        Args:
            key: The name.
            version: Its version; empty for the newest.
        """
        ...

    def ask(self, item: ColdObject, tier: Tier, days: int) -> timedelta:
        """
        Ask for a cold object to be made available. If that is under way already, nothing changes; if it is available,
        it stays so for that long from now. Repeatable.

        Args:
            item: The object.
            tier: How quickly.
            days: For how many days it stays available.

        Returns:
            How long it takes, as the store's maker says; zero if it is at hand.
        """
        ...

    def address(self, item: ColdObject, lifetime_s: int) -> Source:
        """
        Return where a readable object can be downloaded for a while. Signed locally.
        """
        ...

    def read(self, item: ColdObject) -> AbstractContextManager[Iterator[bytes]]:
        """
        Open a readable object. Raises, also while it is read, as the others; `Transient` with the code `COLD` if it has
        to be asked for first.
        """
        ...

    def delete(self, item: ColdObject) -> None:
        """
        Delete this version of an object. What is gone already counts as deleted. Repeatable.

        Raises:
            Permanent: The bucket keeps it under a lock (never, until that ends).
        """
        ...

    def listed(self, after: str = "") -> tuple[tuple[ColdObject, ...], str | None]:
        """
        Return the next objects, up to 1,000, in the order of their keys, and the key after which to continue; `None`
        for that if these were the last.
        """
        ...

    def tidy(self, before: datetime) -> int:
        """
        Remove the parts of uploads that were begun before an instant and never ended. Repeatable.

        Returns:
            How many uploads were removed.
        """
        ...

    def check(self) -> Iterable[Finding]:
        """
        Tell whether the bucket exists, in the expected region, and can be used; whether it keeps versions, encrypts,
        and locks; and whether it removes uploads that never ended. Repeatable, leaves nothing behind.
        """
        ...
