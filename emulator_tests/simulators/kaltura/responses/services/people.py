"""user, group and groupUser. A group is a user of type 1, so the two share their ids."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from emulator_tests.simulators.kaltura.errors import ApiError
from emulator_tests.simulators.kaltura.models.account import Call
from emulator_tests.simulators.kaltura.models.filters import Explanation, starts_with
from emulator_tests.simulators.kaltura.models.schema import Record, to_bool, to_int, to_text
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

_PERSON, _GROUP, _UNKNOWN = 0, 1, 2
_DELETED, _ACTIVE = 2, 1
_MANAGER = 2
_MAX_GROUPS_PER_USER = 1024
#: kuser::URL_PATTERN, and the names that KalturaUser and KalturaGroup look for it in.
_URL_PATTERN = "://"
_NAMES = ("firstName", "lastName", "fullName", "screenName")
_NAMES_OF_GROUPS = ("fullName", "screenName")
_ID = re.compile(r"[A-Za-z0-9,!#$%&'*+?^_`{|}~.@\-]{1,320}\Z")


@action("user.add", "user: KalturaUser")
def user_add(call: Call, user: Record) -> Record:
    return _create(call, insertable(call, user, "id"), _PERSON)


@action("user.get", "userId: str = null", roles="UW")
def user_get(call: Call, user_id: str | None) -> Record:
    wanted = user_id or call.user_id
    if not call.is_admin and wanted.lower() != call.user_id.lower():
        raise ApiError("CANNOT_RETRIEVE_ANOTHER_USER_USING_NON_ADMIN_SESSION", wanted)
    return _person(call, wanted)


@action("user.list", "filter: KalturaUserFilter = null, pager: pager = null")
def user_list(call: Call, filter: Mapping[str, Any], pager: Mapping[str, Any]) -> Record:
    people = among("type", _PERSON, _UNKNOWN)
    return listed(call, call.store.users, "KalturaUser", filter, pager, people, explained=_EXPLANATIONS)


@action("user.update", "userId: str, user: KalturaUser")
def user_update(call: Call, user_id: str, user: Record) -> Record:
    row = _person(call, user_id)
    changes = updatable(call, user, row)
    _check_names(user, _PERSON)
    if changes.get("id", user_id) != user_id:
        raise ApiError("INVALID_FIELD_VALUE", "id")
    return call.store.change(call.store.users, user_id, **changes, updatedAt=call.now)


@action("user.delete", "userId: str")
def user_delete(call: Call, user_id: str) -> Record:
    return _delete(call, _person(call, user_id))


@action("group_group.add", "group: KalturaGroup")
def group_add(call: Call, group: Record) -> Record:
    return _create(call, insertable(call, group, "id"), _GROUP)


@action("group_group.get", "groupId: str", roles="U")
def group_get(call: Call, group_id: str) -> Record:
    return _counted(call, _group(call, group_id, "INVALID_GROUP_ID", group_id))


@action("group_group.list", "filter: KalturaGroupFilter = null, pager: pager = null", roles="U")
def group_list(call: Call, filter: Mapping[str, Any], pager: Mapping[str, Any]) -> Record:
    groups = among("type", _GROUP)
    found_rows = listed(call, call.store.users, "KalturaGroup", filter, pager, groups, explained=_EXPLANATIONS)
    return {**found_rows, "objects": [_counted(call, row) for row in found_rows["objects"]]}


@action("group_group.update", "groupId: str, group: KalturaGroup")
def group_update(call: Call, group_id: str, group: Record) -> Record:
    row = _group(call, group_id, "INVALID_GROUP_ID", group_id)
    changes = updatable(call, group, row)
    _check_names(group, _GROUP)
    return _counted(call, call.store.change(call.store.users, group_id, **changes, updatedAt=call.now))


@action("group_group.delete", "groupId: str")
def group_delete(call: Call, group_id: str) -> Record:
    return _delete(call, _group(call, group_id, "INVALID_GROUP_ID", group_id))


@action("groupUser.add", "groupUser: KalturaGroupUser", roles="U")
def group_user_add(call: Call, group_user: Record) -> Record:
    fields = insertable(call, group_user, "userId", "groupId")
    user_id, group_id = str(fields["userId"]), str(fields["groupId"])
    _may_manage(call, group_id)
    user = call.store.users.get(user_id)
    if user is None or user["type"] == _GROUP:
        raise ApiError("USER_NOT_FOUND")
    _group(call, group_id, "GROUP_NOT_FOUND")
    store = call.store
    if store.group_users.get(f"{user_id}|{group_id}"):
        raise ApiError("GROUP_USER_ALREADY_EXISTS")
    if len(store.group_users.where("userId", user_id)) >= _MAX_GROUPS_PER_USER:
        raise ApiError("USER_EXCEEDED_MAX_GROUPS")
    row = {"creationMode": 1, "userRole": 1, **fields, "id": f"{user_id}|{group_id}", "status": 0, "groupType": 1}
    return store.put(store.group_users, stamped(call, row))


@action("groupUser.update", "groupUserId: str, groupUser: KalturaGroupUser", roles="U")
def group_user_update(call: Call, group_user_id: str, group_user: Record) -> Record:
    row = found(call.store.group_users, group_user_id, "INVALID_OBJECT_ID")
    _may_manage(call, row["groupId"])
    changes = updatable(call, group_user, row)
    return call.store.change(call.store.group_users, group_user_id, **changes, updatedAt=call.now)


@action("groupUser.list", "filter: KalturaGroupUserFilter = null, pager: pager = null", roles="U")
def group_user_list(call: Call, filter: Mapping[str, Any], pager: Mapping[str, Any]) -> Record:
    return listed(call, call.store.group_users, "KalturaGroupUser", filter, pager)


@action("groupUser.delete", "userId: str, groupId: str", roles="U")
def group_user_delete(call: Call, user_id: str, group_id: str) -> None:
    _may_manage(call, group_id)
    if user_id not in call.store.users.rows:
        raise ApiError("USER_NOT_FOUND")
    _group(call, group_id, "GROUP_NOT_FOUND")
    row = call.store.group_users.get(f"{user_id}|{group_id}")
    if row is None:
        raise ApiError("GROUP_USER_DOES_NOT_EXISTS", user_id, group_id)
    call.store.bury(call.store.group_users, row["id"], status=1)


def _has_role(value: Any) -> Condition:
    wanted = {part.strip() for part in to_text(value).split(",")}
    return Condition("roleIds", lambda held: not wanted.isdisjoint(str(held or "").split(",")))


#: What the special properties of a user filter mean, KalturaUserFilter and KalturaGroupFilter.
_EXPLANATIONS: dict[str, Explanation] = {
    "idOrScreenNameStartsWith": lambda value: starts_with(to_text(value), ("id", "screenName")),
    "firstNameOrLastNameStartsWith": lambda value: starts_with(to_text(value), ("firstName", "lastName")),
    "roleIdEqual": _has_role,
    "roleIdsEqual": lambda value: among("roleIds", to_text(value)),
    "roleIdsIn": _has_role,
    "loginEnabledEqual": lambda value: Condition("loginEnabled", lambda held: bool(held) is to_bool(value)),
    "groupType": lambda value: Condition("groupType", lambda held: (held or 1) == to_int(value)),
}


def _check_names(fields: Record, kind: int) -> None:
    """Refuse a name that could be an address, KalturaBaseUser::validateNames; it looks for nothing else.

    Raises:
        ApiError: INVALID_FIELD_VALUE.
    """
    for key in _NAMES_OF_GROUPS if kind == _GROUP else _NAMES:
        if _URL_PATTERN in str(fields.get(key) or ""):
            raise ApiError("INVALID_FIELD_VALUE", key)


def _create(call: Call, fields: Record, kind: int) -> Record:
    _check_names(fields, kind)
    user_id = str(fields["id"])
    if not _ID.match(user_id):
        raise ApiError("INVALID_FIELD_VALUE", "id")
    if user_id in call.store.users.rows:
        raise ApiError("DUPLICATE_USER_BY_ID", user_id)
    full_name = " ".join(filter(None, (fields.get("firstName"), fields.get("lastName"))))
    row = {
        "isAdmin": False,
        "status": _ACTIVE,
        "fullName": full_name or None,
        **fields,
        "type": kind,
        "statusUpdatedAt": call.now,
    }
    return call.store.put(call.store.users, stamped(call, row))


def _delete(call: Call, row: Record) -> Record:
    memberships = call.store.group_users
    for each in [*memberships.where("userId", row["id"]), *memberships.where("groupId", row["id"])]:
        call.store.bury(memberships, each["id"], status=1)
    return call.store.bury(call.store.users, row["id"], status=_DELETED, deletedAt=call.now, updatedAt=call.now)


def _person(call: Call, user_id: str) -> Record:
    row = call.store.users.get(user_id)
    if row is None or row["type"] == _GROUP:
        raise ApiError("INVALID_USER_ID")
    return row


def _group(call: Call, group_id: str, code: str, *values: object) -> Record:
    row = call.store.users.get(group_id)
    if row is None or row["type"] != _GROUP:
        raise ApiError(code, *values)
    return row


def _counted(call: Call, group: Record) -> Record:
    return {**group, "membersCount": len(call.store.group_users.where("groupId", group["id"]))}


def _may_manage(call: Call, group_id: str) -> None:
    """Only a group's manager may change its members without an ADMIN session."""
    membership = call.store.group_users.get(f"{call.user_id}|{group_id}")
    if not call.is_admin and (membership is None or membership.get("userRole") != _MANAGER):
        raise ApiError("SERVICE_FORBIDDEN", "groupUser")
