"""Category entitlement: which entries an account that enforces it hides from whom.

Called by the entry services. An account enforces it by the setting `entitlement`; a session escapes by the privileges
`disableentitlement` and `disableentitlementforentry`. Source: kaltura/server, kEntitlementUtils.
"""

from __future__ import annotations

from emulator_tests.simulators.kaltura.models.table import Condition
from emulator_tests.simulators.kaltura.schema import Record
from emulator_tests.simulators.kaltura.world import Call

_FOR_ALL, _FOR_AUTHENTICATED = 1, 2
_ACTIVE_MEMBER = 1


def may_see(call: Call, entry: Record) -> bool:
    """Whether entitlement lets the caller see an entry."""
    if not _is_enforced(call):
        return True
    session, entry_id = call.session, entry["id"]
    if session is not None and session.grants("disableentitlementforentry", entry_id):
        return True
    user = call.user_id.lower()
    if user and user in _people(entry):
        return True
    contexts = set(session.values("privacycontext")) if session is not None else set()
    store = call.store
    published = [
        store.categories.rows[each["categoryId"]] for each in store.category_entries.where("entryId", entry_id)
    ]
    if not published:
        # What is in no category belongs to the default context.
        return not contexts
    return any(_opens(call, category, contexts) for category in published)


def condition(call: Call) -> list[Condition]:
    """The condition that keeps hidden entries out of a list; none where entitlement is not enforced."""
    return [Condition("", lambda entry: may_see(call, entry))] if _is_enforced(call) else []


def _is_enforced(call: Call) -> bool:
    names = [each.partition(":")[0] for each in call.session.privileges.split(",")] if call.session else []
    if "disableentitlement" in names:
        return False
    return call.world.settings.entitlement or "enableentitlement" in names


def _people(entry: Record) -> set[str]:
    """Those who are named on an entry itself."""
    named = [str(entry.get("userId") or ""), str(entry.get("creatorId") or "")]
    for key in ("entitledUsersEdit", "entitledUsersPublish", "entitledUsersView"):
        named += str(entry.get(key) or "").split(",")
    return {each.strip().lower() for each in named if each.strip()}


def _opens(call: Call, category: Record, contexts: set[str]) -> bool:
    own = {each.strip() for each in str(category.get("privacyContext") or "").split(",") if each.strip()}
    if contexts.isdisjoint(own) and (contexts or own):
        return False
    if category.get("privacy") == _FOR_ALL or (category.get("privacy") == _FOR_AUTHENTICATED and call.user_id):
        return True
    member = call.store.category_users.get(f"{category['id']}:{call.user_id}")
    return member is not None and member["status"] == _ACTIVE_MEMBER
