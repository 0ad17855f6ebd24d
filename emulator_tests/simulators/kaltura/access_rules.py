"""Whether somebody may play, download or see the thumbnail of an entry.

Called by `playback` before every byte. The order of checks and the error numbers are those of KSecureEntryHelper and
KExternalErrors in kaltura/server.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from enum import IntEnum
from fnmatch import fnmatch
from urllib.parse import urlsplit

from emulator_tests.simulators.kaltura import permissions
from emulator_tests.simulators.kaltura.entry_state import EntryStatus
from emulator_tests.simulators.kaltura.errors import ApiError, ServeError
from emulator_tests.simulators.kaltura.keys import Session
from emulator_tests.simulators.kaltura.schema import Record
from emulator_tests.simulators.kaltura.world import World

_IN_MODERATION = (1, 3)
_VIEW = "sview"
_DENY_LISTED = 0


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
    KS_EXPIRED = 31
    INVALID_PARTNER = 32
    EXCEEDED_RESTRICTED_IP = 34
    ENTRY_NOT_LIVE = 36


class Context(IntEnum):
    """KalturaContextType: what somebody wants of an entry."""

    PLAY = 1
    DOWNLOAD = 2
    THUMBNAIL = 3


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who wants it.

    Args:
        ks: The KS as it came, empty for none.
        raw_uri: Path and query exactly as they came.
    """

    ks: str
    remote_address: str
    referrer: str
    user_agent: str
    raw_uri: str


def refuse(fault: Fault) -> ServeError:
    """A refusal with one of the service's numbers."""
    return ServeError(str(int(fault)))


def admit(world: World, entry: Record, visitor: Visitor, context: Context) -> Session | None:
    """Let a visitor in; returns his session.

    Raises:
        ServeError: He may not.
    """
    session = _read_session(world, visitor)
    may_download = session is not None and (session.is_admin or session.grants("download", entry["id"]))
    if context is Context.DOWNLOAD and may_download:
        return session
    privileged_id = entry.get("parentEntryId") or entry["id"]
    sees_all = session is not None and (session.is_admin or session.grants(_VIEW, privileged_id))
    if context is not Context.THUMBNAIL and not sees_all:
        _check_moderation(entry, session)
        _check_schedule(world, entry)
    profile = world.store.access_controls.get(entry.get("accessControlId") or 0)
    if profile is not None and _blocks(profile, entry, visitor, session, context):
        raise refuse(Fault.ACCESS_CONTROL_RESTRICTED)
    return session


def _read_session(world: World, visitor: Visitor) -> Session | None:
    if not visitor.ks:
        return None
    try:
        session = permissions.read_session(world, visitor.ks)
    except ApiError:
        raise refuse(Fault.INVALID_KS_STR) from None
    try:
        permissions.check_validity(world, session, visitor.remote_address, visitor.raw_uri)
    except ApiError as error:
        reasons = {"EXPIRED": Fault.KS_EXPIRED, "EXCEEDED_RESTRICTED_IP": Fault.EXCEEDED_RESTRICTED_IP}
        raise refuse(reasons.get(error.arguments.get("KSID", ""), Fault.INVALID_KS)) from None
    return session


def _check_moderation(entry: Record, session: Session | None) -> None:
    owns = session is not None and not session.is_widget and session.user_id == entry.get("userId")
    if entry.get("moderationStatus") in _IN_MODERATION and not owns:
        raise refuse(Fault.ENTRY_MODERATION_ERROR)


def _check_schedule(world: World, entry: Record) -> None:
    now = world.clock.now()
    start, end = entry.get("startDate"), entry.get("endDate")
    if (start is not None and now < start) or (end is not None and now > end):
        raise refuse(Fault.NOT_SCHEDULED_NOW)


def _blocks(profile: Record, entry: Record, visitor: Visitor, session: Session | None, context: Context) -> bool:
    """Whether a profile's rules and restrictions keep a visitor out."""
    for rule in profile.get("rules") or []:
        contexts = [str(each.get("type")) for each in rule.get("contexts") or []]
        if contexts and str(int(context)) not in contexts:
            continue
        if session is not None and session.is_admin and rule.get("forceAdminValidation") != 1:
            continue
        if not all(_holds(each, entry, visitor, session) for each in rule.get("conditions") or []):
            continue
        if any(each["objectType"] == "KalturaAccessControlBlockAction" for each in rule.get("actions") or []):
            return True
        if rule.get("stopProcessing"):
            break
    return any(_restricts(each, entry, visitor, session) for each in profile.get("restrictions") or [])


def _holds(condition: Record, entry: Record, visitor: Visitor, session: Session | None) -> bool:
    kind = condition["objectType"]
    values = [str(each.get("value") or "") for each in condition.get("values") or []]
    if kind == "KalturaAuthenticatedCondition":
        names = [str(each.get("value") or "") for each in condition.get("privileges") or []] or [_VIEW]
        fulfilled = session is not None and (
            session.is_admin or any(session.grants(name, "1" if name == "widget" else entry["id"]) for name in names)
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


def living(world: World, entry_id: str) -> Record:
    """An entry that exists.

    Raises:
        ServeError: There is none.
    """
    entry = world.store.entries.get(entry_id)
    if entry is None or entry["status"] == EntryStatus.DELETED:
        raise refuse(Fault.ENTRY_NOT_FOUND)
    return entry
