"""One kind of thing in memory: rows by id, indexes for what is filtered often, and the order of lists.

Called by `models.store`. Rows are plain records; every change goes through `put` so that the indexes stay true.
"""

from __future__ import annotations

import bisect
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

from emulator_tests.simulators.kaltura.models.schema import Record

Key = str | int

#: A selection is walked rather than sorted or tested one by one when it is more than this part of all.
_WALKED_SHARE = 8


@dataclass(frozen=True, slots=True)
class Condition:
    """One demand of a filter.

    Args:
        field: Property it looks at; empty when it looks at the whole row.
        test: Decides on the property's value, or on the row.
        values: For Equal and In: the wanted values, so that an index can answer.
        at_least: For GreaterThanOrEqual on a sorted field.
        at_most: For LessThanOrEqual on a sorted field.
        words: For tag filters: text every match must contain in one of its tags.
    """

    field: str
    test: Callable[[Any], bool]
    values: frozenset[Any] | None = None
    at_least: int | None = None
    at_most: int | None = None
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Selection:
    """The rows an index offers for a condition, not gathered yet.

    Args:
        condition: What they meet.
        size: How many they are.
        is_exact: Whether they are the matches, not only more than these.
        keys: Gathers their ids.
    """

    condition: Condition
    size: int
    is_exact: bool
    keys: Callable[[], Iterable[Key]]


class _SortedIndex:
    """Ids ordered by one numeric field."""

    def __init__(self) -> None:
        self.pairs: list[tuple[float, Key]] = []

    def add(self, value: float, key: Key) -> None:
        bisect.insort(self.pairs, (value, key))

    def remove(self, value: float, key: Key) -> None:
        at = bisect.bisect_left(self.pairs, (value, key))
        if at < len(self.pairs) and self.pairs[at] == (value, key):
            del self.pairs[at]

    def span(self, at_least: float | None, at_most: float | None) -> tuple[int, int]:
        """Return the first and last position of the pairs within two bounds."""
        low = 0 if at_least is None else bisect.bisect_left(self.pairs, (at_least,))
        high = len(self.pairs) if at_most is None else bisect.bisect_left(self.pairs, (at_most + 0.5,))
        return low, high


class Table:
    """Rows of one kind.

    Args:
        name: The kind, plural, as the control interface lists it.
        key_field: Property that identifies a row.
        hashed: Properties asked for by equality.
        sorted_by: Numeric properties asked for by range or order.
        tagged: Properties holding comma-separated words.
    """

    def __init__(
        self,
        name: str,
        key_field: str = "id",
        hashed: Iterable[str] = (),
        sorted_by: Iterable[str] = ("createdAt",),
        tagged: Iterable[str] = (),
    ) -> None:
        self.name = name
        self.key_field = key_field
        self.rows: dict[Key, Record] = {}
        #: Deleted rows, kept for the control interface and so that counted ids are not used twice.
        self.buried: dict[Key, Record] = {}
        self._hashed: dict[str, dict[Any, dict[Key, None]]] = {field: {} for field in hashed}
        self._sorted: dict[str, _SortedIndex] = {field: _SortedIndex() for field in sorted_by}
        self._tagged: dict[str, dict[str, dict[Key, None]]] = {field: {} for field in tagged}

    def __iter__(self) -> Iterator[Record]:
        return iter(self.rows.values())

    def __len__(self) -> int:
        return len(self.rows)

    def get(self, key: Key) -> Record | None:
        """The row with this id, or None."""
        return self.rows.get(key)

    def put(self, row: Record) -> None:
        """Store a row, replacing the one with the same id; one with `_deletedAt` is buried."""
        key = row[self.key_field]
        old = self.rows.get(key)
        if old is not None:
            self._unindex(key, old)
        if "_deletedAt" in row:
            self.rows.pop(key, None)
            self.buried[key] = row
            return
        self.buried.pop(key, None)
        self.rows[key] = row
        for field, ids in self._hashed.items():
            ids.setdefault(row.get(field), {})[key] = None
        for field, index in self._sorted.items():
            index.add(row.get(field) or 0, key)
        for field, words in self._tagged.items():
            for word in split_words(row.get(field)):
                words.setdefault(word, {})[key] = None

    def remove(self, key: Key) -> None:
        """Forget a row for good."""
        self.buried.pop(key, None)
        old = self.rows.pop(key, None)
        if old is not None:
            self._unindex(key, old)

    def where(self, field: str, value: Any) -> list[Record]:
        """Rows whose indexed property has a value, in the order they were put."""
        return [self.rows[key] for key in self._hashed[field].get(value, {})]

    def select(self, conditions: list[Condition], order_by: str, offset: int, limit: int) -> tuple[list[Record], int]:
        """A page of the rows meeting every condition, and how many there are in all.

        Args:
            conditions: All must hold.
            order_by: `+field` or `-field`; rows equal in it are ordered by id.
            offset: Rows to skip.
            limit: Rows to return at most.
        """
        matches = self._matches(conditions)
        total = len(self.rows) if matches is None else len(matches)
        descending, field = order_by.startswith("-"), order_by.lstrip("+-")
        index = self._sorted.get(field)
        if index is not None and total > len(self.rows) // _WALKED_SHARE:
            # Many matches: walking the index and skipping strangers is cheaper than sorting them.
            walk = (key for _, key in (reversed(index.pairs) if descending else index.pairs))
            page = islice((key for key in walk if matches is None or key in matches), offset, offset + limit)
            return [self.rows[key] for key in page], total
        found = self.rows if matches is None else matches
        keys = sorted(found, key=lambda key: (_sortable(self.rows[key].get(field)), key), reverse=descending)
        return [self.rows[key] for key in keys[offset : offset + limit]], total

    def _matches(self, conditions: list[Condition]) -> set[Key] | None:
        """The ids of all rows that meet every condition; None for all rows there are."""
        selections: list[_Selection] = []
        tested: list[Condition] = []
        for each in conditions:
            selection = self._selection(each)
            if selection is None:
                tested.append(each)
            elif not selection.is_exact or selection.size < len(self.rows):
                selections.append(selection)
        selections.sort(key=lambda selection: selection.size)
        found: set[Key] | None = None
        for selection in selections:
            if found is None:
                found = set(selection.keys())
            elif selection.is_exact and selection.size < len(found) * _WALKED_SHARE:
                found.intersection_update(selection.keys())
            else:
                # Few are left: looking at each is cheaper than gathering all an index offers.
                tested.append(selection.condition)
            if not selection.is_exact:
                tested.append(selection.condition)
        if not tested:
            return found
        rows = self.rows
        candidates = rows if found is None else found
        return {key for key in candidates if all(_holds(each, rows[key]) for each in tested)}

    def _selection(self, condition: Condition) -> _Selection | None:
        """Return the rows that an index finds for a condition; None when there is no such index."""
        field = condition.field
        values = condition.values
        if values is not None and field == self.key_field:
            known = [key for key in values if key in self.rows]
            return _Selection(condition, len(known), True, lambda: known)
        if values is not None and field in self._hashed:
            buckets = [ids for value in values if (ids := self._hashed[field].get(value))]
            size = sum(map(len, buckets))
            return _Selection(condition, size, True, lambda: chain.from_iterable(buckets))
        if field in self._sorted and (condition.at_least is not None or condition.at_most is not None):
            index = self._sorted[field]
            low, high = index.span(condition.at_least, condition.at_most)
            return _Selection(condition, high - low, True, lambda: (key for _, key in index.pairs[low:high]))
        if field in self._tagged and condition.words:
            known_words = self._tagged[field]
            keys: set[Key] = set()
            for wanted in condition.words:
                keys.update(*(ids for word, ids in known_words.items() if wanted in word))
            return _Selection(condition, len(keys), False, lambda: keys)
        return None

    def _unindex(self, key: Key, old: Record) -> None:
        for field, ids in self._hashed.items():
            bucket = ids.get(old.get(field))
            if bucket is not None:
                bucket.pop(key, None)
                if not bucket:
                    del ids[old.get(field)]
        for field, index in self._sorted.items():
            index.remove(old.get(field) or 0, key)
        for field, words in self._tagged.items():
            for word in split_words(old.get(field)):
                words.get(word, {}).pop(key, None)
                if word in words and not words[word]:
                    del words[word]


def split_words(text: Any) -> list[str]:
    """The comma-separated words of a property, trimmed, lower case. Pure."""
    return [word for word in (part.strip().lower() for part in str(text or "").split(",")) if word]


def _holds(condition: Condition, row: Record) -> bool:
    return condition.test(row.get(condition.field) if condition.field else row)


def _sortable(value: Any) -> tuple[int, Any]:
    """A key that orders missing values first and never compares text with numbers. Pure."""
    if value is None:
        return (0, 0)
    return (1, value) if isinstance(value, (int, float)) else (2, str(value).lower())
