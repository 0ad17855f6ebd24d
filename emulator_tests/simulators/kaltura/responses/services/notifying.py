"""eventnotification_eventnotificationtemplate: templates are cloned from the ready-made ones, never added."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from emulator_tests.simulators.kaltura.errors import ApiError
from emulator_tests.simulators.kaltura.models import notifications
from emulator_tests.simulators.kaltura.models.account import Call
from emulator_tests.simulators.kaltura.models.schema import Record
from emulator_tests.simulators.kaltura.responses.actions import action
from emulator_tests.simulators.kaltura.responses.services.rows import found, listed, listed_of, stamped, updatable

_SERVICE = "eventnotification_eventnotificationtemplate"
_DISABLED, _DELETED = 1, 3
_NOT_FOUND = "EVENT_NOTIFICATION_TEMPLATE_NOT_FOUND"
_HTTP_TYPE = "httpNotification.Http"


def _ready_made(number: int, name: str, system_name: str, trigger: str, parameters: list[Record]) -> Record:
    return {
        "objectType": "KalturaHttpNotificationTemplate",
        "id": number,
        "partnerId": 0,
        "name": name,
        "systemName": system_name,
        "type": _HTTP_TYPE,
        "status": notifications.ACTIVE,
        "manualDispatchEnabled": False,
        "automaticDispatchEnabled": True,
        "eventType": 3,
        "eventObjectType": 1,
        "eventConditions": [],
        "contentParameters": [],
        "userParameters": parameters,
        "method": 2,
        "data": {
            "objectType": "KalturaHttpNotificationObjectData",
            "apiObjectType": "KalturaBaseEntry",
            "format": 1,
        },
        "secureHashingAlgo": 1,
        "_trigger": trigger,
    }


_TRIGGER_STATUS: Record = {
    "objectType": "KalturaEventNotificationParameter",
    "key": "trigger_status",
    "description": "Entry status",
    "value": {"objectType": "KalturaStringValue", "value": "2"},
}

#: What partner 0 offers for cloning.
_READY_MADE = {
    row["id"]: row
    for row in (
        _ready_made(1, "Entry status equals", "HTTP_ENTRY_STATUS_EQUALS", "status_equals", [_TRIGGER_STATUS]),
        _ready_made(2, "Entry status changed", "HTTP_ENTRY_STATUS_CHANGED", "status_changed", []),
    )
}


@action(f"{_SERVICE}.listTemplates", "filter: KalturaEventNotificationTemplateFilter = null, pager: pager = null")
def list_templates(call: Call, filter: Mapping[str, Any], pager: Mapping[str, Any]) -> Record:
    return listed_of(call, _READY_MADE.values(), "KalturaEventNotificationTemplate", filter, pager)


@action(f"{_SERVICE}.clone", "id: int, eventNotificationTemplate: KalturaHttpNotificationTemplate = null")
def clone(call: Call, id: int, event_notification_template: Record | None) -> Record:
    store = call.store
    source = _READY_MADE.get(id) or found(store.notification_templates, id, _NOT_FOUND)
    changes = updatable(call, event_notification_template or {"objectType": source["objectType"]}, source)
    row = {**source, **changes, "status": _DISABLED}
    _check_system_name(call, row, None)
    row["id"] = store.next_number(store.notification_templates, above=max(_READY_MADE))
    return store.put(store.notification_templates, stamped(call, row))


@action(f"{_SERVICE}.get", "id: int")
def get(call: Call, id: int) -> Record:
    return found(call.store.notification_templates, id, _NOT_FOUND)


@action(f"{_SERVICE}.list", "filter: KalturaEventNotificationTemplateFilter = null, pager: pager = null")
def list_own(call: Call, filter: Mapping[str, Any], pager: Mapping[str, Any]) -> Record:
    return listed(call, call.store.notification_templates, "KalturaEventNotificationTemplate", filter, pager)


@action(f"{_SERVICE}.update", "id: int, eventNotificationTemplate: KalturaHttpNotificationTemplate")
def update(call: Call, id: int, event_notification_template: Record) -> Record:
    row = found(call.store.notification_templates, id, _NOT_FOUND)
    changes = updatable(call, event_notification_template, row)
    _check_system_name(call, changes, id)
    return call.store.change(call.store.notification_templates, id, **changes, updatedAt=call.now)


@action(f"{_SERVICE}.updateStatus", "id: int, status: KalturaEventNotificationTemplateStatus")
def update_status(call: Call, id: int, status: int) -> Record:
    found(call.store.notification_templates, id, _NOT_FOUND)
    return call.store.change(call.store.notification_templates, id, status=status, updatedAt=call.now)


@action(f"{_SERVICE}.delete", "id: int")
def delete(call: Call, id: int) -> None:
    found(call.store.notification_templates, id, _NOT_FOUND)
    call.store.bury(call.store.notification_templates, id, status=_DELETED)


@action(f"{_SERVICE}.add")
def add(_call: Call) -> Record:
    """Partners may not add templates of their own; they clone."""
    raise ApiError("SERVICE_FORBIDDEN", "eventNotificationTemplate->add")


def _check_system_name(call: Call, fields: Record, own_id: int | None) -> None:
    name = fields.get("systemName")
    others = call.store.notification_templates.where("systemName", name) if name else []
    if any(each["id"] != own_id for each in others):
        raise ApiError("EVENT_NOTIFICATION_TEMPLATE_DUPLICATE_SYSTEM_NAME", name)
