"""accessControlProfile, accessControl, permission, permissionItem and userRole: who may do and see what."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from emulator_tests.simulators.kaltura.errors import ApiError
from emulator_tests.simulators.kaltura.models.account import Account, Call
from emulator_tests.simulators.kaltura.models.schema import Record
from emulator_tests.simulators.kaltura.models.table import Table
from emulator_tests.simulators.kaltura.responses.actions import action
from emulator_tests.simulators.kaltura.responses.permissions import (
    BUILT_IN_PERMISSIONS,
    BUILT_IN_ROLES,
    permission_items,
)
from emulator_tests.simulators.kaltura.responses.services.rows import (
    found,
    insertable,
    listed,
    listed_of,
    stamped,
    updatable,
)

_ACTIVE, _DELETED = 1, 3
_MAX_ACCESS_CONTROLS = 500
_TRUE, _FALSE = 1, 0
#: RuleActionType and accessControlConditionType.
_TYPES = {
    "KalturaAccessControlBlockAction": 1,
    "KalturaAccessControlPreviewAction": 2,
    "KalturaAccessControlLimitFlavorsAction": 3,
    "KalturaAuthenticatedCondition": 1,
    "KalturaIpAddressCondition": 3,
    "KalturaSiteCondition": 4,
    "KalturaUserAgentCondition": 5,
}


def seed(account: Account) -> None:
    """Put in what every account begins with: roles and an access control profile that lets everybody in."""
    store, now = account.store, int(account.clock.now())
    times = {"createdAt": now, "updatedAt": now, "_seeded": True}
    if not len(store.user_roles):
        for number, (name, names) in enumerate(BUILT_IN_ROLES, start=1):
            role = {"id": number, "name": name, "systemName": name, "permissionNames": names}
            fields = {"objectType": "KalturaUserRole", "status": _ACTIVE, "partnerId": 0}
            store.put(store.user_roles, {**fields, **role, **times})
    if not len(store.access_controls):
        fields = {"objectType": "KalturaAccessControlProfile", "id": 1, "name": "Default", "isDefault": _TRUE}
        store.put(store.access_controls, {**fields, "rules": [], "partnerId": account.partner_id, **times})


@action("accessControlProfile.add", "accessControlProfile: KalturaAccessControlProfile")
def access_control_profile_add(call: Call, access_control_profile: Record) -> Record:
    return _add_control(call, insertable(call, access_control_profile, "name"))


@action("accessControlProfile.get", "id: int")
def access_control_profile_get(call: Call, id: int) -> Record:
    return _as_profile(found(call.store.access_controls, id, "ACCESS_CONTROL_ID_NOT_FOUND"))


@action("accessControlProfile.list", "filter: KalturaAccessControlProfileFilter = null, pager: pager = null")
def access_control_profile_list(call: Call, filter: Mapping[str, Any], pager: Mapping[str, Any]) -> Record:
    shown = listed(call, call.store.access_controls, "KalturaAccessControlProfile", filter, pager)
    return {**shown, "objects": [_as_profile(row) for row in shown["objects"]]}


@action("accessControlProfile.update", "id: int, accessControlProfile: KalturaAccessControlProfile")
def access_control_profile_update(call: Call, id: int, access_control_profile: Record) -> Record:
    row = found(call.store.access_controls, id, "ACCESS_CONTROL_ID_NOT_FOUND")
    return _as_profile(_change_control(call, row, updatable(call, access_control_profile, _as_profile(row))))


@action("accessControlProfile.delete", "id: int")
@action("accessControl.delete", "id: int")
def access_control_delete(call: Call, id: int) -> None:
    store = call.store
    row = found(store.access_controls, id, "ACCESS_CONTROL_ID_NOT_FOUND")
    if row.get("isDefault") == _TRUE:
        raise ApiError("CANNOT_DELETE_DEFAULT_ACCESS_CONTROL")
    default = next((each["id"] for each in store.access_controls if each.get("isDefault") == _TRUE), None)
    for entry in store.entries.where("accessControlId", id):
        store.change(store.entries, entry["id"], accessControlId=default)
    store.bury(store.access_controls, id)


@action("accessControl.add", "accessControl: KalturaAccessControl")
def access_control_add(call: Call, access_control: Record) -> Record:
    return _add_control(call, insertable(call, access_control, "name"))


@action("accessControl.get", "id: int")
def access_control_get(call: Call, id: int) -> Record:
    return _as_control(found(call.store.access_controls, id, "ACCESS_CONTROL_ID_NOT_FOUND"))


@action("accessControl.list", "filter: KalturaAccessControlFilter = null, pager: pager = null")
def access_control_list(call: Call, filter: Mapping[str, Any], pager: Mapping[str, Any]) -> Record:
    shown = listed(call, call.store.access_controls, "KalturaAccessControl", filter, pager)
    return {**shown, "objects": [_as_control(row) for row in shown["objects"]]}


@action("accessControl.update", "id: int, accessControl: KalturaAccessControl")
def access_control_update(call: Call, id: int, access_control: Record) -> Record:
    row = found(call.store.access_controls, id, "ACCESS_CONTROL_ID_NOT_FOUND")
    return _as_control(_change_control(call, row, updatable(call, access_control, _as_control(row))))


def _add_control(call: Call, fields: Record) -> Record:
    controls = call.store.access_controls
    if len(controls) >= _MAX_ACCESS_CONTROLS:
        raise ApiError("MAX_NUMBER_OF_ACCESS_CONTROLS_REACHED", _MAX_ACCESS_CONTROLS)
    _check_system_name(controls, fields, None)
    row = _typed(stamped(call, {"isDefault": _FALSE, **fields, "id": call.store.next_number(controls)}))
    _leave_one_default(call, row)
    return call.store.put(controls, row)


def _change_control(call: Call, row: Record, changes: Record) -> Record:
    _check_system_name(call.store.access_controls, changes, row["id"])
    changed = _typed({**row, **changes, "updatedAt": call.now})
    _leave_one_default(call, changed)
    return call.store.put(call.store.access_controls, changed)


def _typed(row: Record) -> Record:
    """A profile whose actions and conditions say of which type they are, as every one that is shown does."""
    return {**row, "rules": [_typed_rule(rule) for rule in row.get("rules") or []]}


def _typed_rule(rule: Record) -> Record:
    parts = {name: rule[name] for name in ("actions", "conditions") if rule.get(name)}
    typed = {name: [{**each, "type": _TYPES[each["objectType"]]} for each in rows] for name, rows in parts.items()}
    return {**rule, **typed}


def _leave_one_default(call: Call, chosen: Record) -> None:
    if chosen.get("isDefault") == _TRUE:
        for each in list(call.store.access_controls):
            if each["id"] != chosen["id"] and each.get("isDefault") == _TRUE:
                call.store.change(call.store.access_controls, each["id"], isDefault=_FALSE)


def _as_profile(row: Record) -> Record:
    return {**row, "objectType": "KalturaAccessControlProfile"}


def _as_control(row: Record) -> Record:
    return {**row, "objectType": "KalturaAccessControl", "containsUnsuportedRestrictions": bool(row.get("rules"))}


def _check_system_name(table: Table, fields: Record, own_id: int | None) -> None:
    name = fields.get("systemName")
    if name and any(each["id"] != own_id for each in table.where("systemName", name)):
        raise ApiError("SYSTEM_NAME_ALREADY_EXISTS", name)


@action("permission.add", "permission: KalturaPermission")
def permission_add(call: Call, permission: Record) -> Record:
    fields = insertable(call, permission, "name")
    name, store = str(fields["name"]), call.store
    if "," in name:
        raise ApiError("INVALID_FIELD_VALUE", "name")
    if name in BUILT_IN_PERMISSIONS or store.permissions.where("name", name):
        raise ApiError("PERMISSION_ALREADY_EXISTS", name, call.account.partner_id)
    _check_items(fields)
    row = {
        "friendlyName": name,
        "status": _ACTIVE,
        **fields,
        "id": store.next_number(store.permissions),
        "type": 1,
    }
    return store.put(store.permissions, stamped(call, row))


@action("permission.get", "permissionName: str")
def permission_get(call: Call, permission_name: str) -> Record:
    return _permission(call, permission_name)


@action("permission.list", "filter: KalturaPermissionFilter = null, pager: pager = null")
def permission_list(call: Call, filter: Mapping[str, Any], pager: Mapping[str, Any]) -> Record:
    return listed(call, call.store.permissions, "KalturaPermission", filter, pager)


@action("permission.update", "permissionName: str, permission: KalturaPermission")
def permission_update(call: Call, permission_name: str, permission: Record) -> Record:
    row = _permission(call, permission_name)
    changes = updatable(call, permission, row)
    _check_items(changes)
    return call.store.change(call.store.permissions, row["id"], **changes, updatedAt=call.now)


@action("permission.delete", "permissionName: str")
def permission_delete(call: Call, permission_name: str) -> Record:
    return call.store.bury(call.store.permissions, _permission(call, permission_name)["id"], status=_DELETED)


def _permission(call: Call, name: str) -> Record:
    rows = call.store.permissions.where("name", name)
    if not rows:
        raise ApiError("INVALID_OBJECT_ID", name)
    return rows[0]


def _check_items(fields: Record) -> None:
    known = permission_items()
    for number in filter(None, (each.strip() for each in str(fields.get("permissionItemsIds") or "").split(","))):
        if not number.isdigit() or int(number) not in known:
            raise ApiError("PERMISSION_ITEM_NOT_FOUND")


@action("permissionItem.get", "permissionItemId: int")
def permission_item_get(_call: Call, permission_item_id: int) -> Record:
    items = permission_items()
    if permission_item_id not in items:
        raise ApiError("INVALID_OBJECT_ID", permission_item_id)
    return _item(permission_item_id, items[permission_item_id])


@action("permissionItem.list", "filter: KalturaPermissionItemFilter = null, pager: pager = null")
def permission_item_list(call: Call, filter: Mapping[str, Any], pager: Mapping[str, Any]) -> Record:
    rows = (_item(number, item) for number, item in permission_items().items())
    return listed_of(call, rows, "KalturaPermissionItem", filter, pager)


def _item(number: int, item: tuple[str, str]) -> Record:
    return {
        "objectType": "KalturaApiActionPermissionItem",
        "id": number,
        "type": "kApiActionPermissionItem",
        "partnerId": 0,
        "service": item[0],
        "action": item[1],
    }


@action("userRole.add", "userRole: KalturaUserRole")
def user_role_add(call: Call, user_role: Record) -> Record:
    fields = insertable(call, user_role, "name")
    store = call.store
    if any(row["name"] == fields["name"] for row in store.user_roles):
        raise ApiError("ROLE_NAME_ALREADY_EXISTS")
    _check_names(call, fields)
    role_id = store.next_number(store.user_roles)
    row = {"status": _ACTIVE, **fields, "id": role_id}
    return store.put(store.user_roles, stamped(call, row))


@action("userRole.get", "userRoleId: int")
def user_role_get(call: Call, user_role_id: int) -> Record:
    return found(call.store.user_roles, user_role_id, "INVALID_OBJECT_ID")


@action("userRole.list", "filter: KalturaUserRoleFilter = null, pager: pager = null")
def user_role_list(call: Call, filter: Mapping[str, Any], pager: Mapping[str, Any]) -> Record:
    return listed(call, call.store.user_roles, "KalturaUserRole", filter, pager)


@action("userRole.update", "userRoleId: int, userRole: KalturaUserRole")
def user_role_update(call: Call, user_role_id: int, user_role: Record) -> Record:
    row = _own_role(call, user_role_id)
    changes = updatable(call, user_role, row)
    _check_names(call, changes)
    return call.store.change(call.store.user_roles, user_role_id, **changes, updatedAt=call.now)


@action("userRole.delete", "userRoleId: int")
def user_role_delete(call: Call, user_role_id: int) -> Record:
    _own_role(call, user_role_id)
    for user in call.store.users:
        if str(user_role_id) in str(user.get("roleIds") or "").split(","):
            raise ApiError("ROLE_IS_BEING_USED")
    return call.store.bury(call.store.user_roles, user_role_id, status=_DELETED)


def _own_role(call: Call, role_id: int) -> Record:
    row = found(call.store.user_roles, role_id, "INVALID_OBJECT_ID")
    if row["partnerId"] != call.account.partner_id:
        raise ApiError("INVALID_OBJECT_ID", role_id)
    return row


def _check_names(call: Call, fields: Record) -> None:
    for name in filter(None, (each.strip() for each in str(fields.get("permissionNames") or "").split(","))):
        if name not in BUILT_IN_PERMISSIONS and not call.store.permissions.where("name", name):
            raise ApiError("PERMISSION_NOT_FOUND", f"Permission name [{name}] not found for partner")
