"""Permissions: sessions and their restrictions, ownership, roles.

Called by `responses` before every action, and by the actions that hand out or inspect sessions. The order of checks
is that of KalturaDispatcher; built-in roles hold the permission sets of deployment/permissions in kaltura/server.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from emulator_tests.simulators.kaltura.errors import ApiError
from emulator_tests.simulators.kaltura.models import keys
from emulator_tests.simulators.kaltura.models.account import Account, Call
from emulator_tests.simulators.kaltura.models.keys import Session
from emulator_tests.simulators.kaltura.models.schema import Record
from emulator_tests.simulators.kaltura.responses.actions import (
    ACTIONS,
    IGNORES_KS,
    OPEN,
    PLAYBACK,
    UPLOAD,
    USER,
    WIDGET,
    Action,
)

Item = tuple[str, str]

ALWAYS_ALLOWED = "ALWAYS_ALLOWED_ACTIONS"

#: Built-in permissions by name: the letters whose actions they hold, `*` for all.
BUILT_IN_PERMISSIONS = {
    ALWAYS_ALLOWED: OPEN,
    "BASE_USER_SESSION_PERMISSION": USER,
    "WIDGET_SESSION_PERMISSION": WIDGET,
    "PLAYBACK_BASE_PERMISSION": PLAYBACK,
    "BASE_UPLOAD_PERMISSION": UPLOAD,
    "*": "*",
}

#: Built-in roles: system name and permission names.
BUILT_IN_ROLES = (
    ("Publisher Administrator", "*"),
    ("Basic User Session Role", "BASE_USER_SESSION_PERMISSION"),
    ("WIDGET_SESSION_ROLE", "WIDGET_SESSION_PERMISSION"),
    ("PLAYBACK_BASE_ROLE", "PLAYBACK_BASE_PERMISSION,WIDGET_SESSION_PERMISSION"),
    ("UPLOAD_BASE_ROLE", "BASE_UPLOAD_PERMISSION"),
    ("NO_SESSION_ROLE", ALWAYS_ALLOWED),
)

_INVALID_STR = (-1, "INVALID_STR")
_BLOCKED_USER = 0


@cache
def permission_items() -> dict[int, Item]:
    """Every action by the number of its permission item."""
    return dict(enumerate(sorted(ACTIONS), start=1))


def invalid_type() -> ApiError:
    """The refusal of a user who does not own the object."""
    return ApiError("INVALID_KS", "", -4, "INVALID_TYPE")


def read_session(account: Account, text: str) -> Session:
    """Decode a KS.

    Raises:
        ApiError: INVALID_KS for one that is garbled, forged or another partner's.
    """
    session = keys.decode(text, account.partner_id, [account.admin_secret])
    if session is None:
        raise ApiError("INVALID_KS", text, *_INVALID_STR)
    return session


def check_validity(
    account: Account, session: Session, remote_address: str, raw_uri: str | None, now_s: float | None = None
) -> None:
    """Refuse a session that is expired, ended or used where it must not be.

    Args:
        account: The simulated account.
        session: The session.
        remote_address: Who uses it.
        raw_uri: What for, exactly as it came; None where URIs are not looked at.
        now_s: As of when; None is now.

    Raises:
        ApiError: INVALID_KS, whose first argument is the reason, or USER_BLOCKED.
    """
    check_use(account, session, remote_address, raw_uri, now_s)
    check_ended(account, session)
    user = account.store.users.get(session.user_id)
    if user is not None and user.get("status") == _BLOCKED_USER:
        raise ApiError("USER_BLOCKED")


def check_use(
    account: Account, session: Session, remote_address: str, raw_uri: str | None, now_s: float | None = None
) -> None:
    """Refuse a session that is expired or used where it must not be, kSessionBase::isValidBase.

    Raises:
        ApiError: INVALID_KS, whose first argument is the reason.
    """
    reason = ""
    if session.expires_at_s <= (account.clock.now() if now_s is None else now_s):
        reason = "EXPIRED"
    elif (addresses := session.value("iprestrict")) and remote_address not in addresses.split("/"):
        reason = "EXCEEDED_RESTRICTED_IP"
    elif raw_uri is not None and (uris := session.value("urirestrict")) and not _matches_uri(uris, raw_uri):
        reason = "EXCEEDED_RESTRICTED_URI"
    if reason:
        raise ApiError("INVALID_KS", reason, *_INVALID_STR)


def check_ended(account: Account, session: Session) -> None:
    """Refuse a session that was ended, itself or by its `sessionid`, kSessionBase::tryToValidateKS.

    A widget's session is never ended: anybody can start another.

    Raises:
        ApiError: INVALID_KS, LOGOUT.
    """
    if not session.is_widget and _is_ended(account, session):
        raise ApiError("INVALID_KS", "LOGOUT", *_INVALID_STR)


def spend_action(account: Account, session: Session) -> None:
    """Count one HTTP request against a session's actions limit.

    Raises:
        ApiError: INVALID_KS when the limit is spent, INVALID_ACTIONS_LIMIT for one that is no count.
    """
    limit = session.value("actionslimit")
    if limit is None:
        return
    if not limit.isdigit():
        raise ApiError("INVALID_ACTIONS_LIMIT")
    spent = account.store.spent_actions.get(session.hash)
    count = spent["count"] if spent else 0
    if count >= int(limit):
        raise ApiError("INVALID_KS", "EXCEEDED_ACTIONS_LIMIT", *_INVALID_STR)
    account.store.put(account.store.spent_actions, {"id": session.hash, "count": count + 1})


def end_session(account: Account, session: Session) -> None:
    """Revoke a KS and every other one with the same `sessionid`; a widget's cannot be revoked."""
    if session.is_widget:
        return
    store = account.store
    store.put(store.ended_sessions, {"id": session.hash})
    if session_id := session.value("sessionid"):
        store.put(store.ended_sessions, {"id": f"sessionid:{session_id}"})


def check_ownership(call: Call, action: Action, arguments: Mapping[str, Any]) -> None:
    """Refuse a plain session that touches somebody else's entry without an `edit` privilege.

    Raises:
        ApiError: INVALID_KS -4.
    """
    if not action.owner:
        return
    if call.session is None:
        raise invalid_type()
    if call.is_admin:
        return
    kind, _, keyword = action.owner.partition(":")
    entry_id = str(arguments.get(keyword, ""))
    if kind == "asset":
        asset = call.store.flavor_assets.get(entry_id) or call.store.thumb_assets.get(entry_id)
        entry_id = asset["entryId"] if asset else ""
    entry = call.store.entries.get(entry_id)
    if entry is not None and not may_edit(call, entry):
        raise invalid_type()


def may_edit(call: Call, entry: Record) -> bool:
    """Return whether the session may change an entry."""
    user = call.user_id.lower()
    editors = [each.strip().lower() for each in str(entry.get("entitledUsersEdit") or "").split(",")]
    return (
        call.is_admin
        or call.grants("edit", entry["id"])
        or str(entry.get("userId") or "").lower() == user
        or (user != "" and user in editors)
    )


def check_role(call: Call, action: Action) -> None:
    """Refuse an action the session's roles do not hold.

    Raises:
        ApiError: MISSING_KS without a session, SERVICE_FORBIDDEN with one, or for what the account does not have;
            INVALID_OBJECT_ID for an unknown role.
    """
    if action.service in call.account.settings.forbidden_services:
        raise ApiError("SERVICE_FORBIDDEN", action.label)
    if call.session is None:
        if OPEN not in action.roles:
            raise ApiError("MISSING_KS")
        return
    removed = _removed_names(call.account, call.session)
    # Every role holds what is always allowed as well, kPermissionManager::getPermissionsFromDb.
    held = (each for role in _roles(call, call.session) for each in (*_names_of(role), ALWAYS_ALLOWED))
    if not any(_permission_holds(call.account, each, action) for each in held if each not in removed):
        raise ApiError("SERVICE_FORBIDDEN", action.label)


def ignores_session(action: Action) -> bool:
    """Return whether an action ignores a KS. Pure."""
    return IGNORES_KS in action.roles


def find_role(account: Account, name: str) -> Record | None:
    """A role by id or system name."""
    roles = account.store.user_roles
    if name.isdigit():
        return roles.get(int(name))
    found = roles.where("systemName", name)
    return found[0] if found else None


def _is_ended(account: Account, session: Session) -> bool:
    ended = account.store.ended_sessions
    session_id = session.value("sessionid")
    if ended.get(session.hash) or (session_id and ended.get(f"sessionid:{session_id}")):
        return True
    token_id = session.value("apptoken")
    return bool(token_id) and account.store.app_tokens.get(str(token_id)) is None


def _matches_uri(uris: str, raw_uri: str) -> bool:
    return any(raw_uri == uri or (uri.endswith("*") and raw_uri.startswith(uri[:-1])) for uri in uris.split("|"))


def _roles(call: Call, session: Session) -> list[Record]:
    """The roles a session acts in: the one it names, else its user's, else that of its kind.

    Source: kaltura/server, kPermissionManager::getRoleIds.

    Raises:
        ApiError: INVALID_OBJECT_ID for one that does not exist.
    """
    if name := session.value("setrole"):
        return [_role(call.account, name)]
    user = call.store.users.get(session.user_id) if session.user_id else None
    if own := [each for each in str((user or {}).get("roleIds") or "").split(",") if each]:
        return [_role(call.account, each) for each in own]
    if session.is_widget:
        return [_role(call.account, "WIDGET_SESSION_ROLE")]
    return [_role(call.account, "Publisher Administrator" if session.is_admin else "Basic User Session Role")]


def _role(account: Account, name: str) -> Record:
    role = find_role(account, name)
    if role is None:
        raise ApiError("INVALID_OBJECT_ID", name)
    return role


def _names_of(role: Record) -> list[str]:
    return [each.strip() for each in str(role.get("permissionNames") or "").split(",") if each.strip()]


def _removed_names(account: Account, session: Session) -> set[str]:
    """The permissions that `restrictingrole` takes away, by their names; by its name only a global role is found.

    Source: kaltura/server, kPermissionManager::removeLimitedPermissions.
    """
    name = session.value("restrictingrole")
    role = find_role(account, name) if name else None
    if role is None or not (str(name).isdigit() or role["partnerId"] == 0):
        return set()
    return set(_names_of(role))


def _permission_holds(account: Account, name: str, action: Action) -> bool:
    letters = BUILT_IN_PERMISSIONS.get(name)
    if letters is not None:
        return letters == "*" or letters in action.roles
    items = permission_items()
    for permission in account.store.permissions.where("name", name):
        numbers = [each.strip() for each in str(permission.get("permissionItemsIds") or "").split(",")]
        held = [items.get(int(number)) for number in numbers if number.isdigit()]
        if permission.get("status") == 1 and (action.service, action.name) in held:
            return True
    return False
