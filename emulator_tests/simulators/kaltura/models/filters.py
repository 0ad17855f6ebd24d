"""Filters and pagers of the API, turned into conditions on a table.

Called by the list actions. A filter's property is a property of the listed type with a suffix, such as `tagsLike`, or
one that its service explains. One that is known to the API and explained by nobody here is refused: a list that
ignored it would answer everything.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from emulator_tests.simulators.kaltura.errors import ApiError
from emulator_tests.simulators.kaltura.models.schema import SCHEMA, Property, Record, to_instant, to_int, to_text
from emulator_tests.simulators.kaltura.models.table import Condition, split_words

#: A service's own explanation of a filter property: the condition its value means, None for no demand.
Explanation = Callable[[Any], Condition | None]

#: Longest first, so that `createdAtLessThanOrEqualOrNull` is not taken for another suffix.
_SUFFIXES = (
    "GreaterThanOrEqualOrNull",
    "LessThanOrEqualOrNull",
    "GreaterThanOrEqual",
    "LessThanOrEqual",
    "MultiLikeAnd",
    "MultiLikeOr",
    "NotContains",
    "GreaterThan",
    "StartsWith",
    "LessThan",
    "MatchAnd",
    "MatchOr",
    "NotEqual",
    "NotIn",
    "Equal",
    "Empty",
    "Like",
    "In",
)

DEFAULT_PAGE_SIZE = 30
MAX_PAGE_SIZE = 500
#: entryFilter::FREE_TEXT_FIELDS and categoryFilter::FREE_TEXT_FIELDS, as far as rows have them.
_FREE_TEXT_FIELDS = ("name", "description", "tags", "referenceId", "id", "userId")
#: What says nothing about which rows are wanted.
_NO_DEMAND = frozenset(("objectType", "orderBy", "excludedFreeTextGroups"))


def page_of(pager: Mapping[str, Any]) -> tuple[int, int]:
    """Offset and size a pager asks for: size 30 unless told, at most 500; pages count from 1. Pure."""
    size = to_int(pager["pageSize"]) if "pageSize" in pager else DEFAULT_PAGE_SIZE
    size = min(max(size, 0), MAX_PAGE_SIZE)
    index = max(to_int(pager.get("pageIndex", 1)), 1)
    return (index - 1) * size, size


def conditions_of(
    sent: Mapping[str, Any], type_names: tuple[str, ...], now: int, explained: Mapping[str, Explanation] | None = None
) -> list[Condition]:
    """The conditions of a filter over objects of the given types.

    Args:
        sent: The filter, as `filter_types.read` gives it.
        type_names: Types whose properties the filter may name.
        now: Unix seconds that relative times count from.
        explained: What the service itself says of some properties, by their names.

    Raises:
        ApiError: FILTER_PROPERTY_NOT_SIMULATED, which is this simulator's own: it would have to ignore a demand.
    """
    properties: dict[str, Property] = {}
    for name in type_names:
        properties.update(SCHEMA.properties(name))
    found: list[Condition | None] = []
    for key, value in sent.items():
        if key in _NO_DEMAND or is_empty(value):
            continue
        if explained and key in explained:
            found.append(explained[key](value))
        elif key == "freeText":
            found.append(free_text(to_text(value), _FREE_TEXT_FIELDS))
        else:
            found.append(_suffixed(key, value, properties, now, str(sent.get("objectType", ""))))
    return [each for each in found if each is not None]


def is_empty(value: Any) -> bool:
    """Tell whether a value is no demand at all, SphinxCriteria::applyFilterFields. Pure."""
    return not value if isinstance(value, (Mapping, list)) else to_text(value) == ""


def parts_of(value: Any) -> list[str]:
    """The comma-separated parts of a value, trimmed, empty ones left out. Pure."""
    return [part for part in (each.strip() for each in to_text(value).split(",")) if part]


def names_any(raw: Mapping[str, Any], field: str) -> bool:
    """Return whether a filter says anything about a property's value by equality or membership. Pure."""
    return any(to_text(raw.get(field + suffix, "")) != "" for suffix in ("Equal", "NotEqual", "In", "NotIn"))


def order_of(raw: Mapping[str, Any], default: str = "-createdAt") -> str:
    """The order a filter asks for. Pure."""
    return to_text(raw.get("orderBy", "")) or default


def free_text(wanted: str, fields: tuple[str, ...]) -> Condition:
    """Rows with all words of a text, or with one of its parts where commas separate them. Pure.

    Source: kaltura/server, SphinxCriteria::addFreeTextToMatchClauseByMatchFields.
    """
    parts = wanted.lower().split(",") if wanted.find(",") > 0 else [wanted.lower()]
    choices = [[part.strip('"')] if part.startswith('"') else part.split() for part in parts if part.strip()]

    def test(row: Record) -> bool:
        text = " ".join(str(row.get(field) or "") for field in fields).lower()
        return any(all(word in text for word in words) for words in choices)

    return Condition("", test)


def any_word(wanted: str, fields: tuple[str, ...]) -> Condition:
    """Rows that have one of some comma-separated words in one of some properties. Pure."""
    words = split_words(wanted)
    return Condition("", lambda row: any(word in _joined(row, fields) for word in words))


def all_words(wanted: str, fields: tuple[str, ...]) -> Condition:
    """Rows that have all of some comma-separated words, each in one of some properties. Pure."""
    words = split_words(wanted)
    return Condition("", lambda row: all(word in _joined(row, fields) for word in words))


def starts_with(wanted: str, fields: tuple[str, ...]) -> Condition:
    """Rows where one of some properties begins with a text. Pure."""
    text = wanted.lower()
    return Condition("", lambda row: any(str(row.get(field) or "").lower().startswith(text) for field in fields))


def _joined(row: Record, fields: tuple[str, ...]) -> str:
    return "\n".join(str(row.get(field) or "") for field in fields).lower()


def _suffixed(key: str, value: Any, properties: Mapping[str, Property], now: int, filter_type: str) -> Condition | None:
    for suffix in _SUFFIXES:
        if key.endswith(suffix) and (field := properties.get(key.removesuffix(suffix))):
            return _condition(field, suffix, to_text(value), now)
    raise ApiError("FILTER_PROPERTY_NOT_SIMULATED", f"{filter_type}::{key}")


def _condition(field: Property, suffix: str, text: str, now: int) -> Condition | None:
    name = field.name
    if suffix in ("Equal", "In", "NotEqual", "NotIn"):
        parts = [part.strip() for part in text.split(",")] if suffix.endswith("In") else [text]
        wanted = frozenset(_value(field, part, now) for part in parts if part != "")
        if suffix.startswith("Not"):
            return Condition(name, lambda value: value not in wanted)
        return Condition(name, lambda value: value in wanted, values=wanted)
    if suffix == "Empty":
        # A KalturaNullableBoolean: -1 is no demand.
        wants = to_int(text)
        return None if wants == -1 else Condition(name, lambda value: (value in (None, "")) is bool(wants))
    if suffix.startswith(("GreaterThan", "LessThan")):
        return _bound(field, suffix, text, now)
    return _wording(name, suffix, text.lower())


def _bound(field: Property, suffix: str, text: str, now: int) -> Condition:
    limit = to_instant(to_int(text), now) if _is_time(field) else to_int(text)
    or_null = suffix.endswith("OrNull")
    bound = limit or 0
    if "OrEqual" not in suffix:
        # Whole numbers only: beyond a bound is at least the next one.
        bound += 1 if suffix.startswith("Greater") else -1
    if suffix.startswith("Greater"):
        return Condition(
            field.name,
            lambda value: or_null if value is None else value >= bound,
            at_least=None if or_null else bound,
        )
    return Condition(
        field.name,
        lambda value: or_null if value is None else value <= bound,
        at_most=None if or_null else bound,
    )


def _wording(name: str, suffix: str, text: str) -> Condition:
    words = tuple(split_words(text))
    tests: dict[str, Callable[[Any], bool]] = {
        "Like": lambda value: text in str(value or "").lower(),
        "MultiLikeOr": lambda value: any(word in str(value or "").lower() for word in words),
        "MultiLikeAnd": lambda value: all(word in str(value or "").lower() for word in words),
        "StartsWith": lambda value: str(value or "").lower().startswith(text),
        "MatchOr": lambda value: not set(words).isdisjoint(split_words(value)),
        "MatchAnd": lambda value: set(words) <= set(split_words(value)),
        "NotContains": lambda value: set(words).isdisjoint(split_words(value)),
    }
    # A text with a comma may lie across two tags, so the index of single tags cannot answer it.
    searchable = () if suffix == "NotContains" or (suffix == "Like" and "," in text) else words
    return Condition(name, tests[suffix], words=searchable)


def _value(field: Property, text: str, now: int) -> Any:
    if _is_time(field):
        return to_instant(to_int(text), now)
    if field.kind in ("int", "float") or (field.kind == "enum" and text.lstrip("-").isdigit()):
        return to_int(text)
    if field.kind == "bool":
        return text.lower() not in ("", "0", "false")
    return text


def _is_time(field: Property) -> bool:
    return field.kind == "time" or field.name.endswith(("At", "Date"))
