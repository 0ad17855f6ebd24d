"""The documents port in memory."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from emulator_tests.memory.clock import BEGIN_AT
from emulator_tests.memory.effect import Effect, undisturbed
from emulator_tests.memory.values import copy_of, index_key, meets, put_value, sort_key
from shared.cloud.firestore import changes_by_path, check_path, check_query, stored
from shared.core.errors import Conflict
from shared.ports import Condition, Create, Delete, Document, Operator, Query, Remove, Total, Update, Version, Write

FIRST_CREATED_AT: Final = BEGIN_AT - timedelta(days=3650)
"""When the first in-memory document was created. Each later one is created a second after the one before, whatever
clock a test moves, so no test ever writes one of these instants."""


@dataclass(frozen=True, slots=True)
class _Kept:
    fields: dict[str, Any]
    version: int
    created_at: datetime


class MemoryDocuments:
    """
    The documents port in memory.
    """

    def __init__(self, effect: Effect = undisturbed) -> None:
        self._effect = effect
        self._lock = threading.Lock()
        self._kept: dict[str, _Kept] = {}
        self._indexes: dict[tuple[str, str | None], dict[Any, set[str]]] = {}
        self._versions = itertools.count(1)

    def paths(self) -> tuple[str, ...]:
        """
        Return the paths of all documents, sorted.
        """
        with self._lock:
            return tuple(sorted(self._kept))

    def read(self, *paths: str) -> tuple[Document | None, ...]:
        for path in paths:
            check_path(path)

        def do() -> tuple[Document | None, ...]:
            with self._lock:
                return tuple(self._document(path) for path in paths)

        return self._effect("read", do)

    def select(self, query: Query) -> Sequence[Document]:
        check_query(query)

        def do() -> Sequence[Document]:
            with self._lock:
                return self._select(query)

        return self._effect("select", do)

    def count(self, query: Query) -> int:
        check_query(query)

        def do() -> int:
            with self._lock:
                return len(self._matching(query))

        return self._effect("count", do)

    def total(self, query: Query, field: str) -> Total:
        check_query(query)

        def do() -> Total:
            with self._lock:
                values = [fields[field] for _, fields in self._matching(query) if field in fields]
                return Total(len(values), sum(_whole(value) for value in values))

        return self._effect("total", do)

    def commit(self, *writes: Write) -> tuple[Version, ...]:
        written = tuple(_written(write) for write in writes)

        def do() -> tuple[Version, ...]:
            with self._lock:
                return self._commit(written)

        return self._effect("commit", do)

    def _document(self, path: str) -> Document | None:
        kept = self._kept.get(path)
        return None if kept is None else Document(path, copy_of(kept.fields), kept.version, kept.created_at)

    def _select(self, query: Query) -> Sequence[Document]:
        found = self._matching(query)
        found.sort(key=lambda one: (sort_key(one[1].get(query.order_by or "")), one[0]))
        documents = (self._document(f"{query.collection}/{id_}") for id_, _ in found[: query.limit])
        return [document for document in documents if document is not None]

    def _matching(self, query: Query) -> list[tuple[str, dict[str, Any]]]:
        prefix = query.collection + "/"
        found = ((path.removeprefix(prefix), self._kept[path].fields) for path in self._candidates(query))
        return [
            (id_, fields)
            for id_, fields in found
            if (query.order_by is None or query.order_by in fields)
            and (query.after_id is None or id_ > query.after_id)
            and all(meets(fields, condition) for condition in query.conditions)
        ]

    def _candidates(self, query: Query) -> Collection[str]:
        """
        Return the paths of the documents that may match a query.

        An index on one field narrows a collection down, so that a test with as many documents as a school does not scan
        all of them for one session, or for the few that are due.
        """
        found: Collection[str] = self._index(query.collection, None).get(None, ())
        for condition in query.conditions:
            if isinstance(condition.field, str) and condition.operator is not Operator.CONTAINS:
                index = self._index(query.collection, condition.field)
                found = min(found, [path for paths in self._met(index, condition) for path in paths], key=len)
        return found

    def _met(self, index: Mapping[Any, set[str]], condition: Condition) -> Iterable[set[str]]:
        """
        Return the entries of an index that meet a condition.
        """
        match condition.operator:
            case Operator.EQUAL:
                return [index.get(index_key(stored(condition.value)), set())]
            case Operator.IN:
                return [index.get(key, set()) for key in {index_key(stored(value)) for value in condition.value}]
            case _:
                # All documents of one entry have the same value, so one of them stands for all.
                return [one for one in index.values() if meets(self._kept[next(iter(one))].fields, condition)]

    def _index(self, collection: str, field: str | None) -> dict[Any, set[str]]:
        """
        Return the paths of a collection's documents by the value of a field. The index is built at its first use.
        """
        if (collection, field) not in self._indexes:
            index = self._indexes[collection, field] = {}
            for path, kept in self._kept.items():
                if _collection_of(path) == collection:
                    index.setdefault(_value_of(kept.fields, field), set()).add(path)
        return self._indexes[collection, field]

    def _keep(self, path: str, kept: _Kept | None) -> _Kept | None:
        """
        Store a document, or remove it, and update the indexes.

        Returns:
            The document that was stored there before.
        """
        before = self._kept.pop(path, None)
        collection = _collection_of(path)
        for (indexed, name), index in self._indexes.items():
            if indexed != collection:
                continue
            if before is not None:
                value = _value_of(before.fields, name)
                index[value].discard(path)
                if not index[value]:
                    del index[value]
            if kept is not None:
                index.setdefault(_value_of(kept.fields, name), set()).add(path)
        if kept is not None:
            self._kept[path] = kept
        return before

    def _commit(self, writes: Sequence[Write]) -> tuple[Version, ...]:
        # Each write sees the writes before it. If one condition fails, all are undone.
        undo: list[tuple[str, _Kept | None]] = []
        version = next(self._versions)
        try:
            return tuple(self._write(write, version, undo) for write in writes)
        except Conflict:
            for path, before in reversed(undo):
                self._keep(path, before)
            raise

    def _write(self, write: Write, version: int, undo: list[tuple[str, _Kept | None]]) -> int:
        before = self._kept.get(write.path)
        after = before
        match write:
            case Create():
                if before is not None:
                    raise Conflict(f"{write.path} exists already.")
                # A document with a `createdAt` was created then, as with the server's timestamp.
                told = write.fields.get("createdAt")
                at = told if isinstance(told, datetime) else FIRST_CREATED_AT + timedelta(seconds=version)
                after = _Kept(dict(write.fields), version, at)
            case Update():
                if before is None or write.if_version not in (None, before.version):
                    raise Conflict(f"{write.path} is gone or was changed meanwhile.")
                fields = copy_of(before.fields)
                for path, value in changes_by_path(write).items():
                    put_value(fields, path, value)
                # As in Firestore, an update that changes nothing leaves the version as it was. Python's `==` is not
                # enough to tell:
                # `True == 1`, but Firestore distinguishes them.
                if fields != before.fields or sort_key(fields) != sort_key(before.fields):
                    after = _Kept(fields, version, before.created_at)
            case Delete():
                if write.if_version is not None and (before is None or before.version != write.if_version):
                    raise Conflict(f"{write.path} is gone or was changed meanwhile.")
                after = None
        undo.append((write.path, self._keep(write.path, after)))
        return version if after is None else after.version


def _collection_of(path: str) -> str | None:
    """
    Return the top-level collection of a document, `None` for a document of a subcollection.
    """
    collection, _, rest = path.partition("/")
    return None if "/" in rest else collection


def _value_of(fields: Mapping[str, Any], field: str | None) -> Any:
    """
    Return the key by which an index finds a document: the value of a field, or `None` if the index is of no field.
    """
    return None if field is None else index_key(fields[field]) if field in fields else _ABSENT


_ABSENT: Final = "absent"


def _whole(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def _written(write: Write) -> Write:
    """
    Return the write with a copy of its values, made before any effect may delay it.
    """
    check_path(write.path)
    match write:
        case Create(path, fields):
            return Create(path, stored(fields))
        case Update(path, _, if_version):
            changes = changes_by_path(write)
            return Update(
                path,
                {way: value if isinstance(value, Remove) else stored(value) for way, value in changes.items()},
                if_version,
            )
        case Delete():
            return write
