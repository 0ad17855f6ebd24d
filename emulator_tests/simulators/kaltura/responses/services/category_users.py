"""categoryUser: who may do what in a category."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from emulator_tests.simulators.kaltura.errors import ApiError
from emulator_tests.simulators.kaltura.models.account import Call
from emulator_tests.simulators.kaltura.models.schema import Record
from emulator_tests.simulators.kaltura.responses.actions import action
from emulator_tests.simulators.kaltura.responses.services.rows import (
    ensure_user,
    found,
    insertable,
    listed,
    stamped,
    updatable,
)

_MANAGER, _MEMBER = 0, 3


@action("categoryUser.add", "categoryUser: KalturaCategoryUser", roles="U")
def category_user_add(call: Call, category_user: Record) -> Record:
    fields = insertable(call, category_user, "categoryId", "userId")
    category = found(call.store.categories, fields["categoryId"], "CATEGORY_NOT_FOUND")
    if _membership(call, fields["categoryId"], fields["userId"]):
        raise ApiError("CATEGORY_USER_ALREADY_EXISTS")
    ensure_user(call, fields["userId"])
    store = call.store
    row = {
        "permissionLevel": _MEMBER,
        **fields,
        "id": f"{fields['categoryId']}:{fields['userId']}",
        "status": 1,
        "updateMethod": 0,
        "categoryFullIds": category["fullIds"],
    }
    return store.put(store.category_users, stamped(call, row))


@action("categoryUser.get", "categoryId: int, userId: str", roles="U")
def category_user_get(call: Call, category_id: int, user_id: str) -> Record:
    return _existing_membership(call, category_id, user_id)


@action("categoryUser.list", "filter: KalturaCategoryUserFilter = null, pager: pager = null", roles="U")
def category_user_list(call: Call, filter: Mapping[str, Any], pager: Mapping[str, Any]) -> Record:
    if not any(filter.get(key) for key in ("categoryIdEqual", "categoryIdIn", "userIdEqual", "userIdIn")):
        raise ApiError("MUST_FILTER_USERS_OR_CATEGORY")
    return listed(call, call.store.category_users, "KalturaCategoryUser", filter, pager)


@action(
    "categoryUser.update",
    "categoryId: int, userId: str, categoryUser: KalturaCategoryUser",
    roles="U",
)
def category_user_update(call: Call, category_id: int, user_id: str, category_user: Record) -> Record:
    row = _existing_membership(call, category_id, user_id)
    changes = updatable(call, category_user, row)
    return call.store.change(call.store.category_users, row["id"], **changes, updatedAt=call.now)


@action("categoryUser.delete", "categoryId: int, userId: str", roles="U")
def category_user_delete(call: Call, category_id: int, user_id: str) -> None:
    call.store.bury(call.store.category_users, _existing_membership(call, category_id, user_id)["id"])


def _membership(call: Call, category_id: int, user_id: str) -> Record | None:
    return call.store.category_users.get(f"{category_id}:{user_id}")


def _existing_membership(call: Call, category_id: int, user_id: str) -> Record:
    found(call.store.categories, category_id, "CATEGORY_NOT_FOUND")
    row = _membership(call, category_id, user_id)
    if row is None:
        raise ApiError("INVALID_CATEGORY_USER_ID", category_id, user_id)
    return row
