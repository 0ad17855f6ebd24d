"""widget: what an anonymous session is started for, and what it may do.

The rules are those of kaltura/server, WidgetService and SessionService::startWidgetSession. An account begins with one
widget, `_` and its id.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from emulator_tests.simulators.kaltura.errors import ApiError
from emulator_tests.simulators.kaltura.models.account import Account, Call
from emulator_tests.simulators.kaltura.models.schema import Record
from emulator_tests.simulators.kaltura.responses.actions import action
from emulator_tests.simulators.kaltura.responses.services.entries import living_entry
from emulator_tests.simulators.kaltura.responses.services.rows import found, insertable, listed, stamped, updatable

_UI_CONF = 1
_SECURITY_NONE = 1


def seed(account: Account) -> None:
    """Put in the widget that every account begins with."""
    store, now = account.store, int(account.clock.now())
    if len(store.widgets):
        return
    row: Record = {
        "objectType": "KalturaWidget",
        "id": f"_{account.partner_id}",
        "partnerId": account.partner_id,
        "uiConfId": _UI_CONF,
        "securityType": _SECURITY_NONE,
        "createdAt": now,
        "updatedAt": now,
        "_seeded": True,
    }
    store.put(store.widgets, row)


@action("widget.add", "widget: KalturaWidget", roles="UW")
def widget_add(call: Call, widget: Record) -> Record:
    fields = insertable(call, widget)
    store = call.store
    if fields.get("sourceWidgetId") is None and fields.get("uiConfId") is None:
        raise ApiError("SOURCE_WIDGET_OR_UICONF_REQUIRED")
    if fields.get("sourceWidgetId") is not None:
        source = found(store.widgets, fields["sourceWidgetId"], "SOURCE_WIDGET_NOT_FOUND")
        fields.setdefault("uiConfId", source["uiConfId"])
    if fields["uiConfId"] != _UI_CONF:
        raise ApiError("UICONF_ID_NOT_FOUND", fields["uiConfId"])
    if fields.get("entryId") is not None:
        living_entry(call, fields["entryId"])
    elif fields.get("enforceEntitlement") is False:
        raise ApiError("CANNOT_DISABLE_ENTITLEMENT_WITH_NO_ENTRY_ID")
    row = {"securityType": _SECURITY_NONE, **fields, "id": store.new_entry_id()}
    return store.put(store.widgets, stamped(call, row))


@action("widget.get", "id: str", roles="OUPW")
def widget_get(call: Call, id: str) -> Record:
    return found(call.store.widgets, id, "INVALID_WIDGET_ID")


@action("widget.list", "filter: KalturaWidgetFilter = null, pager: pager = null")
def widget_list(call: Call, filter: Mapping[str, Any], pager: Mapping[str, Any]) -> Record:
    return listed(call, call.store.widgets, "KalturaWidget", filter, pager)


@action("widget.update", "id: str, widget: KalturaWidget")
def widget_update(call: Call, id: str, widget: Record) -> Record:
    row = found(call.store.widgets, id, "INVALID_WIDGET_ID")
    changes = updatable(call, widget, row)
    if changes.get("entryId") is not None:
        living_entry(call, changes["entryId"])
    return call.store.change(call.store.widgets, id, **changes, updatedAt=call.now)
