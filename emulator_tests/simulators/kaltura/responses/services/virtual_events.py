"""virtualevent_virtualevent: the frame around the scheduled events of one occasion."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from emulator_tests.simulators.kaltura.errors import ApiError
from emulator_tests.simulators.kaltura.models.account import Call
from emulator_tests.simulators.kaltura.models.schema import Record
from emulator_tests.simulators.kaltura.responses.actions import action
from emulator_tests.simulators.kaltura.responses.services.rows import found, insertable, listed, stamped, updatable

_CANCELLED, _ACTIVE, _DELETED = 1, 2, 3


@action("virtualevent_virtualevent.add", "virtualEvent: KalturaVirtualEvent")
def virtual_event_add(call: Call, virtual_event: Record) -> Record:
    fields = insertable(call, virtual_event, "name")
    _check_virtual_event(call, fields)
    store = call.store
    row = {**fields, "id": store.next_number(store.virtual_events), "status": _ACTIVE}
    return store.put(store.virtual_events, stamped(call, row))


@action("virtualevent_virtualevent.get", "id: int")
def virtual_event_get(call: Call, id: int) -> Record:
    return found(call.store.virtual_events, id, "VIRTUAL_EVENT_NOT_FOUND")


@action("virtualevent_virtualevent.list", "filter: KalturaVirtualEventFilter = null, pager: pager = null")
def virtual_event_list(call: Call, filter: Mapping[str, Any], pager: Mapping[str, Any]) -> Record:
    return listed(call, call.store.virtual_events, "KalturaVirtualEvent", filter, pager)


@action("virtualevent_virtualevent.update", "id: int, virtualEvent: KalturaVirtualEvent")
def virtual_event_update(call: Call, id: int, virtual_event: Record) -> Record:
    row = found(call.store.virtual_events, id, "VIRTUAL_EVENT_NOT_FOUND")
    changes = updatable(call, virtual_event, row)
    _check_virtual_event(call, changes)
    return call.store.change(call.store.virtual_events, id, **changes, updatedAt=call.now)


@action("virtualevent_virtualevent.delete", "id: int")
def virtual_event_delete(call: Call, id: int) -> None:
    found(call.store.virtual_events, id, "VIRTUAL_EVENT_NOT_FOUND")
    call.store.bury(call.store.virtual_events, id, status=_DELETED)


def _check_virtual_event(call: Call, fields: Record) -> None:
    for key in ("registrationScheduleEventId", "agendaScheduleEventId", "mainEventScheduleEventId"):
        if fields.get(key):
            found(call.store.schedule_events, fields[key], "INVALID_OBJECT_ID")
    for key in ("attendeesGroupIds", "adminsGroupIds"):
        for group_id in filter(None, (each.strip() for each in str(fields.get(key) or "").split(","))):
            group = call.store.users.get(group_id)
            if group is None or group["type"] != 1:
                raise ApiError("INVALID_GROUP_ID", group_id)
    if form := fields.get("registrationFormSchema"):
        try:
            json.loads(str(form))
        except ValueError:
            raise ApiError("VIRTUAL_EVENT_INVALID_REGISTRATION_FORM_SCHEMA") from None
