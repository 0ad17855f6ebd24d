"""schedule_scheduleevent, schedule_scheduleresource and schedule_scheduleeventresource."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from emulator_tests.simulators.kaltura.errors import ApiError
from emulator_tests.simulators.kaltura.models.account import Call
from emulator_tests.simulators.kaltura.models.filters import Explanation, parts_of
from emulator_tests.simulators.kaltura.models.schema import SCHEMA, Record, to_int
from emulator_tests.simulators.kaltura.models.table import Condition
from emulator_tests.simulators.kaltura.responses.actions import action
from emulator_tests.simulators.kaltura.responses.services.rows import (
    among,
    found,
    insertable,
    listed,
    of_type,
    stamped,
    updatable,
)

_CANCELLED, _ACTIVE, _DELETED = 1, 2, 3
_RECURRENCE = 2
#: KalturaVirtualScheduleEvent::MAX_DURATION_YEARS, in years of kTimeConversion.
_MAX_VIRTUAL_EVENT_S = 5 * 31_557_600
_EVENT_TYPES = (
    "KalturaLiveStreamScheduleEvent",
    "KalturaRecordScheduleEvent",
    "KalturaVirtualScheduleEvent",
    "KalturaBlackoutScheduleEvent",
)
_RESOURCE_TYPES = (
    "KalturaLocationScheduleResource",
    "KalturaCameraScheduleResource",
    "KalturaLiveEntryScheduleResource",
)


@action("schedule_scheduleevent.add", "scheduleEvent: KalturaScheduleEvent")
def schedule_event_add(call: Call, schedule_event: Record) -> Record:
    fields = insertable(call, schedule_event, "recurrenceType", "summary", "startDate", "endDate")
    _check_event(call, fields)
    store = call.store
    row = {
        "ownerId": call.user_id,
        **fields,
        "id": store.next_number(store.schedule_events),
        "status": _ACTIVE,
        "sequence": 1,
        "duration": fields["endDate"] - fields["startDate"],
    }
    return store.put(store.schedule_events, stamped(call, row))


@action("schedule_scheduleevent.get", "scheduleEventId: int")
def schedule_event_get(call: Call, schedule_event_id: int) -> Record:
    return found(call.store.schedule_events, schedule_event_id, "INVALID_OBJECT_ID")


@action("schedule_scheduleevent.list", "filter: KalturaScheduleEventFilter = null, pager: pager = null")
def schedule_event_list(call: Call, filter: Mapping[str, Any], pager: Mapping[str, Any]) -> Record:
    kinds = _kinds(filter)
    return listed(
        call,
        call.store.schedule_events,
        "KalturaScheduleEvent",
        filter,
        pager,
        *kinds,
        types=_EVENT_TYPES,
        explained=_explanations(call),
    )


@action("schedule_scheduleevent.update", "scheduleEventId: int, scheduleEvent: KalturaScheduleEvent")
def schedule_event_update(call: Call, schedule_event_id: int, schedule_event: Record) -> Record:
    store = call.store
    row = found(store.schedule_events, schedule_event_id, "INVALID_OBJECT_ID")
    changed = {**row, **updatable(call, schedule_event, row)}
    _check_event(call, changed)
    changed |= {
        "duration": changed["endDate"] - changed["startDate"],
        "sequence": row["sequence"] + 1,
        "updatedAt": call.now,
    }
    return store.put(store.schedule_events, changed)


@action("schedule_scheduleevent.cancel", "scheduleEventId: int")
def schedule_event_cancel(call: Call, schedule_event_id: int) -> Record:
    found(call.store.schedule_events, schedule_event_id, "INVALID_OBJECT_ID")
    return call.store.change(call.store.schedule_events, schedule_event_id, status=_CANCELLED, updatedAt=call.now)


@action("schedule_scheduleevent.delete", "scheduleEventId: int")
def schedule_event_delete(call: Call, schedule_event_id: int) -> Record:
    # Its pairs with resources stay, as on the real server: they are rows of their own.
    found(call.store.schedule_events, schedule_event_id, "INVALID_OBJECT_ID")
    return call.store.bury(call.store.schedule_events, schedule_event_id, status=_DELETED, updatedAt=call.now)


@action("schedule_scheduleresource.add", "scheduleResource: KalturaScheduleResource")
def schedule_resource_add(call: Call, schedule_resource: Record) -> Record:
    # KalturaLiveEntryScheduleResource::validateForInsert; other kinds need a name only.
    of_entry = schedule_resource["objectType"] == "KalturaLiveEntryScheduleResource"
    fields = insertable(call, schedule_resource, *(("entryId",) if of_entry else ()), "name")
    store = call.store
    _check_resource(call, fields, None)
    row = {**fields, "id": store.next_number(store.schedule_resources), "status": _ACTIVE}
    return store.put(store.schedule_resources, stamped(call, row))


@action("schedule_scheduleresource.get", "scheduleResourceId: int")
def schedule_resource_get(call: Call, schedule_resource_id: int) -> Record:
    return found(call.store.schedule_resources, schedule_resource_id, "INVALID_OBJECT_ID")


@action("schedule_scheduleresource.list", "filter: KalturaScheduleResourceFilter = null, pager: pager = null")
def schedule_resource_list(call: Call, filter: Mapping[str, Any], pager: Mapping[str, Any]) -> Record:
    kinds = _kinds(filter)
    return listed(
        call, call.store.schedule_resources, "KalturaScheduleResource", filter, pager, *kinds, types=_RESOURCE_TYPES
    )


@action("schedule_scheduleresource.update", "scheduleResourceId: int, scheduleResource: KalturaScheduleResource")
def schedule_resource_update(call: Call, schedule_resource_id: int, schedule_resource: Record) -> Record:
    resources = call.store.schedule_resources
    row = found(resources, schedule_resource_id, "INVALID_OBJECT_ID")
    changes = updatable(call, schedule_resource, row)
    _check_resource(call, changes, schedule_resource_id)
    return call.store.change(resources, schedule_resource_id, **changes, updatedAt=call.now)


@action("schedule_scheduleresource.delete", "scheduleResourceId: int")
def schedule_resource_delete(call: Call, schedule_resource_id: int) -> Record:
    found(call.store.schedule_resources, schedule_resource_id, "INVALID_OBJECT_ID")
    return call.store.bury(call.store.schedule_resources, schedule_resource_id, status=_DELETED, updatedAt=call.now)


@action("schedule_scheduleeventresource.add", "scheduleEventResource: KalturaScheduleEventResource")
def schedule_event_resource_add(call: Call, schedule_event_resource: Record) -> Record:
    fields = insertable(call, schedule_event_resource, "eventId", "resourceId")
    store = call.store
    pair = f"{fields['eventId']},{fields['resourceId']}"
    if store.schedule_event_resources.get(pair):
        raise ApiError("SCHEDULE_EVENT_RESOURCE_ALREADY_EXISTS", fields["eventId"], fields["resourceId"])
    found(store.schedule_events, fields["eventId"], "SCHEDULE_EVENT_ID_NOT_FOUND")
    found(store.schedule_resources, fields["resourceId"], "SCHEDULE_RESOURCE_ID_NOT_FOUND")
    return store.put(store.schedule_event_resources, stamped(call, {**fields, "id": pair}))


_PAIR = "scheduleEventId: int, scheduleResourceId: int"


@action("schedule_scheduleeventresource.get", _PAIR)
def schedule_event_resource_get(call: Call, schedule_event_id: int, schedule_resource_id: int) -> Record:
    pair = f"{schedule_event_id},{schedule_resource_id}"
    return found(call.store.schedule_event_resources, pair, "INVALID_OBJECT_ID")


@action("schedule_scheduleeventresource.list", "filter: KalturaScheduleEventResourceFilter = null, pager: pager = null")
def schedule_event_resource_list(call: Call, filter: Mapping[str, Any], pager: Mapping[str, Any]) -> Record:
    explained: dict[str, Explanation] = {
        "eventIdOrItsParentIdEqual": lambda value: _of_event_or_parent(call, to_int(value))
    }
    pairs = call.store.schedule_event_resources
    return listed(call, pairs, "KalturaScheduleEventResource", filter, pager, explained=explained)


@action("schedule_scheduleeventresource.delete", _PAIR)
def schedule_event_resource_delete(call: Call, schedule_event_id: int, schedule_resource_id: int) -> None:
    pair = f"{schedule_event_id},{schedule_resource_id}"
    found(call.store.schedule_event_resources, pair, "INVALID_OBJECT_ID")
    call.store.bury(call.store.schedule_event_resources, pair)


def _of_event_or_parent(call: Call, event_id: int) -> Condition:
    """The pairs of an event, or of the one it recurs from where it has none, KalturaScheduleEventResourceFilter."""
    event = call.store.schedule_events.get(event_id)
    if call.store.schedule_event_resources.where("eventId", event_id) or event is None or not event.get("parentId"):
        return among("eventId", event_id)
    return among("eventId", event["parentId"])


def _explanations(call: Call) -> dict[str, Explanation]:
    """The demands of an event filter on the events' resources, KalturaScheduleEventFilter."""
    store = call.store

    def held(event_id: int, field: str) -> set[str]:
        pairs = store.schedule_event_resources.where("eventId", event_id)
        rows = [store.schedule_resources.get(pair["resourceId"]) for pair in pairs]
        return {str(row.get(field) or "") for row in rows if row is not None}

    def any_of(field: str) -> Explanation:
        return lambda value: Condition("id", lambda event_id: not held(event_id, field).isdisjoint(parts_of(value)))

    def all_of(field: str) -> Explanation:
        return lambda value: Condition("id", lambda event_id: set(parts_of(value)) <= held(event_id, field))

    return {
        "resourceIdEqual": any_of("id"),
        "resourceIdsLike": any_of("id"),
        "resourceIdsMultiLikeOr": any_of("id"),
        "resourceIdsMultiLikeAnd": all_of("id"),
        "parentResourceIdsLike": any_of("parentId"),
        "parentResourceIdsMultiLikeOr": any_of("parentId"),
        "parentResourceIdsMultiLikeAnd": all_of("parentId"),
        "resourceSystemNamesLike": any_of("systemName"),
        "resourceSystemNamesMultiLikeOr": any_of("systemName"),
        "resourceSystemNamesMultiLikeAnd": all_of("systemName"),
    }


def _kinds(sent_filter: Mapping[str, Any]) -> list[Condition]:
    """A filter of a subclass lists only that subclass."""
    name = str(sent_filter.get("objectType", "")).removesuffix("Filter")
    return [of_type(name)] if name in SCHEMA.types else []


def _check_event(call: Call, fields: Record) -> None:
    """Refuse an event that ends before it starts or lasts too long.

    However it recurs, the time from its start to its end may be two years, and that of one occurrence, which is the
    same two dates here, a day, unless the installation says otherwise; a virtual event may last five years.
    Source: kaltura/server, KalturaScheduleEvent::validateDates, validateForInsert and validateForUpdate,
    SchedulePlugin, KalturaVirtualScheduleEvent.

    Raises:
        ApiError: INVALID_ENUM_VALUE, INVALID_SCHEDULE_END_BEFORE_START or MAX_SCHEDULE_DURATION_REACHED.
    """
    if fields["recurrenceType"] == _RECURRENCE:
        raise ApiError("INVALID_ENUM_VALUE", _RECURRENCE, "recurrenceType", "KalturaScheduleEventRecurrenceType")
    start, end = fields["startDate"], fields["endDate"]
    if start > end:
        raise ApiError("INVALID_SCHEDULE_END_BEFORE_START", start, end)
    settings = call.account.settings
    limits_s = (settings.max_event_s, settings.max_single_event_s)
    if fields["objectType"] == "KalturaVirtualScheduleEvent":
        limits_s = (_MAX_VIRTUAL_EVENT_S, _MAX_VIRTUAL_EVENT_S)
    # The longer limit is compared first, as on the real server: where both are passed, it is the one named.
    for limit_s in limits_s:
        if end - start > limit_s:
            raise ApiError("MAX_SCHEDULE_DURATION_REACHED", limit_s)


def _check_resource(call: Call, fields: Record, own_id: int | None) -> None:
    name = fields.get("systemName")
    others = [each for each in call.store.schedule_resources.where("systemName", name) if each["id"] != own_id]
    if name and others:
        raise ApiError("SYSTEM_NAME_ALREADY_EXISTS", name)
    if fields.get("parentId"):
        found(call.store.schedule_resources, fields["parentId"], "RESOURCE_PARENT_ID_NOT_FOUND")
