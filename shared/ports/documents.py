"""The document store: what is read and written there, and on which conditions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Protocol

Fields = Mapping[str, Any]


Version = object
"""What a document store says of a document's state; only ever handed back to the same store."""


@dataclass(frozen=True, slots=True)
class Document:
    """
    One document as it was read.

    Attributes:
        path: `collection/id[/collection/id]`.
        fields: Its content; instants are aware datetimes in UTC.
        version: To make a later write conditional on nothing having changed.
        created_at: When the store created it; later than that where it was imported or restored.
    """

    path: str
    fields: Fields
    version: Version
    created_at: datetime

    @property
    def id(self) -> str:
        """
        The last part of the path.
        """
        return self.path.rpartition("/")[2]


class Remove:
    """
    As a value of `Update.changes`: the field goes.
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
    Change fields of a document that must exist, and, where `if_version` is given, must not have changed since.

    `changes` is keyed by top-level names, or by field paths: tuples of names from the top (`("videos", "v1")`).
    """

    path: str
    changes: Mapping[str, Any] | Mapping[tuple[str, ...], Any]
    if_version: Version | None = None


@dataclass(frozen=True, slots=True)
class Delete:
    """
    Delete a document; one that is gone already is no error unless `if_version` is given.
    """

    path: str
    if_version: Version | None = None


Write = Create | Update | Delete


class Operator(StrEnum):
    """
    The comparisons a query may make.
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
        field: Its name, or the names on the way to it from the top.
        operator: The comparison; `CONTAINS` is of a list and one of its members.
        value: With which it is compared.
    """

    field: str | tuple[str, ...]
    operator: Operator
    value: Any


@dataclass(frozen=True, slots=True)
class Total:
    """
    How many documents meet a query, and what one of their fields adds up to.
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
        after_id: Only ids after this one; goes with no `order_by`.
        limit: At most so many documents.
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
        The documents that meet a query, in its order.
        """
        ...

    def count(self, query: Query) -> int:
        """
        Count the documents that meet a query, whatever its limit; a read for each 1,000 of them.
        """
        ...

    def total(self, query: Query, field: str) -> Total:
        """
        How many documents meet a query and have one field, and the sum of that field, which holds whole numbers;
        counted by the store. A document with something else in it counts and adds nothing. The query's limit does not
        matter.
        """
        ...

    def commit(self, *writes: Write) -> tuple[Version, ...]:
        """
        Write all or nothing.

        Returns:
            The new version of each written document, in order; a deleted one's is without meaning.

        Raises:
            Conflict: A condition did not hold; nothing was written by this call (again, after another look).
        """
        ...
