"""media and baseEntry: what lists of entries show, and how many there are.

The rules are those of kaltura/server, KalturaBaseEntryFilter and entryPeer; what a filter's own properties mean is in
`entry_filters`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from emulator_tests.simulators.kaltura.models import entitlement, filter_types, processing, replacement
from emulator_tests.simulators.kaltura.models.account import Call
from emulator_tests.simulators.kaltura.models.entry_state import EntryStatus, EntryType, Moderation
from emulator_tests.simulators.kaltura.models.filters import conditions_of, names_any, order_of, page_of
from emulator_tests.simulators.kaltura.models.schema import Record
from emulator_tests.simulators.kaltura.models.table import Condition
from emulator_tests.simulators.kaltura.responses import access_rules
from emulator_tests.simulators.kaltura.responses.actions import action
from emulator_tests.simulators.kaltura.responses.services import entry_filters
from emulator_tests.simulators.kaltura.responses.services.entries import MEDIA_TYPES, got, shown
from emulator_tests.simulators.kaltura.responses.services.rows import among

_RECYCLED = -2
#: Filter types that ask for some types of entries unless they say which, by their constructors.
_TYPES_OF_FILTERS = {"KalturaLiveStreamEntryFilter": (EntryType.LIVE_STREAM,), "KalturaMediaEntryFilter": MEDIA_TYPES}
#: Filters that lift the limit of a plain session to its own entries.
_LIFTING = ("idEqual", "idIn", "referenceIdEqual", "referenceIdIn", "parentEntryIdEqual", "redirectFromEntryId")


def list_entries(
    call: Call, sent_filter: Mapping[str, Any], pager: Mapping[str, Any], response: str, *, as_got: bool = False
) -> Record:
    """A page of entries under the list rules of the API.

    Args:
        call: The call.
        sent_filter: Which ones.
        pager: Which of these.
        response: The type of the answer.
        as_got: Whether each is shown as an action that gets one shows it.
    """
    conditions = entry_conditions(call, sent_filter)
    rows, total = call.select(call.store.entries, conditions, order_of(sent_filter), page_of(pager))
    looked = [row if call.lag_s else processing.look(call.account, row) for row in rows]
    show = got if as_got else shown
    return {"objectType": response, "objects": [show(call, row) for row in looked], "totalCount": total}


def entry_conditions(call: Call, sent_filter: Mapping[str, Any]) -> list[Condition]:
    """The conditions of a list of entries: those its filter asks for, and those the API adds by itself."""
    return [
        *_implicit(call, sent_filter),
        *entry_filters.category_conditions(call, sent_filter),
        *conditions_of(sent_filter, ("KalturaLiveStreamEntry",), call.now, entry_filters.explanations(call)),
    ]


def _implicit(call: Call, sent_filter: Mapping[str, Any]) -> list[Condition]:
    """KalturaBaseEntryFilter::prepareEntriesCriteriaFilter and entryPeer::setDefaultCriteriaFilter."""
    found = [*entitlement.condition(call), *access_rules.condition(call), *_types_of(sent_filter)]
    if not any(sent_filter.get(key) for key in ("idEqual", "redirectFromEntryId")):
        if not names_any(sent_filter, "status"):
            found.append(among("status", EntryStatus.READY))
        if not names_any(sent_filter, "moderationStatus"):
            found.append(_unless("moderationStatus", Moderation.PENDING, Moderation.REJECTED))
        if not any(sent_filter.get(key) for key in ("parentEntryIdEqual", "idIn")) and not names_any(
            sent_filter, "displayInSearch"
        ):
            found.append(_unless("displayInSearch", _RECYCLED, replacement.HIDDEN))
    lifted = any(sent_filter.get(key) for key in _LIFTING)
    if not (call.is_admin or lifted or call.grants("list", "*")):
        found.append(among("userId", call.user_id))
    return found


def _types_of(sent_filter: Mapping[str, Any]) -> list[Condition]:
    kind = str(sent_filter.get("objectType", ""))
    if names_any(sent_filter, "type"):
        return []
    asked = next((types for name, types in _TYPES_OF_FILTERS.items() if filter_types.is_a(kind, name)), ())
    return [among("type", *asked)] if asked else []


def _unless(field: str, *values: Any) -> Condition:
    """The condition that a property has none of some values, answered from the values an index can offer."""
    others = {
        "moderationStatus": frozenset((None, 2, 4, 5, 6)),
        "displayInSearch": frozenset((None, 0, 1, 2)),
    }[field]
    return Condition(field, lambda value: value not in values, values=others)


@action("media.list", "filter: KalturaMediaEntryFilter = null, pager: pager = null", roles="UW")
def media_list(call: Call, filter: Mapping[str, Any], pager: Mapping[str, Any]) -> Record:
    return list_entries(call, filter, pager, "KalturaMediaListResponse")


@action("baseEntry.list", "filter: KalturaBaseEntryFilter = null, pager: pager = null", roles="UPW")
def base_entry_list(call: Call, filter: Mapping[str, Any], pager: Mapping[str, Any]) -> Record:
    return list_entries(call, filter, pager, "KalturaBaseEntryListResponse", as_got=True)


@action("baseEntry.listByReferenceId", "refId: str, pager: pager = null", roles="UPW")
def base_entry_list_by_reference_id(call: Call, ref_id: str, pager: Mapping[str, Any]) -> Record:
    sent = {"referenceIdEqual": ref_id, "statusIn": "-2,-1,0,1,2,4,7", "moderationStatusIn": "1,2,3,4,5,6"}
    return list_entries(call, sent, pager, "KalturaBaseEntryListResponse", as_got=True)


@action("media.count", "filter: KalturaMediaEntryFilter = null", roles="UW")
@action("baseEntry.count", "filter: KalturaBaseEntryFilter = null", roles="UW")
def entries_count(call: Call, filter: Mapping[str, Any]) -> int:
    return call.select(call.store.entries, entry_conditions(call, filter), order_of(filter), (0, 0))[1]
