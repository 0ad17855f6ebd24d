"""The items of an eSearch: what each demands of an entry.

Called by the eSearch service. The rules are those of kaltura/server, plugins/search/providers/elastic_search:
ESearchEntryItem for what a field may be asked, kESearchQueryManager for what a question means, and
configurations/elastic/mapping/entry_mapping.json for how a field is indexed. Elasticsearch's standard tokenizer is
simulated as far as letters, digits, underscores and special characters go.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from emulator_tests.simulators.kaltura.errors import ApiError
from emulator_tests.simulators.kaltura.models.schema import Record
from emulator_tests.simulators.kaltura.models.table import split_words

Test = Callable[[Record], bool]


class ItemType(IntEnum):
    """KalturaESearchItemType."""

    EXACT_MATCH = 1
    PARTIAL = 2
    STARTS_WITH = 3
    EXISTS = 4
    RANGE = 5


class Operator(IntEnum):
    """KalturaESearchOperatorType."""

    AND = 1
    OR = 2
    NOT = 3


@dataclass(frozen=True, slots=True)
class _Field:
    """A field of the index: its name there, the property it holds, and how it may be asked."""

    indexed: str
    name: str
    asked_by: tuple[ItemType, ...]


_TEXT = (ItemType.EXACT_MATCH, ItemType.PARTIAL, ItemType.STARTS_WITH, ItemType.EXISTS)
_KEYWORD = (ItemType.EXACT_MATCH,)
_OPTIONAL = (ItemType.EXACT_MATCH, ItemType.EXISTS)
_NUMBER = (ItemType.RANGE,)
_DATE = (ItemType.RANGE, ItemType.EXISTS)
#: ESearchEntryItem::$allowed_search_types_for_field by KalturaESearchEntryFieldName, as far as entries here have them.
_FIELDS = {
    "id": _Field("_id", "id", _KEYWORD),
    "name": _Field("name", "name", _TEXT[:3]),
    "description": _Field("description", "description", _TEXT),
    "tags": _Field("tags", "tags", _TEXT),
    "admin_tags": _Field("admin_tags", "adminTags", _OPTIONAL),
    "kuser_id": _Field("kuser_id", "userId", _KEYWORD),
    "creator_kuser_id": _Field("creator_kuser_id", "creatorId", _KEYWORD),
    "reference_id": _Field("reference_id", "referenceId", _OPTIONAL),
    "conversion_profile_id": _Field("conversion_profile_id", "conversionProfileId", _KEYWORD),
    "redirect_entry_id": _Field("redirect_entry_id", "redirectEntryId", _OPTIONAL),
    "parent_id": _Field("parent_id", "parentEntryId", _OPTIONAL),
    "recorded_entry_id": _Field("recorded_entry_id", "recordedEntryId", _OPTIONAL),
    "access_control_id": _Field("access_control_id", "accessControlId", _OPTIONAL),
    "flavor_params_ids": _Field("flavor_params", "flavorParamsIds", _KEYWORD),
    "media_type": _Field("media_type", "mediaType", _KEYWORD),
    "source_type": _Field("source_type", "sourceType", _KEYWORD),
    "entry_type": _Field("entry_type", "type", _KEYWORD),
    "moderation_status": _Field("moderation_status", "moderationStatus", _OPTIONAL),
    "length_in_msecs": _Field("length_in_msecs", "msDuration", _NUMBER),
    "created_at": _Field("created_at", "createdAt", _NUMBER),
    "updated_at": _Field("updated_at", "updatedAt", _NUMBER),
    "plays": _Field("plays", "plays", _NUMBER),
    "rank": _Field("rank", "rank", _NUMBER),
    "votes": _Field("votes", "votes", _NUMBER),
    "partner_sort_value": _Field("partner_sort_value", "partnerSortValue", _NUMBER),
    "start_date": _Field("start_date", "startDate", _DATE),
    "end_date": _Field("end_date", "endDate", _DATE),
    "last_played_at": _Field("last_played_at", "lastPlayedAt", _DATE),
}
#: What the index holds as several values.
_LISTS = ("tags", "adminTags", "flavorParamsIds")
_MAX_TERM_BYTES = 128
_TRIGRAM_SHARE = 80
_WORD = re.compile(r"\w+(?:\.\w+)*")
#: `kaltura_text` keeps special characters as parts of words.
_WORD_WITH_SPECIALS = re.compile(r"[\w!@#$%^&*()\-=+?/\\\[\]{};|<>~]+(?:\.\w+)*")


def combined(operator: Record) -> Test:
    """The test that an operator with its items is.

    Raises:
        ApiError: An item that is not allowed, or an operator without type or items.
    """
    items = operator.get("searchItems") or []
    if not items:
        raise ApiError("EMPTY SEARCH ITEMS ARE NOT ALLOWED")
    kind = operator.get("operator")
    if kind is None:
        raise ApiError("MISSING OPERATOR TYPE")
    # A range without bounds is no demand, getRangeQuery.
    tests = [test for test in map(_test_of, items) if test is not None]
    if kind == Operator.NOT:
        return lambda row: not any(test(row) for test in tests)
    if kind == Operator.OR and tests:
        return lambda row: any(test(row) for test in tests)
    return lambda row: all(test(row) for test in tests)


def asked_for(operator: Record) -> Iterator[tuple[str, str]]:
    """The properties and values that find hidden entries too, ESearchEntryItem::$ignoreDisplayInSearchFields. Pure."""
    for item in operator.get("searchItems") or []:
        if item["objectType"] == "KalturaESearchEntryOperator":
            yield from asked_for(item)
        elif item.get("fieldName") in ("id", "parent_id"):
            yield _FIELDS[item["fieldName"]].name, _formatted(item.get("searchTerm"))


def sort_property(name: str) -> str:
    """The property that results are ordered by.

    Raises:
        ApiError: FILTER_PROPERTY_NOT_SIMULATED.
    """
    if name == "views":
        return name
    if name not in _FIELDS:
        raise ApiError("FILTER_PROPERTY_NOT_SIMULATED", f"KalturaESearchEntryOrderByItem::{name}")
    return _FIELDS[name].name


def _test_of(item: Record) -> Test | None:
    if item["objectType"] == "KalturaESearchEntryOperator":
        return combined(item)
    name = item.get("fieldName") or ""
    if name not in _FIELDS:
        raise ApiError("FILTER_PROPERTY_NOT_SIMULATED", f"KalturaESearchEntryItem::{name}")
    field, kind = _FIELDS[name], item.get("itemType")
    if kind not in field.asked_by:
        raise ApiError("SEARCH_TYPE_NOT_ALLOWED_ON_FIELD", kind, field.indexed)
    if kind == ItemType.RANGE:
        return _ranged(field.name, item.get("range"))
    if kind == ItemType.EXISTS:
        return lambda row: row.get(field.name) not in (None, "")
    term = str(item.get("searchTerm") or "")
    if not term:
        raise ApiError("EMPTY SEARCH TERM IS NOT ALLOWED", field.indexed, kind)
    is_quoted = kind in (ItemType.EXACT_MATCH, ItemType.PARTIAL) and re.fullmatch(r'"[^"]+"', term)
    return _termed(field, ItemType.EXACT_MATCH if is_quoted else ItemType(kind), term.strip('"') if is_quoted else term)


def _termed(field: _Field, kind: ItemType, term: str) -> Test:
    wanted = _formatted(term)
    if kind == ItemType.STARTS_WITH:
        return lambda row: any(value.startswith(wanted) for value in _values(row, field.name))
    if kind == ItemType.PARTIAL:
        return _partly(field.name, wanted)
    if ItemType.PARTIAL in field.asked_by:
        phrase = _WORD_WITH_SPECIALS.findall(wanted)
        return lambda row: any(_has_phrase(value, phrase) for value in _values(row, field.name))
    return lambda row: wanted in _values(row, field.name)


def _ranged(name: str, bounds: Record | None) -> Test | None:
    if bounds is None:
        return None
    above, at_least, below, at_most = (
        bounds.get(key) for key in ("greaterThan", "greaterThanOrEqual", "lessThan", "lessThanOrEqual")
    )

    def test(row: Record) -> bool:
        value = row.get(name)
        # What was never set is not in the index, so no range has it: elasticSearchUtils::cleanEmptyValues.
        return value is not None and (
            (above is None or value > above)
            and (at_least is None or value >= at_least)
            and (below is None or value < below)
            and (at_most is None or value <= at_most)
        )

    return test


def _partly(name: str, wanted: str) -> Test:
    """Entries with all words of a term, with it as a value, or with most of its trigrams if it is one word."""
    words = set(_WORD.findall(wanted))
    trigrams = list(_trigrams(wanted)) if len(wanted.split()) == 1 else []
    enough = max(len(trigrams) * _TRIGRAM_SHARE // 100, 1)

    def test(row: Record) -> bool:
        values = _values(row, name)
        if wanted in values or (words and words <= _all(_WORD_WITH_SPECIALS.findall, values)):
            return True
        known = _all(_trigrams, values)
        return sum(each in known for each in trigrams) >= enough

    return test


def _trigrams(text: str) -> Iterator[str]:
    for run in re.findall(r"[^\W_]+", text):
        yield from (run[at : at + 3] for at in range(len(run) - 2))


def _all(parts: Callable[[str], Iterable[str]], values: list[str]) -> set[str]:
    return {part for value in values for part in parts(value)}


def _has_phrase(value: str, phrase: list[str]) -> bool:
    words = _WORD_WITH_SPECIALS.findall(value)
    return any(words[at : at + len(phrase)] == phrase for at in range(len(words) - len(phrase) + 1))


def _values(row: Record, name: str) -> list[str]:
    value: Any = row.get(name)
    if value in (None, ""):
        return []
    return split_words(value) if name in _LISTS else [str(value).lower()]


def _formatted(term: Any) -> str:
    """A term as it is compared, elasticSearchUtils::formatSearchTerm. Pure."""
    cut = str(term or "").encode()[:_MAX_TERM_BYTES].decode("utf-8", "ignore")
    return " ".join(cut.lower().split())
