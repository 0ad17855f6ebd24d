"""Create what a Kaltura account needs once: the profile that keeps entries private, and the roles of the KSs for
people.

Called by `account.py`, which remembers what was created, and by `setup.py`. Each thing is found again by its system
name.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from shared.core import log
from shared.core.errors import Permanent
from shared.providers.kaltura import mapping
from shared.providers.kaltura.signing import Word

if TYPE_CHECKING:
    from shared.providers.kaltura.client import Client

ACCESS_CONTROL: Final = "accessControl"
"""The key under which the profile is remembered."""

ACCESS_CONTROL_NAME: Final = "GREENROOM_KS_REQUIRED"

NO_ROLE: Final = ""
"""Stands for a role that the account does not let us create, and that no other role can replace."""


@dataclass(frozen=True, slots=True)
class Role:
    """
    A role of ours. A KS with it can call these actions, and those that need no KS, and nothing else.

    Attributes:
        key: The key under which it is remembered.
        system_name: The name by which it is found; its one permission has the same name.
        purpose: The purpose in words.
        actions: `service.action`, in lower case.
        stand_in: Kaltura's own role that is used if the account does not let us create one, or `NO_ROLE`.
    """

    key: str
    system_name: str
    purpose: str
    actions: tuple[str, ...]
    stand_in: str


UPLOAD_ROLE: Final = Role(
    "uploadRole", "GREENROOM_UPLOAD", "send the bytes of an upload", ("uploadtoken.upload",), mapping.UPLOAD_BASE_ROLE
)
# Every role needs a permission; this one is for an action that anybody may call anyway.
ADDRESSES_ROLE: Final = Role(
    "addressesRole", "GREENROOM_ADDRESSES", "fetch addresses", ("system.ping",), mapping.PLAYBACK_BASE_ROLE
)
# The calls of the data layer of Kaltura's player. Source: playkit-js-providers, ovp/loaders.
PLAYER_ROLE: Final = Role(
    "playerRole",
    "GREENROOM_PLAYBACK",
    "load one entry into Kaltura's player",
    ("baseentry.list", "baseentry.getplaybackcontext", "metadata_metadata.list"),
    NO_ROLE,
)
ROLES: Final = (UPLOAD_ROLE, ADDRESSES_ROLE, PLAYER_ROLE)

SYSTEM_NAMES: Final = {ACCESS_CONTROL: ACCESS_CONTROL_NAME, **{role.key: role.system_name for role in ROLES}}


def stand_in(key: str) -> str | None:
    """
    Return what is remembered under a key if the account does not let us create the thing itself. Pure.
    """
    return next((role.stand_in for role in ROLES if role.key == key), None)


def find_all(client: Client, ks: str) -> dict[str, str]:
    """
    Return the ids of the things that exist, by their keys. One call.

    Raises:
        Transient, Doubtful, Permanent: As for any call.
    """
    from KalturaClient.Plugins.Core import KalturaAccessControlProfileFilter, KalturaUserRoleFilter

    of_profile = KalturaAccessControlProfileFilter(systemNameEqual=ACCESS_CONTROL_NAME)
    of_roles = KalturaUserRoleFilter(systemNameIn=",".join(role.system_name for role in ROLES))
    multi = client.multi(ks)
    profiles = multi.ask(lambda c: c.accessControlProfile.list(of_profile))
    roles = multi.ask(lambda c: c.userRole.list(of_roles))
    multi.send()
    # An account without roles uses the stand-ins.
    answers = [answer for answer in (profiles, roles) if not isinstance(answer.error, Permanent)]
    ids = {str(one.systemName): str(one.id) for answer in answers for one in answer.answer().objects}
    return {key: ids[name] for key, name in SYSTEM_NAMES.items() if name in ids}


def find_or_create_access_control(client: Client, ks: str) -> str:
    """
    Return the id of the profile that lets nobody play without a KS for exactly that entry. Create it if it is missing.

    Raises:
        Transient, Doubtful, Permanent: As for any call.
    """
    from KalturaClient.Plugins.Core import (
        KalturaAccessControlBlockAction,
        KalturaAccessControlProfile,
        KalturaAccessControlProfileFilter,
        KalturaAuthenticatedCondition,
        KalturaNullableBoolean,
        KalturaRule,
        KalturaStringValue,
    )

    known = KalturaAccessControlProfileFilter(systemNameEqual=ACCESS_CONTROL_NAME)
    found = client.call(ks, lambda c: c.accessControlProfile.list(known)).objects
    if found:
        return str(found[0].id)
    without_ks = KalturaAuthenticatedCondition(
        not_=KalturaNullableBoolean(KalturaNullableBoolean.TRUE_VALUE),
        privileges=[KalturaStringValue(value=Word.VIEW.value)],
    )
    # A rule without contexts applies to playback, thumbnails and, if the account asks for it, to metadata too.
    profile = KalturaAccessControlProfile(
        name="Greenroom: a KS for the entry is required",
        systemName=ACCESS_CONTROL_NAME,
        rules=[KalturaRule(conditions=[without_ks], actions=[KalturaAccessControlBlockAction()])],
    )
    return str(client.call(ks, lambda c: c.accessControlProfile.add(profile)).id)


def find_or_create_role(client: Client, ks: str, role: Role) -> str:
    """
    Return the id of a role of ours, and create it if it is missing. Return its stand-in if the account refuses that.

    Raises:
        Transient, Doubtful: As for any call.
    """
    from KalturaClient.Plugins.Core import KalturaUserRole, KalturaUserRoleFilter, KalturaUserRoleStatus

    known = KalturaUserRoleFilter(systemNameEqual=role.system_name)
    try:
        found = client.call(ks, lambda c: c.userRole.list(known)).objects
        if found:
            return str(found[0].id)
        _create_permission(client, ks, role)
        new = KalturaUserRole(
            name=f"Greenroom: {role.purpose}",
            systemName=role.system_name,
            description=f"May {role.purpose}, and nothing else: {', '.join(role.actions)}.",
            permissionNames=role.system_name,
            status=KalturaUserRoleStatus(KalturaUserRoleStatus.ACTIVE),
        )
        return str(client.call(ks, lambda c: c.userRole.add(new)).id)
    except Permanent as error:
        log.role_refused(role.system_name, role.stand_in or None, error)
        return role.stand_in


def _create_permission(client: Client, ks: str, role: Role) -> None:
    """
    Create the one permission of a role, or update it if it exists.
    """
    from KalturaClient.Plugins.Core import KalturaPermission, KalturaPermissionStatus, KalturaPermissionType

    items = ",".join(_item_ids(client, ks, role.actions))
    new = KalturaPermission(
        name=role.system_name,
        friendlyName=f"Greenroom: {role.purpose}",
        type=KalturaPermissionType(KalturaPermissionType.NORMAL),
        status=KalturaPermissionStatus(KalturaPermissionStatus.ACTIVE),
        permissionItemsIds=items,
    )
    try:
        client.call(ks, lambda c: c.permission.add(new))
    except Permanent as error:
        if error.code != "PERMISSION_ALREADY_EXISTS":
            raise
        changed = KalturaPermission(permissionItemsIds=items)
        client.call(ks, lambda c: c.permission.update(role.system_name, changed))


def _item_ids(client: Client, ks: str, actions: Sequence[str]) -> list[str]:
    """
    Return the ids of the permissions to call actions. The list cannot be filtered by action, so all of it is read.

    Raises:
        Permanent: The account has no such permission (never).
    """
    found: dict[str, str] = {}
    for page_index in itertools.count(1):
        page = _page_of_items(client, ks, page_index)
        for item in page:
            where = f"{getattr(item, 'service', '')}.{getattr(item, 'action', '')}".lower()
            if where in actions:
                found.setdefault(where, str(item.id))
        if len(found) == len(actions):
            return [found[action] for action in actions]
        if len(page) < mapping.PAGE:
            break
    missing = ", ".join(action for action in actions if action not in found)
    raise Permanent(
        f"The account has no permission to call {missing}.",
        provider=mapping.NAME,
        operation="permissionItem.list",
        code="PERMISSION_ITEM_NOT_FOUND",
    )


def _page_of_items(client: Client, ks: str, page_index: int) -> list[Any]:
    from KalturaClient.Plugins.Core import KalturaFilterPager, KalturaPermissionItemFilter

    pager = KalturaFilterPager(pageSize=mapping.PAGE, pageIndex=page_index)
    items: list[Any] = client.call(ks, lambda c: c.permissionItem.list(KalturaPermissionItemFilter(), pager)).objects
    return items
