"""Access to an entry: who may play it, download it, see its thumbnail, or learn of it at all.

Called by `playback` before every byte and by the entry services. The order of checks and the error numbers are those of
kaltura/server: KSecureEntryHelper, accessControl, kRule, kAuthenticatedCondition and KExternalErrors; that the metadata
of an entry may be kept from somebody is entryPeer::filterSelectResults.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from fnmatch import fnmatch
from urllib.parse import urlsplit

from emulator_tests.simulators.kaltura.errors import ApiError, ServeError
from emulator_tests.simulators.kaltura.models.account import Account, Call
from emulator_tests.simulators.kaltura.models.entry_state import Moderation
from emulator_tests.simulators.kaltura.models.keys import Session
from emulator_tests.simulators.kaltura.models.schema import Record
from emulator_tests.simulators.kaltura.models.table import Condition
from emulator_tests.simulators.kaltura.responses import permissions

_IN_MODERATION = (Moderation.PENDING, Moderation.REJECTED)
_VIEW = "sview"
_DENY_LISTED = 0
_BLOCKS = "KalturaAccessControlBlockAction"


class Fault(IntEnum):
    """KExternalErrors."""

    ENTRY_NOT_FOUND = 1
    NOT_SCHEDULED_NOW = 2
    ACCESS_CONTROL_RESTRICTED = 3
    INVALID_KS_STR = 4
    FILE_NOT_FOUND = 5
    FLAVOR_NOT_FOUND = 6
    INVALID_KS = 7
    MISSING_THUMBNAIL = 10
    INVALID_ENTRY_TYPE = 12
    ENTRY_MODERATION_ERROR = 13
    BAD_QUERY = 25
    INVALID_TOKEN = 27
    EXPIRED_TOKEN = 28
    KS_EXPIRED = 31
    INVALID_PARTNER = 32
    EXCEEDED_RESTRICTED_IP = 34
    ENTRY_NOT_LIVE = 36


class Context(IntEnum):
    """ContextType: what somebody wants of an entry."""

    PLAY = 1
    DOWNLOAD = 2
    THUMBNAIL = 3
    METADATA = 4


@dataclass(frozen=True, slots=True)
class Visitor:
    """The caller.

    Args:
        ks: The KS as it came, empty for none.
        raw_uri: Path and query exactly as they came, what urirestrict is compared with.
    """

    ks: str
    remote_address: str
    referrer: str
    user_agent: str
    raw_uri: str


def refuse(fault: Fault) -> ServeError:
    """A refusal with one of the service's numbers."""
    return ServeError(str(int(fault)))


def admit(account: Account, entry: Record, visitor: Visitor, context: Context) -> Session | None:
    """Let a visitor in; returns their session.

    Raises:
        ServeError: They may not.
    """
    session = _read_session(account, visitor)
    check(account, entry, session, visitor, context)
    return session


def check(account: Account, entry: Record, session: Session | None, visitor: Visitor, context: Context) -> None:
    """Refuse somebody an entry, KSecureEntryHelper::validateForPlay and validateForDownload.

    Raises:
        ServeError: They may not.
    """
    may_download = session is not None and (session.is_admin or session.grants("download", entry["id"]))
    if context is Context.DOWNLOAD and may_download:
        return
    privileged_id = entry.get("parentEntryId") or entry["id"]
    sees_all = session is not None and (session.is_admin or views(account, session, privileged_id))
    if context is not Context.THUMBNAIL and not sees_all:
        _check_moderation(entry, session)
        check_schedule(account, entry)
    if is_blocked(account, entry, session, visitor, context):
        raise refuse(Fault.ACCESS_CONTROL_RESTRICTED)


def is_blocked(account: Account, entry: Record, session: Session | None, visitor: Visitor, context: Context) -> bool:
    """Tell whether the access control profile of an entry keeps somebody from it."""
    rules = fulfilled_rules(account, entry, session, visitor, context)
    return any(blocks(rule.get("actions") or []) for rule in rules)


def may_see(call: Call, entry: Record) -> bool:
    """Tell whether an account that applies access control to metadata lets the caller learn of an entry."""
    if not call.account.settings.metadata_access_control or call.is_admin:
        return True
    visitor = Visitor("", call.remote_address, "", "", call.raw_uri)
    return not is_blocked(call.account, entry, call.session, visitor, Context.METADATA)


def condition(call: Call) -> list[Condition]:
    """The condition that keeps such entries out of a list; none where the account does not do so."""
    return [Condition("", lambda entry: may_see(call, entry))] if call.account.settings.metadata_access_control else []


def views(account: Account, session: Session, entry_id: str) -> bool:
    """Tell whether a session has `sview` for an entry or for one that redirects to it, ks::verifyRedirectEntryId."""
    if session.grants(_VIEW, entry_id):
        return True
    named = (account.store.entries.get(each) for each in session.values(_VIEW))
    return any(each is not None and each.get("redirectEntryId") == entry_id for each in named)


def guards_thumbnails(account: Account, entry: Record) -> bool:
    """Tell whether a KS is looked at for an entry's thumbnails: its profile's first rule for them blocks.

    Source: kaltura/server, thumbnailAction and accessControl::hasRules.
    """
    profile = account.store.access_controls.get(entry.get("accessControlId") or 0)
    if profile is None:
        return True
    for rule in profile.get("rules") or []:
        contexts = _contexts(rule)
        if not contexts or Context.THUMBNAIL in contexts:
            return blocks(rule.get("actions") or [])
    return False


def _read_session(account: Account, visitor: Visitor) -> Session | None:
    """KSecureEntryHelper::validateKs: expiry, address and URI; not whether it was ended, nor an actions limit."""
    if not visitor.ks:
        return None
    try:
        session = permissions.read_session(account, visitor.ks)
    except ApiError:
        raise refuse(Fault.INVALID_KS_STR) from None
    try:
        permissions.check_use(account, session, visitor.remote_address, visitor.raw_uri)
        if account.settings.delivery_honours_end:
            permissions.check_ended(account, session)
    except ApiError as error:
        reasons = {"EXPIRED": Fault.KS_EXPIRED, "EXCEEDED_RESTRICTED_IP": Fault.EXCEEDED_RESTRICTED_IP}
        raise refuse(reasons.get(error.arguments.get("KSID", ""), Fault.INVALID_KS)) from None
    return session


def _check_moderation(entry: Record, session: Session | None) -> None:
    owns = session is not None and not session.is_widget and session.user_id == entry.get("userId")
    if entry.get("moderationStatus") in _IN_MODERATION and not owns:
        raise refuse(Fault.ENTRY_MODERATION_ERROR)


def check_schedule(account: Account, entry: Record) -> None:
    """Refuse an entry outside its time window.

    Raises:
        ServeError: NOT_SCHEDULED_NOW.
    """
    now = account.clock.now()
    start, end = entry.get("startDate"), entry.get("endDate")
    if (start is not None and now < start) or (end is not None and now > end):
        raise refuse(Fault.NOT_SCHEDULED_NOW)


def fulfilled_rules(
    account: Account, entry: Record, session: Session | None, visitor: Visitor, context: Context
) -> list[Record]:
    """Find the rules of an entry's profile that apply, up to the first that stops: accessControl::applyContext."""
    profile = account.store.access_controls.get(entry.get("accessControlId") or 0) or {}
    found: list[Record] = []
    for rule in profile.get("rules") or []:
        contexts = _contexts(rule)
        if contexts and context not in contexts:
            continue
        if session is not None and session.is_admin and rule.get("forceAdminValidation") != 1:
            continue
        if not all(_holds(account, each, entry, visitor, session) for each in rule.get("conditions") or []):
            continue
        found.append(rule)
        if rule.get("stopProcessing"):
            return found
    # The old restrictions leave thumbnails alone, kAccessControlRestriction.
    if context is not Context.THUMBNAIL:
        for each in profile.get("restrictions") or []:
            if _restricts(each, entry, visitor, session):
                found.append({"actions": [{"objectType": _BLOCKS}]})
    return found


def blocks(actions: Iterable[Record]) -> bool:
    """Tell whether one of the actions of some rules blocks. Pure."""
    return any(each["objectType"] == _BLOCKS for each in actions)


def _contexts(rule: Record) -> set[int]:
    return {int(str(each.get("type"))) for each in rule.get("contexts") or [] if str(each.get("type")).isdigit()}


def _holds(account: Account, condition: Record, entry: Record, visitor: Visitor, session: Session | None) -> bool:
    kind = condition["objectType"]
    values = [str(each.get("value") or "") for each in condition.get("values") or []]
    if kind == "KalturaAuthenticatedCondition":
        names = [str(each.get("value") or "") for each in condition.get("privileges") or []] or [_VIEW]
        fulfilled = session is not None and (
            session.is_admin or any(_has_privilege(account, session, name, entry["id"]) for name in names)
        )
    elif kind == "KalturaIpAddressCondition":
        fulfilled = any(_in_network(visitor.remote_address, each) for each in values)
    elif kind == "KalturaSiteCondition":
        fulfilled = _from_site(visitor.referrer, values)
    elif kind == "KalturaUserAgentCondition":
        fulfilled = any(each.lower() in visitor.user_agent.lower() for each in values)
    else:
        # A condition this simulator does not know never opens a door.
        return True
    return fulfilled is not bool(condition.get("not"))


def _has_privilege(account: Account, session: Session, name: str, entry_id: str) -> bool:
    if name == _VIEW:
        return views(account, session, entry_id)
    return session.grants(name, "1" if name == "widget" else entry_id)


def _restricts(restriction: Record, entry: Record, visitor: Visitor, session: Session | None) -> bool:
    if session is not None and session.is_admin:
        return False
    kind = restriction["objectType"]
    if kind in ("KalturaSessionRestriction", "KalturaPreviewRestriction"):
        return session is None or not session.grants(_VIEW, entry["id"])
    if kind == "KalturaIpAddressRestriction":
        listed = str(restriction.get("ipAddressList") or "").split(",")
        inside = any(_in_network(visitor.remote_address, each.strip()) for each in listed)
        return inside is (restriction.get("ipAddressRestrictionType") == _DENY_LISTED)
    if kind == "KalturaSiteRestriction":
        inside = _from_site(visitor.referrer, str(restriction.get("siteList") or "").split(","))
        return inside is (restriction.get("siteRestrictionType") == _DENY_LISTED)
    return True


def _in_network(address: str, network: str) -> bool:
    try:
        return ipaddress.ip_address(address) in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False


def _from_site(referrer: str, sites: list[str]) -> bool:
    host = urlsplit(referrer).hostname or ""
    return any(host == site.strip() or fnmatch(host, f"*.{site.strip()}") for site in sites if site.strip())
