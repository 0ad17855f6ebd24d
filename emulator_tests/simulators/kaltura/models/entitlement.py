"""Category entitlement: which entries an account that enforces it hides from whom.

Called by the entry services and `playback`. An account has it by the setting `entitlement`; a session escapes by the
privileges `disableentitlement` and `disableentitlementforentry`, and asks for it by `enableentitlement`.
Source: kaltura/server, kEntitlementUtils and entryPeer.
"""

from __future__ import annotations

from emulator_tests.simulators.kaltura.models.account import Call
from emulator_tests.simulators.kaltura.models.schema import Record
from emulator_tests.simulators.kaltura.models.table import Condition

_FOR_ALL, _FOR_AUTHENTICATED = 1, 2
_ACTIVE_MEMBER = 1


def may_see(call: Call, entry: Record) -> bool:
    """Tell whether entitlement lets the caller see an entry, kEntitlementUtils::isEntryEntitled."""
    if not _is_enforced(call):
        return True
    if parent := call.store.entries.get(entry.get("parentEntryId") or ""):
        entry = parent
    if entry["id"] in _excepted(call) or _is_named(call, entry):
        return True
    published = _categories(call, entry)
    if not published:
        return call.account.settings.uncategorized_entitled or not _has_rules(call, entry)
    return any(_opens(call, category) for category in published)


def condition(call: Call) -> list[Condition]:
    """The condition that keeps hidden entries out of a list; none where entitlement is not enforced.

    A list of an account's content (an ADMIN session, or `list:*`) goes by the contexts in the search index, where what
    is in no category has the default one; a list by ids asks for each entry, entryPeer::setDefaultCriteriaFilter.
    """
    if not _is_enforced(call):
        return []
    if call.is_admin or call.grants("list", "*"):
        return [Condition("", lambda entry: _is_indexed_for(call, entry))]
    return [Condition("", lambda entry: may_see(call, entry))]


def _is_enforced(call: Call) -> bool:
    """kEntitlementUtils::initEntitlementEnforcement; without the account's feature no privilege turns it on."""
    settings = call.account.settings
    if not settings.entitlement:
        return False
    names = [each.partition(":")[0] for each in call.session.privileges.split(",")] if call.session else []
    if "enableentitlement" in names:
        return True
    return settings.entitlement_by_default and "disableentitlement" not in names


def _excepted(call: Call) -> set[str]:
    """The entries that a session names as not to be hidden, and their parents, ks::getDisableEntitlementForEntry."""
    named = set(call.session.values("disableentitlementforentry")) if call.session else set()
    rows = (call.store.entries.get(each) for each in named)
    return named | {str(row["parentEntryId"]) for row in rows if row is not None and row.get("parentEntryId")}


def _is_named(call: Call, entry: Record) -> bool:
    """Tell whether the session's user owns an entry or is named on it."""
    named = [str(entry.get("userId") or "")]
    for key in ("entitledUsersEdit", "entitledUsersPublish", "entitledUsersView"):
        named += str(entry.get(key) or "").split(",")
    user = call.user_id.lower()
    return bool(user) and user in {each.strip().lower() for each in named}


def _is_indexed_for(call: Call, entry: Record) -> bool:
    if entry["id"] in _excepted(call) or _is_named(call, entry):
        return True
    published = _categories(call, entry)
    return any(_opens(call, category) for category in published) if published else not _contexts(call)


def _categories(call: Call, entry: Record) -> list[Record]:
    assigned = call.store.category_entries.where("entryId", entry["id"])
    return [call.store.categories.rows[each["categoryId"]] for each in assigned]


def _has_rules(call: Call, entry: Record) -> bool:
    profile = call.store.access_controls.get(entry.get("accessControlId") or 0)
    return profile is not None and bool(profile.get("rules") or profile.get("restrictions"))


def _contexts(call: Call) -> set[str]:
    """The privacy contexts that a session names; none is the default one."""
    value = call.session.value("privacycontext") if call.session else None
    return {each.strip() for each in (value or "").split(",") if each.strip()}


def _opens(call: Call, category: Record) -> bool:
    contexts = _contexts(call)
    own = {each.strip() for each in str(category.get("privacyContext") or "").split(",") if each.strip()}
    if contexts.isdisjoint(own) and (contexts or own):
        return False
    known_user = call.user_id not in ("", "0")
    if category.get("privacy") == _FOR_ALL or (category.get("privacy") == _FOR_AUTHENTICATED and known_user):
        return True
    groups = [each["groupId"] for each in call.store.group_users.where("userId", call.user_id)]
    members = (call.store.category_users.get(f"{category['id']}:{each}") for each in (call.user_id, *groups))
    return any(each is not None and each["status"] == _ACTIVE_MEMBER for each in members)
