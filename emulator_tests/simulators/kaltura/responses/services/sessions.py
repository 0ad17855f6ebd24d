"""session, appToken and system: handing sessions out and taking them back, and the server's own state."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from typing import Any

from emulator_tests.simulators.kaltura.errors import ApiError
from emulator_tests.simulators.kaltura.models import keys
from emulator_tests.simulators.kaltura.models.account import Call
from emulator_tests.simulators.kaltura.models.filters import parts_of
from emulator_tests.simulators.kaltura.models.schema import Record
from emulator_tests.simulators.kaltura.responses import permissions
from emulator_tests.simulators.kaltura.responses.actions import action
from emulator_tests.simulators.kaltura.responses.services.rows import found, insertable, listed, stamped, updatable

_VERSION = "22.19.0"
_WIDGET_PRIVILEGES = "view:*,widget:1"
_DEFAULT_EXPIRY_S = 86400
_DISABLED, _ACTIVE, _DELETED = 1, 2, 3
#: Privileges the server itself understands; a caller of appToken.startSession cannot add these.
_KNOWN_PRIVILEGES = frozenset(
    (
        "edit", "sview", "list", "download", "downloadasset", "setrole", "restrictingrole", "urirestrict", "iprestrict",
        "actionslimit", "enableentitlement", "disableentitlement", "disableentitlementforentry", "privacycontext",
        "edituser", "editadmintags", "limitentry", "sessionid", "apptoken", "all", "*",
    )
)  # fmt: skip


@action(
    "session.start",
    "secret: str, userId: str = , type: KalturaSessionType = 0, partnerId: int = null, expiry: int = 86400, "
    "privileges: str = null",
    roles="UOWX",
)
def session_start(
    call: Call, secret: str, user_id: str, type: int, partner_id: int | None, expiry: int, privileges: str | None
) -> str:
    account = call.account
    # The user secret opens USER sessions only; every KS is sealed with the admin secret.
    fits = secret == account.admin_secret or (type == keys.USER and secret == account.user_secret)
    if not fits or partner_id not in (None, account.partner_id):
        raise ApiError("START_SESSION_ERROR", partner_id if partner_id is not None else "")
    text = privileges or ""
    _check_role(call, text)
    return _mint(call, user_id, type, expiry, text)


@action("session.end", roles="UOW")
def session_end(call: Call) -> None:
    if call.session is not None:
        permissions.end_session(call.account, call.session)


@action("session.get", "session: str = null")
def session_get(call: Call, session: str | None) -> Record:
    shown = permissions.read_session(call.account, session) if session else call.session
    if shown is None:
        raise ApiError("MISSING_KS")
    return _described(shown)


@action("session.startWidgetSession", "widgetId: str, expiry: int = 86400", roles="UOPWX")
def session_start_widget_session(call: Call, widget_id: str, expiry: int) -> Record:
    widget = found(call.store.widgets, widget_id, "INVALID_WIDGET_ID")
    own = widget.get("privileges")
    privileges = [f"{own},widget:1" if own else _WIDGET_PRIVILEGES]
    if call.account.settings.entitlement and not widget.get("enforceEntitlement") and widget.get("entryId"):
        privileges.append(f"disableentitlementforentry:{widget['entryId']}")
    if call.account.settings.entitlement and widget.get("privacyContext"):
        privileges.append(f"privacycontext:{widget['privacyContext']}")
    privileges += [f"setrole:{role}" for role in parts_of(widget.get("roles"))]
    if widget.get("entryId"):
        privileges.append(f"limitentry:{widget['entryId']}")
    return {
        "objectType": "KalturaStartWidgetSessionResponse",
        "ks": _mint(call, "0", keys.USER, expiry, ",".join(privileges)),
        "partnerId": call.account.partner_id,
        "userId": "0",
    }


@action("system.ping", roles="UOWX")
def system_ping(_call: Call) -> bool:
    return True


@action("system.getTime", roles="OX")
def system_get_time(call: Call) -> int:
    return call.now


@action("system.getVersion", roles="OX")
def system_get_version(_call: Call) -> str:
    return _VERSION


@action("appToken.add", "appToken: KalturaAppToken")
def app_token_add(call: Call, app_token: Record) -> Record:
    fields = insertable(call, app_token)
    store = call.store
    row = {
        "hashType": "SHA1",
        "sessionType": keys.USER,
        "sessionDuration": _DEFAULT_EXPIRY_S,
        **fields,
        "id": store.new_entry_id(),
        "token": secrets.token_hex(16),
        "status": _ACTIVE,
    }
    return store.put(store.app_tokens, stamped(call, row))


@action("appToken.get", "id: str")
def app_token_get(call: Call, id: str) -> Record:
    return found(call.store.app_tokens, id, "APP_TOKEN_ID_NOT_FOUND")


@action("appToken.list", "filter: KalturaAppTokenFilter = null, pager: pager = null")
def app_token_list(call: Call, filter: Mapping[str, Any], pager: Mapping[str, Any]) -> Record:
    return listed(call, call.store.app_tokens, "KalturaAppToken", filter, pager)


@action("appToken.update", "id: str, appToken: KalturaAppToken")
def app_token_update(call: Call, id: str, app_token: Record) -> Record:
    row = found(call.store.app_tokens, id, "APP_TOKEN_ID_NOT_FOUND")
    return call.store.change(call.store.app_tokens, id, **updatable(call, app_token, row), updatedAt=call.now)


@action("appToken.delete", "id: str")
def app_token_delete(call: Call, id: str) -> None:
    found(call.store.app_tokens, id, "APP_TOKEN_ID_NOT_FOUND")
    call.store.bury(call.store.app_tokens, id, status=_DELETED)


@action(
    "appToken.startSession",
    "id: str, tokenHash: str, userId: str = null, type: KalturaSessionType = null, expiry: int = null, "
    "sessionPrivileges: str = null",
    roles="UW",
)
def app_token_start_session(
    call: Call,
    id: str,
    token_hash: str,
    user_id: str | None,
    type: int | None,
    expiry: int | None,
    session_privileges: str | None,
) -> Record:
    token = found(call.store.app_tokens, id, "APP_TOKEN_ID_NOT_FOUND")
    if token["status"] != _ACTIVE:
        raise ApiError("APP_TOKEN_NOT_ACTIVE", id)
    if token.get("expiry") and token["expiry"] <= call.now:
        raise ApiError("APP_TOKEN_EXPIRED", id)
    ks = call.session.text if call.session else ""
    digest = hashlib.new(str(token["hashType"]).lower(), (ks + token["token"]).encode()).hexdigest()
    if not hmac.compare_digest(digest, token_hash.lower()):
        raise ApiError("INVALID_APP_TOKEN_HASH")
    own = str(token.get("sessionPrivileges") or "")
    taken = {each.partition(":")[0] for each in own.split(",")} | _KNOWN_PRIVILEGES
    added = [each for each in (session_privileges or "").split(",") if each and each.partition(":")[0] not in taken]
    privileges = ",".join(filter(None, [own, *added, f"sessionid:{id}", f"apptoken:{id}"]))
    duration = int(token.get("sessionDuration") or _DEFAULT_EXPIRY_S)
    duration = min(duration, expiry) if expiry else duration
    if token.get("expiry"):
        duration = min(duration, token["expiry"] - call.now)
    session_type = token.get("sessionType")
    session_type = (type or keys.USER) if session_type is None else session_type
    text = _mint(call, str(token.get("sessionUserId") or user_id or ""), session_type, duration, privileges)
    return _described(permissions.read_session(call.account, text))


def _mint(call: Call, user_id: str, session_type: int, expiry_s: int, privileges: str) -> str:
    account = call.account
    expires_at_s = call.now + min(expiry_s, account.settings.max_session_s)
    return keys.encode_v2(account.admin_secret, account.partner_id, user_id, session_type, expires_at_s, privileges)


def _check_role(call: Call, privileges: str) -> None:
    for each in privileges.split(","):
        name, _, value = each.strip().partition(":")
        if name == "setrole" and permissions.find_role(call.account, value) is None:
            raise ApiError("UNKNOWN_ROLE_ID")


def _described(session: keys.Session) -> Record:
    return {
        "objectType": "KalturaSessionInfo",
        "ks": session.text,
        "sessionType": session.type,
        "partnerId": session.partner_id,
        "userId": session.user_id,
        "expiry": session.expires_at_s,
        "privileges": session.privileges,
    }
