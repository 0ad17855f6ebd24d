"""Filters and pagers of the API, turned into conditions on a table.

Called by the list actions. A filter's property is a property of the listed type with a suffix, such as `tagsLike`;
one that names no known property is ignored, as the real service does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from emulator_tests.simulators.kaltura.models.table import Condition, split_words
from emulator_tests.simulators.kaltura.schema import SCHEMA, Property, Record, to_instant, to_int, to_text

#: Longest first, so that `createdAtLessThanOrEqualOrNull` is not taken for another suffix.
_SUFFIXES = (
    "GreaterThanOrEqualOrNull",
    "LessThanOrEqualOrNull",
    "GreaterThanOrEqual",
    "LessThanOrEqual",
    "MultiLikeAnd",
    "MultiLikeOr",
    "NotContains",
    "StartsWith",
    "MatchAnd",
    "MatchOr",
    "NotEqual",
    "NotIn",
    "Equal",
    "Like",
    "In",
)

DEFAULT_PAGE_SIZE = 30
MAX_PAGE_SIZE = 500
_FREE_TEXT_FIELDS = ("name", "description", "tags", "referenceId", "id")


def page_of(pager: Mapping[str, Any]) -> tuple[int, int]:
    """Offset and size a pager asks for: size 30 unless told, at most 500; pages count from 1. Pure."""
    size = to_int(pager["pageSize"]) if "pageSize" in pager else DEFAULT_PAGE_SIZE
    size = min(max(size, 0), MAX_PAGE_SIZE)
    index = max(to_int(pager.get("pageIndex", 1)), 1)
    return (index - 1) * size, size


def conditions_of(raw: Mapping[str, Any], type_names: tuple[str, ...], now: int) -> list[Condition]:
    """The conditions of a filter over objects of the given types.

    Args:
        raw: The filter as it came over the wire.
        type_names: Types whose properties the filter may name.
        now: Unix seconds that relative times count from.
    """
    properties: dict[str, Property] = {}
    for name in type_names:
        properties.update(SCHEMA.properties(name))
    found: list[Condition] = []
    for key, value in raw.items():
        # An empty value is no demand at all, as on the real service.
        if isinstance(value, (Mapping, list)) or key.endswith("__null") or to_text(value) == "":
            continue
        if key == "freeText":
            found.append(_free_text(to_text(value)))
        for suffix in _SUFFIXES:
            if key.endswith(suffix) and (field := properties.get(key.removesuffix(suffix))):
                found.append(_condition(field, suffix, to_text(value), now))
                break
    return found


def names_any(raw: Mapping[str, Any], field: str) -> bool:
    """Whether a filter says anything about a property's value by equality or membership. Pure."""
    return any(to_text(raw.get(field + suffix, "")) != "" for suffix in ("Equal", "NotEqual", "In", "NotIn"))


def order_of(raw: Mapping[str, Any], default: str = "-createdAt") -> str:
    """The order a filter asks for. Pure."""
    return to_text(raw.get("orderBy", "")) or default


def _free_text(wanted: str) -> Condition:
    words = wanted.lower().split()

    def found(row: Record) -> bool:
        text = " ".join(str(row.get(field) or "") for field in _FREE_TEXT_FIELDS).lower()
        return any(word in text for word in words)

    return Condition("", found)


def _condition(field: Property, suffix: str, text: str, now: int) -> Condition:
    name = field.name
    if suffix in ("Equal", "In", "NotEqual", "NotIn"):
        parts = [part.strip() for part in text.split(",")] if suffix.endswith("In") else [text]
        wanted = frozenset(_value(field, part, now) for part in parts if part != "")
        if suffix.startswith("Not"):
            return Condition(name, lambda value: value not in wanted)
        return Condition(name, lambda value: value in wanted, values=wanted)
    if suffix.startswith(("GreaterThan", "LessThan")):
        return _bound(field, suffix, text, now)
    return _wording(name, suffix, text.lower())


def _bound(field: Property, suffix: str, text: str, now: int) -> Condition:
    limit = to_instant(to_int(text), now) if _is_time(field) else to_int(text)
    or_null = suffix.endswith("OrNull")
    bound = limit or 0
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
    return text


def _is_time(field: Property) -> bool:
    return field.kind == "time" or field.name.endswith(("At", "Date"))
