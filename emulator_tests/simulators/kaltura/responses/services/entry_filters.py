"""The filters of entries beyond the plain suffixes: categories, several fields at once, advanced search.

Called by `entries`, which lists and counts. The rules are those of kaltura/server, SphinxEntryCriteria, entryFilter and
the AdvancedSearchFilter classes.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from emulator_tests.simulators.kaltura.errors import ApiError
from emulator_tests.simulators.kaltura.models.account import Call
from emulator_tests.simulators.kaltura.models.broadcast import is_live
from emulator_tests.simulators.kaltura.models.entry_state import EntryStatus
from emulator_tests.simulators.kaltura.models.filters import Explanation, all_words, any_word, parts_of
from emulator_tests.simulators.kaltura.models.schema import SCHEMA, Record, array_items, to_bool, to_int, to_text
from emulator_tests.simulators.kaltura.models.table import Condition, split_words
from emulator_tests.simulators.kaltura.responses.services.rows import among

#: entry::getSearchText: what an entry is found by in its search text.
_SEARCH_TEXT = ("name", "tags", "description", "id", "referenceId")
_NAMED_FIELDS = {"Tags": "tags", "AdminTags": "adminTags", "Name": "name"}
_COMPARISONS: dict[int, Callable[[int, int], bool]] = {
    1: operator.eq,
    2: operator.gt,
    3: operator.ge,
    4: operator.lt,
    5: operator.le,
    6: operator.ne,
}
_AND, _OR = 1, 2
#: An entry's ids of categories, with a test on each: what a category demand comes down to.
_InCategory = Callable[[set[int], set[int]], bool]


def explanations(call: Call) -> dict[str, Explanation]:
    """The meaning of each special property of an entry filter in this account."""
    found: dict[str, Explanation] = {
        "isRoot": _is_root,
        "rootEntryIdEqual": lambda value: _rooted_in({to_text(value)}),
        "rootEntryIdIn": lambda value: _rooted_in(set(parts_of(value))),
        "searchTextMatchOr": lambda value: any_word(to_text(value), _SEARCH_TEXT),
        "searchTextMatchAnd": lambda value: all_words(to_text(value), _SEARCH_TEXT),
        "redirectFromEntryId": lambda value: among("id", redirected(call, to_text(value))),
        "isLive": lambda value: Condition("id", lambda entry_id: is_live(call.account, entry_id) is to_bool(value)),
        "isRecordedEntryIdEmpty": lambda value: _recorded(to_int(value)),
        "advancedSearch": lambda value: Condition("", _searched(value)),
    }
    for names in ("tagsName", "tagsAdminTags", "tagsAdminTagsName"):
        fields = _fields_of(names)
        found[f"{names}MultiLikeOr"] = _in_fields(any_word, fields)
        found[f"{names}MultiLikeAnd"] = _in_fields(all_words, fields)
    return found | dict.fromkeys(_CATEGORY_PROPERTIES, _explained_elsewhere)


def category_conditions(call: Call, sent: Mapping[str, Any]) -> list[Condition]:
    """The demands of a filter on an entry's categories; of two of the same kind the later one counts.

    Source: kaltura/server, SphinxEntryCriteria::applyFilterFields, where each overwrites the field of the one before.
    """
    demands: dict[str, _InCategory] = {}
    for name, (kind, make) in _CATEGORY_PROPERTIES.items():
        if name in sent and to_text(sent[name]) != "":
            demands[kind] = make(call, to_text(sent[name]))
    if "or" in demands and to_text(sent.get("categoryAncestorIdIn")) and not _names_full(sent):
        # An ancestor is stronger than ids that are named beside it.
        demands["or"] = _below(call, to_text(sent["categoryAncestorIdIn"]))
    return [Condition("categoriesIds", _in_categories(call, test)) for test in demands.values()]


def redirected(call: Call, entry_id: str) -> str:
    """The entry that a player is sent to when it asks for one: the entry it redirects to once that is ready, or itself.

    Raises:
        ApiError: INVALID_ENTRY_ID.
    """
    entry = call.store.entries.get(entry_id)
    if entry is None or entry["status"] == EntryStatus.DELETED:
        raise ApiError("INVALID_ENTRY_ID", entry_id)
    target = call.store.entries.get(entry.get("redirectEntryId") or "")
    return str(target["id"]) if target is not None and target["status"] == EntryStatus.READY else entry_id


def _explained_elsewhere(_value: Any) -> None:
    """No demand here: `category_conditions` explains it."""


def _in_fields(search: Callable[[str, tuple[str, ...]], Condition], fields: tuple[str, ...]) -> Explanation:
    return lambda value: search(to_text(value), fields)


def _fields_of(names: str) -> tuple[str, ...]:
    text = names[0].upper() + names[1:]
    found = []
    for word in ("AdminTags", "Tags", "Name"):
        if word in text:
            found.append(_NAMED_FIELDS[word])
            text = text.replace(word, "")
    return tuple(found)


def _is_root(value: Any) -> Condition | None:
    wants = to_int(value)
    return None if wants == -1 else Condition("", lambda row: _roots_itself(row) is bool(wants))


def _rooted_in(roots: set[str]) -> Condition:
    """Entries that stem from others; an entry does not stem from itself, entry::getRoots."""
    return Condition("", lambda row: row.get("rootEntryId") in roots and not _roots_itself(row))


def _roots_itself(row: Record) -> bool:
    return row.get("rootEntryId") in (None, row["id"])


def _recorded(wants: int) -> Condition | None:
    if wants == -1:
        return None
    return Condition("recordedEntryId", lambda value: (value in (None, "")) is bool(wants))


def _in_categories(call: Call, test: _InCategory) -> Callable[[Any], bool]:
    def found(value: Any) -> bool:
        direct = {int(each) for each in split_words(value)}
        around = set(direct)
        for each in direct:
            category = call.store.categories.get(each)
            around |= {int(part) for part in str((category or {}).get("fullIds") or "").split(">") if part}
        return test(direct, around)

    return found


def _ids(value: str) -> set[int]:
    return {to_int(part) for part in parts_of(value)}


def _direct_any(_call: Call, value: str) -> _InCategory:
    wanted = _ids(value)
    return lambda direct, _around: not wanted.isdisjoint(direct)


def _direct_all(_call: Call, value: str) -> _InCategory:
    wanted = _ids(value)
    return lambda direct, _around: wanted <= direct


def _below(_call: Call, value: str) -> _InCategory:
    wanted = _ids(value)
    return lambda _direct, around: not wanted.isdisjoint(around)


def _not_below(_call: Call, value: str) -> _InCategory:
    unwanted = _ids(value)
    return lambda _direct, around: unwanted.isdisjoint(around)


def _named(call: Call, value: str) -> list[tuple[int, bool]]:
    """The categories of some full names, and whether only what lies below is meant, as `name>` says."""
    found = []
    for name in parts_of(value):
        rows = call.store.categories.where("fullName", name.removesuffix(">"))
        found.append((rows[0]["id"] if rows else -1, name.endswith(">")))
    return found


def _is_in(category_id: int, below_only: bool, direct: set[int], around: set[int]) -> bool:
    return category_id in around and not (below_only and category_id in direct)


def _names_any(call: Call, value: str) -> _InCategory:
    wanted = _named(call, value)
    return lambda direct, around: any(_is_in(*each, direct, around) for each in wanted)


def _names_all(call: Call, value: str) -> _InCategory:
    wanted = _named(call, value)
    return lambda direct, around: all(_is_in(*each, direct, around) for each in wanted)


def _names_none(call: Call, value: str) -> _InCategory:
    unwanted = _named(call, value)
    return lambda direct, around: not any(_is_in(*each, direct, around) for each in unwanted)


def _names_full(sent: Mapping[str, Any]) -> bool:
    return any(to_text(sent.get(name)) for name in ("categoriesMatchOr", "categoriesFullNameIn"))


#: Property, the field it sets, and what it demands; in the order in which the server looks at them.
_CATEGORY_PROPERTIES: dict[str, tuple[str, Callable[[Call, str], _InCategory]]] = {
    "categoryAncestorIdIn": ("or", _below),
    "categoriesIdsMatchOr": ("or", _direct_any),
    "categoriesIdsMatchAnd": ("and", _direct_all),
    "categoriesIdsNotContains": ("not", _not_below),
    "categoriesMatchAnd": ("and", _names_all),
    "categoriesMatchOr": ("or", _names_any),
    "categoriesNotContains": ("not", _names_none),
    "categoriesFullNameIn": ("or", _names_any),
}


def _searched(raw: Any) -> Callable[[Record], bool]:
    """The test that an item of an advanced search is.

    Raises:
        ApiError: FILTER_PROPERTY_NOT_SIMULATED for a kind of item that nobody explains here.
    """
    item = raw if isinstance(raw, Mapping) else {}
    kind = to_text(item.get("objectType"))
    if kind == "KalturaSearchOperator":
        return _combined(to_int(item.get("type") or _AND), [_searched(each) for each in array_items(item.get("items"))])
    attribute = _attribute(to_text(item.get("attribute")), kind)
    if kind.endswith("MatchAttributeCondition"):
        return _matched(attribute, to_text(item.get("value")), to_bool(item.get("not")))
    if kind.endswith("CompareAttributeCondition"):
        compare = _COMPARISONS[to_int(item.get("comparison")) or 1]
        bound = to_int(item.get("value"))
        # What was never set counts as 0, as in the index.
        return lambda row: compare(to_int(row.get(attribute) or 0), bound)
    raise ApiError("FILTER_PROPERTY_NOT_SIMULATED", f"advancedSearch::{kind}")


def _combined(kind: int, tests: Iterable[Callable[[Record], bool]]) -> Callable[[Record], bool]:
    parts = list(tests)
    choose = any if kind == _OR and parts else all
    return lambda row: choose(test(row) for test in parts)


def _attribute(name: str, kind: str) -> str:
    if name == "searchText" or name in SCHEMA.properties("KalturaLiveStreamEntry"):
        return name
    raise ApiError("FILTER_PROPERTY_NOT_SIMULATED", f"advancedSearch::{kind}::{name}")


def _matched(attribute: str, value: str, unwanted: bool) -> Callable[[Record], bool]:
    fields = _SEARCH_TEXT if attribute == "searchText" else (attribute,)
    wanted = value.lower()

    def test(row: Record) -> bool:
        found = any(wanted in str(row.get(field) or "").lower() for field in fields)
        return found is not unwanted

    return test
