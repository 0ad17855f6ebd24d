"""category and categoryEntry: the tree of categories and what is in them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from emulator_tests.simulators.kaltura.errors import ApiError
from emulator_tests.simulators.kaltura.models.account import Call
from emulator_tests.simulators.kaltura.models.entry_state import EntryStatus, change_entry
from emulator_tests.simulators.kaltura.models.filters import Explanation, parts_of, starts_with
from emulator_tests.simulators.kaltura.models.schema import Record, to_int, to_text
from emulator_tests.simulators.kaltura.models.table import Condition
from emulator_tests.simulators.kaltura.responses.actions import action
from emulator_tests.simulators.kaltura.responses.services.rows import (
    among,
    found,
    insertable,
    listed,
    stamped,
    updatable,
)

_ACTIVE, _DELETED = 2, 3
_MAX_CATEGORIES_PER_ENTRY = 32
_MANAGER, _MEMBER = 0, 3
#: KalturaCategoryUserPermissionLevel: moderators, contributors and members, who are no managers.
_MEMBERS = (1, 2, 3)


@action("category.add", "category: KalturaCategory")
def category_add(call: Call, category: Record) -> Record:
    return _create(call, insertable(call, category, "name"))


@action("category.get", "id: int", roles="UW")
def category_get(call: Call, id: int) -> Record:
    return found(call.store.categories, id, "CATEGORY_NOT_FOUND")


@action("category.list", "filter: KalturaCategoryFilter = null, pager: pager = null", roles="UW")
def category_list(call: Call, filter: Mapping[str, Any], pager: Mapping[str, Any]) -> Record:
    # KalturaCategoryFilter::getListResponse: the tree from its top unless asked otherwise.
    return listed(
        call,
        call.store.categories,
        "KalturaCategory",
        filter,
        pager,
        default_order="+depth",
        explained=_explanations(call),
    )


@action("category.update", "id: int, category: KalturaCategory")
def category_update(call: Call, id: int, category: Record) -> Record:
    row = found(call.store.categories, id, "CATEGORY_NOT_FOUND")
    changes = updatable(call, category, row)
    if "name" in changes or "parentId" in changes:
        parent_id = int(changes.get("parentId", row["parentId"]) or 0)
        changes |= _place(call, str(changes.get("name", row["name"])), parent_id, id)
    return call.store.change(call.store.categories, id, **changes, updatedAt=call.now)


@action("category.delete", "id: int, moveEntriesToParentCategory: KalturaNullableBoolean = 1")
def category_delete(call: Call, id: int, move_entries_to_parent_category: int) -> None:
    store = call.store
    row = found(store.categories, id, "CATEGORY_NOT_FOUND")
    for child in store.categories.where("parentId", id):
        category_delete(call, child["id"], move_entries_to_parent_category)
    for assigned in store.category_entries.where("categoryId", id):
        store.bury(store.category_entries, assigned["id"], status=_DELETED)
        _describe(call, assigned["entryId"])
        if move_entries_to_parent_category and row["parentId"]:
            _assign(call, assigned["entryId"], row["parentId"])
    for member in store.category_users.where("categoryId", id):
        store.bury(store.category_users, member["id"])
    store.bury(store.categories, id, status=_DELETED)


@action("categoryEntry.add", "categoryEntry: KalturaCategoryEntry", roles="U")
def category_entry_add(call: Call, category_entry: Record) -> Record:
    fields = insertable(call, category_entry, "categoryId", "entryId")
    entry = call.store.entries.get(fields["entryId"])
    if entry is None or entry["status"] == EntryStatus.DELETED:
        raise ApiError("ENTRY_ID_NOT_FOUND", fields["entryId"])
    found(call.store.categories, fields["categoryId"], "CATEGORY_NOT_FOUND")
    if _assignment(call, fields["categoryId"], fields["entryId"]):
        raise ApiError("CATEGORY_ENTRY_ALREADY_EXISTS")
    return _assign(call, fields["entryId"], fields["categoryId"])


@action("categoryEntry.delete", "entryId: str, categoryId: int", roles="U")
def category_entry_delete(call: Call, entry_id: str, category_id: int) -> None:
    found(call.store.categories, category_id, "CATEGORY_NOT_FOUND")
    assigned = _assignment(call, category_id, entry_id)
    if assigned is None:
        raise ApiError("ENTRY_IS_NOT_ASSIGNED_TO_CATEGORY")
    call.store.bury(call.store.category_entries, assigned["id"], status=_DELETED)
    _describe(call, entry_id)
    _count(call, category_id)


@action("categoryEntry.list", "filter: KalturaCategoryEntryFilter = null, pager: pager = null", roles="U")
def category_entry_list(call: Call, filter: Mapping[str, Any], pager: Mapping[str, Any]) -> Record:
    named = ("entryIdEqual", "entryIdIn", "categoryIdEqual", "categoryIdIn", "categoryFullIdsStartsWith")
    if not any(filter.get(key) for key in named):
        raise ApiError("MUST_FILTER_ON_ENTRY_OR_CATEGORY")
    return listed(call, call.store.category_entries, "KalturaCategoryEntry", filter, pager)


def _explanations(call: Call) -> dict[str, Explanation]:
    """The meaning of a category filter's special properties, SphinxCategoryCriteria."""

    def of_members(user_ids: list[str], *levels: int) -> Condition:
        wanted = {
            row["categoryId"]
            for row in call.store.category_users
            if row["userId"] in user_ids and row["status"] == 1 and row["permissionLevel"] in levels
        }
        return among("id", *wanted)

    def below(value: Any) -> Condition:
        # A category is not its own ancestor, category::getSearchIndexfullIds.
        ancestors = set(parts_of(value))
        return Condition("fullIds", lambda full: not ancestors.isdisjoint(str(full or "").split(">")[:-1]))

    return {
        "ancestorIdIn": below,
        "membersIn": lambda value: of_members(parts_of(value), _MANAGER, *_MEMBERS),
        "managerEqual": lambda value: of_members([to_text(value)], _MANAGER),
        "memberEqual": lambda value: of_members([to_text(value)], *_MEMBERS),
        "nameOrReferenceIdStartsWith": lambda value: starts_with(to_text(value), ("name", "referenceId")),
        "fullNameStartsWithIn": lambda value: _any_start(parts_of(value)),
        "appearInListEqual": lambda value: among("appearInList", to_int(value)),
        "idOrInheritedParentIdIn": lambda value: _any_id({to_int(each) for each in parts_of(value)}),
    }


def _any_start(names: list[str]) -> Condition:
    starts = tuple(each.lower() for each in names)
    return Condition("fullName", lambda full: str(full or "").lower().startswith(starts))


def _any_id(wanted: set[int]) -> Condition:
    return Condition("", lambda row: row["id"] in wanted or row.get("inheritedParentId") in wanted)


def assign_named(call: Call, entry: Record, names: Any, ids: Any) -> Record:
    """Put an entry into the categories its own properties named; None leaves them as they are.

    Raises:
        ApiError: A plain session named a category that does not exist, or there are too many.
    """
    if names is None and ids is None:
        return entry
    wanted = [int(each) for each in str(ids or "").split(",") if each.strip().isdigit()]
    for name in filter(None, (each.strip() for each in str(names or "").split(","))):
        known = call.store.categories.where("fullName", name)
        if not known and not call.is_admin:
            raise ApiError("PROPERTY_VALIDATION_ADMIN_PROPERTY", "categories")
        wanted.append(known[0]["id"] if known else _create_path(call, name)["id"])
    if len(wanted) > _MAX_CATEGORIES_PER_ENTRY:
        raise ApiError("MAX_CATEGORIES_FOR_ENTRY_REACHED", _MAX_CATEGORIES_PER_ENTRY)
    for assigned in call.store.category_entries.where("entryId", entry["id"]):
        if assigned["categoryId"] not in wanted:
            call.store.bury(call.store.category_entries, assigned["id"], status=_DELETED)
            _count(call, assigned["categoryId"])
    for category_id in wanted:
        if category_id in call.store.categories.rows and not _assignment(call, category_id, entry["id"]):
            _assign(call, entry["id"], category_id)
    _describe(call, entry["id"])
    return call.store.entries.rows[entry["id"]]


def _create_path(call: Call, full_name: str) -> Record:
    row: Record = {"id": 0}
    for name in full_name.split(">"):
        siblings = call.store.categories.where("parentId", row["id"])
        known = [each for each in siblings if each["name"] == name]
        missing = {"objectType": "KalturaCategory", "name": name, "parentId": row["id"]}
        row = known[0] if known else _create(call, missing)
    return row


def _create(call: Call, fields: Record) -> Record:
    store = call.store
    category_id = store.next_number(store.categories)
    place = _place(call, str(fields["name"]), fields.get("parentId") or 0, category_id)
    row = {
        "status": _ACTIVE,
        "entriesCount": 0,
        "directEntriesCount": 0,
        "membersCount": 0,
        "privacy": 1,
        "inheritanceType": 2,
        "defaultPermissionLevel": _MEMBER,
        "contributionPolicy": 1,
        "appearInList": 1,
        **fields,
        **place,
        "id": category_id,
        "owner": fields.get("owner") or call.user_id,
    }
    return store.put(store.categories, stamped(call, row))


def _place(call: Call, name: str, parent_id: int, category_id: int) -> Record:
    """The place of a category in the tree.

    Raises:
        ApiError: PARENT_CATEGORY_NOT_FOUND or DUPLICATE_CATEGORY.
    """
    parent: Record = {"fullName": "", "fullIds": "", "depth": -1}
    if parent_id:
        parent = found(call.store.categories, parent_id, "PARENT_CATEGORY_NOT_FOUND")
    full_name = f"{parent['fullName']}>{name}" if parent["fullName"] else name
    if any(each["id"] != category_id for each in call.store.categories.where("fullName", full_name)):
        raise ApiError("DUPLICATE_CATEGORY", full_name)
    full_ids = f"{parent['fullIds']}>{category_id}" if parent["fullIds"] else str(category_id)
    return {
        "parentId": parent_id,
        "depth": parent["depth"] + 1,
        "fullName": full_name,
        "fullIds": full_ids,
    }


def _assignment(call: Call, category_id: int, entry_id: str) -> Record | None:
    return call.store.category_entries.get(f"{category_id}:{entry_id}")


def _assign(call: Call, entry_id: str, category_id: int) -> Record:
    store = call.store
    row = {
        "objectType": "KalturaCategoryEntry",
        "id": f"{category_id}:{entry_id}",
        "categoryId": category_id,
        "entryId": entry_id,
        "categoryFullIds": store.categories.rows[category_id]["fullIds"],
        "status": _ACTIVE,
        "creatorUserId": call.user_id,
    }
    assigned = store.put(store.category_entries, stamped(call, row))
    _describe(call, entry_id)
    _count(call, category_id)
    return assigned


def _describe(call: Call, entry_id: str) -> None:
    """Keep the category properties of an entry true."""
    rows = [
        call.store.categories.rows[each["categoryId"]]
        for each in call.store.category_entries.where("entryId", entry_id)
        if each["categoryId"] in call.store.categories.rows
    ]
    change_entry(
        call.account,
        entry_id,
        categories=",".join(row["fullName"] for row in rows),
        categoriesIds=",".join(str(row["id"]) for row in rows),
    )


def _count(call: Call, category_id: int) -> None:
    count = len(call.store.category_entries.where("categoryId", category_id))
    if category_id in call.store.categories.rows:
        call.store.change(call.store.categories, category_id, directEntriesCount=count, entriesCount=count)
