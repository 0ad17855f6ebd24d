"""cuePoint_cuePoint and annotation_annotation: what is said of a moment of an entry.

The rules are those of kaltura/server, plugins/cue_points: CuePointService, KalturaCuePoint, CuePointPeer. Who may add
one to an entry is not asked, only that the entry exists, unless the KS has `limitentry`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from emulator_tests.simulators.kaltura.errors import ApiError
from emulator_tests.simulators.kaltura.models.account import Call
from emulator_tests.simulators.kaltura.models.entry_state import EntryStatus
from emulator_tests.simulators.kaltura.models.filters import Explanation, parts_of
from emulator_tests.simulators.kaltura.models.schema import Record, to_bool, to_text
from emulator_tests.simulators.kaltura.models.table import Condition
from emulator_tests.simulators.kaltura.responses.actions import action
from emulator_tests.simulators.kaltura.responses.permissions import invalid_type
from emulator_tests.simulators.kaltura.responses.services.entries import living_entry, may_see
from emulator_tests.simulators.kaltura.responses.services.rows import (
    among,
    found,
    insertable,
    listed,
    stamped,
    updatable,
)

_READY, _DELETED = 1, 2
_ANNOTATION = "annotation.Annotation"
_KINDS = {"KalturaAnnotation": _ANNOTATION, "KalturaCodeCuePoint": "codeCuePoint.Code"}
_TYPES = tuple(_KINDS)
#: What anybody may read of an entry, CuePointPeer::setDefaultCriteriaFilter.
_PUBLIC_KINDS = ("codeCuePoint.Code",)
_ENTRY_NAMED = "idEqual/idIn/entryIdEqual/entryIdIn"


@action("cuePoint_cuePoint.add", "cuePoint: KalturaCuePoint", roles="UPW")
def cue_point_add(call: Call, cue_point: Record) -> Record:
    return _add(call, cue_point)


@action("annotation_annotation.add", "annotation: KalturaAnnotation", roles="UPW")
def annotation_add(call: Call, annotation: Record) -> Record:
    return _add(call, annotation)


@action("cuePoint_cuePoint.get", "id: str", roles="UW")
@action("annotation_annotation.get", "id: str", roles="UW")
def cue_point_get(call: Call, id: str) -> Record:
    row = found(call.store.cue_points, id, "INVALID_CUE_POINT_ID")
    if not _readable(call).test(row):
        raise ApiError("INVALID_CUE_POINT_ID", id)
    return row


@action("cuePoint_cuePoint.list", "filter: KalturaCuePointFilter = null, pager: pager = null", roles="UPW")
def cue_point_list(call: Call, filter: Mapping[str, Any], pager: Mapping[str, Any]) -> Record:
    return {**_list(call, filter, pager), "objectType": "KalturaCuePointListResponse"}


@action("annotation_annotation.list", "filter: KalturaAnnotationFilter = null, pager: pager = null", roles="UW")
def annotation_list(call: Call, filter: Mapping[str, Any], pager: Mapping[str, Any]) -> Record:
    asked = {**filter, "cuePointTypeEqual": _ANNOTATION}
    return {**_list(call, asked, pager), "objectType": "KalturaAnnotationListResponse"}


@action("cuePoint_cuePoint.count", "filter: KalturaCuePointFilter = null", roles="UW")
def cue_point_count(call: Call, filter: Mapping[str, Any]) -> int:
    return int(_list(call, filter, {"pageSize": 0})["totalCount"])


@action("cuePoint_cuePoint.update", "id: str, cuePoint: KalturaCuePoint", roles="UPW")
def cue_point_update(call: Call, id: str, cue_point: Record) -> Record:
    return _update(call, id, cue_point)


@action("annotation_annotation.update", "id: str, annotation: KalturaAnnotation", roles="UP")
def annotation_update(call: Call, id: str, annotation: Record) -> Record:
    return _update(call, id, annotation)


@action("cuePoint_cuePoint.delete", "id: str", roles="U")
@action("annotation_annotation.delete", "id: str", roles="U")
def cue_point_delete(call: Call, id: str) -> None:
    _own(call, id)
    call.store.bury(call.store.cue_points, id, status=_DELETED)


def _add(call: Call, sent: Record) -> Record:
    fields = insertable(call, sent, "entryId")
    store, entry_id = call.store, str(fields["entryId"])
    living_entry(call, entry_id)
    _check_limit(call, entry_id)
    for each in store.cue_points.where("systemName", fields.get("systemName")):
        if fields.get("systemName") and each["entryId"] == entry_id:
            raise ApiError("CUE_POINT_SYSTEM_NAME_EXISTS", fields["systemName"], each["id"])
    row = {
        **fields,
        "id": store.new_entry_id(),
        "intId": len(store.cue_points) + 1,
        "cuePointType": _KINDS[fields["objectType"]],
        "status": _READY,
        "userId": fields.get("userId") or call.user_id,
    }
    return store.put(store.cue_points, stamped(call, row))


def _list(call: Call, sent: Mapping[str, Any], pager: Mapping[str, Any]) -> Record:
    if not any(sent.get(key) for key in ("idEqual", "idIn", "entryIdEqual", "entryIdIn")):
        raise ApiError("PROPERTY_VALIDATION_CANNOT_BE_NULL", _ENTRY_NAMED)
    explained: dict[str, Explanation] = {
        "userIdEqualCurrent": lambda value: among("userId", call.user_id) if to_bool(value) else None,
        "userIdCurrent": lambda value: among("userId", call.user_id) if to_bool(value) else None,
        "freeText": lambda value: Condition("", lambda row: to_text(value).lower() in str(row.get("text")).lower()),
    }
    named = parts_of(sent.get("entryIdEqual")) or parts_of(sent.get("entryIdIn"))
    visible = [each for each in named if _exists_for(call, each)]
    demands = [_readable(call, named), *([among("entryId", *visible)] if named else [])]
    return listed(
        call,
        call.store.cue_points,
        "KalturaCuePoint",
        sent,
        pager,
        *demands,
        types=_TYPES,
        default_order="+createdAt",
        explained=explained,
    )


def _readable(call: Call, entry_ids: list[str] | None = None) -> Condition:
    """The condition on what a session may read: its own, public ones, and all of an entry that it may list."""
    session = call.session
    reads_all = call.is_admin or call.grants("list", "*")
    reads_all = reads_all or bool(entry_ids and call.grants("list", ",".join(entry_ids)))
    listed_entries = session.values("list") if session else []

    def test(row: Record) -> bool:
        if reads_all or row.get("isPublic") == 1:
            return True
        known = call.user_id not in ("", "0")
        own = row["userId"] == call.user_id or row["cuePointType"] in _PUBLIC_KINDS or row["entryId"] in listed_entries
        return known and own

    return Condition("", test)


def _update(call: Call, cue_point_id: str, sent: Record) -> Record:
    row = _own(call, cue_point_id)
    _check_limit(call, row["entryId"])
    changes = updatable(call, sent, row)
    return call.store.change(call.store.cue_points, cue_point_id, **changes, updatedAt=call.now)


def _own(call: Call, cue_point_id: str) -> Record:
    """A cue point the session may change: its own, or with `editcuepoint`.

    Raises:
        ApiError: INVALID_CUE_POINT_ID, or INVALID_KS -4 for somebody else's.
    """
    row = found(call.store.cue_points, cue_point_id, "INVALID_CUE_POINT_ID")
    if not (call.is_admin or row["userId"] == call.user_id or call.grants("editcuepoint", cue_point_id)):
        raise invalid_type()
    return row


def _check_limit(call: Call, entry_id: str) -> None:
    limit = call.session.value("limitentry") if call.session else None
    if limit and limit != entry_id:
        raise ApiError("NO_PERMISSION_ON_ENTRY", entry_id)


def _exists_for(call: Call, entry_id: str) -> bool:
    entry = call.store.entries.get(entry_id)
    return entry is not None and entry["status"] != EntryStatus.DELETED and may_see(call, entry)
