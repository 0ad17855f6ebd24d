"""The document store: reads, queries, and conditional writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Protocol

Fields = Mapping[str, Any]


Version = object
"""The store's opaque version of a document; only ever handed back to the same store."""


@dataclass(frozen=True, slots=True)
class Document:
    """
    One document as it was read.

    Attributes:
        path: `collection/id[/collection/id]`.
        fields: Its content; instants are aware datetimes in UTC.
        version: Makes a later write conditional on the document being unchanged.
        created_at: When the store created it; later than the original if it was imported or restored.
    """

    path: str
    fields: Fields
    version: Version
    created_at: datetime

    @property
    def id(self) -> str:
        """
        Return the last part of the path.
        """
        return self.path.rpartition("/")[2]


class Remove:
    """
    A value in `Update.changes` that removes the field.
    """


REMOVE: Final = Remove()


@dataclass(frozen=True, slots=True)
class Create:
    """
    Write a document that must not exist yet.
    """

    path: str
    fields: Fields


@dataclass(frozen=True, slots=True)
class Update:
    """
    Change fields of a document. It must exist and, if `if_version` is given, be unchanged since.

    `changes` is keyed by top-level names, or by field paths: tuples of names from the top (`("videos", "v1")`).
    """

    path: str
    changes: Mapping[str, Any] | Mapping[tuple[str, ...], Any]
    if_version: Version | None = None


@dataclass(frozen=True, slots=True)
class Delete:
    """
    Delete a document. A missing one is not an error unless `if_version` is given.
    """

    path: str
    if_version: Version | None = None


Write = Create | Update | Delete


class Operator(StrEnum):
    """
    The comparisons that a query may make.
    """

    EQUAL = "=="
    IN = "in"
    AT_MOST = "<="
    LESS = "<"
    GREATER = ">"
    CONTAINS = "array_contains"


@dataclass(frozen=True, slots=True)
class Condition:
    """
    One comparison of a query.

    Attributes:
        field: Its name, or the tuple of names on the path to it from the top.
        operator: The comparison; `CONTAINS` finds a member in a list.
        value: The value to compare with.
    """

    field: str | tuple[str, ...]
    operator: Operator
    value: Any


@dataclass(frozen=True, slots=True)
class Total:
    """
    The number of documents that match a query, and the sum of one of their fields.
    """

    count: int
    sum: int


@dataclass(frozen=True, slots=True)
class Query:
    """
    Documents of one top-level collection that meet all conditions.

    Attributes:
        collection: Its name.
        conditions: All must hold.
        order_by: A field; `None` orders by document id.
        after_id: Only ids after this one; only without `order_by`.
        limit: The most documents to return.
    """

    collection: str
    conditions: tuple[Condition, ...] = ()
    order_by: str | None = None
    after_id: str | None = None
    limit: int = 500


class Documents(Protocol):
    """
    The document store.

    Raises, from every method:
        Transient: the store could not be reached (again).
    """

    def read(self, *paths: str) -> tuple[Document | None, ...]:
        """
        Read documents in one round trip, `None` for each that does not exist, in the order of `paths`.
        """
        ...

    def select(self, query: Query) -> Sequence[Document]:
        """
        Return the documents that match a query, in its order.
        """
        ...

    def count(self, query: Query) -> int:
        """
        Count the documents that match a query, ignoring its limit. Costs one read for each 1,000 of them.
        """
        ...

    def total(self, query: Query, field: str) -> Total:
        """
        Return the number of documents that match a query and have one field, and the sum of that field, which holds
        whole numbers. The store does the counting. A document with another type in the field counts and adds nothing.
        The query's limit is ignored.
        """
        ...

    def commit(self, *writes: Write) -> tuple[Version, ...]:
        """
        Write all or nothing.

        Returns:
            The new version of each written document, in order; that of a deleted one has no meaning.

        Raises:
            Conflict: A condition did not hold; nothing was written by this call (again, after reading again).
        """
        ...
