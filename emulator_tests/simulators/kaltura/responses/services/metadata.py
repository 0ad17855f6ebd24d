"""metadata_metadata and metadata_metadataprofile: custom metadata of entries, users and categories.

The rules are those of kaltura/server, plugins/metadata: MetadataService, KalturaMetadataFilter, MetadataEntryPeer. That
the XML keeps to its profile's schema is not looked at here, only that it is XML.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree

from emulator_tests.simulators.kaltura.errors import ApiError
from emulator_tests.simulators.kaltura.models.account import Call
from emulator_tests.simulators.kaltura.models.entry_state import EntryStatus
from emulator_tests.simulators.kaltura.models.filters import parts_of
from emulator_tests.simulators.kaltura.models.schema import Record
from emulator_tests.simulators.kaltura.responses import permissions
from emulator_tests.simulators.kaltura.responses.actions import action
from emulator_tests.simulators.kaltura.responses.services.entries import may_see
from emulator_tests.simulators.kaltura.responses.services.rows import (
    among,
    found,
    insertable,
    list_response,
    listed,
    stamped,
)

_OF_ENTRIES = "1"
_VALID, _ACTIVE, _DELETED = 1, 1, 3


@action("metadata_metadata.add", "metadataProfileId: int, objectType: str, objectId: str, xmlData: str", roles="UP")
def metadata_add(call: Call, metadata_profile_id: int, object_type: str, object_id: str, xml_data: str) -> Record:
    store = call.store
    profile = found(store.metadata_profiles, metadata_profile_id, "METADATA_PROFILE_NOT_FOUND")
    if str(profile["metadataObjectType"]) != object_type:
        raise ApiError("INCOMPATIBLE_METADATA_PROFILE_OBJECT_TYPE", profile["metadataObjectType"], object_type)
    limit = call.session.value("limitentry") if call.session else None
    if limit and object_type == _OF_ENTRIES and limit != object_id:
        raise ApiError("METADATA_NO_PERMISSION_ON_ENTRY", object_id)
    if object_type == _OF_ENTRIES and not _may_describe(call, object_id):
        raise ApiError("METADATA_OBJECT_ID_NOT_FOUND", object_id)
    for each in store.metadata.where("objectId", object_id):
        if (
            each["metadataProfileId"] == metadata_profile_id
            and each["metadataObjectType"] == profile["metadataObjectType"]
        ):
            raise ApiError("METADATA_ALREADY_EXISTS", each["id"])
    _check_xml(xml_data)
    row = {
        "objectType": "KalturaMetadata",
        "id": store.next_number(store.metadata),
        "metadataProfileId": metadata_profile_id,
        "metadataProfileVersion": profile["version"],
        "metadataObjectType": profile["metadataObjectType"],
        "objectId": object_id,
        "version": 1,
        "status": _VALID,
        "xml": xml_data,
    }
    return store.put(store.metadata, stamped(call, row))


@action("metadata_metadata.get", "id: int", roles="UW")
def metadata_get(call: Call, id: int) -> Record:
    # Whose it is, is not asked: MetadataService::getAction.
    return found(call.store.metadata, id, "METADATA_NOT_FOUND")


@action("metadata_metadata.list", "filter: KalturaMetadataFilter = null, pager: pager = null", roles="UPW")
def metadata_list(call: Call, filter: Mapping[str, Any], pager: Mapping[str, Any]) -> Record:
    kind = str(filter.get("metadataObjectTypeEqual") or _OF_ENTRIES)
    object_ids = parts_of(filter.get("objectIdEqual")) or parts_of(filter.get("objectIdIn"))
    if not object_ids:
        if kind == _OF_ENTRIES:
            raise ApiError("MUST_FILTER_ON_OBJECT_ID")
        return list_response("KalturaMetadata", [], 0)
    if kind == _OF_ENTRIES:
        object_ids = [each for each in object_ids if _exists_for(call, each)]
    asked = {key: value for key, value in filter.items() if key not in ("objectIdEqual", "objectIdIn")}
    asked["metadataObjectTypeEqual"] = kind
    return listed(call, call.store.metadata, "KalturaMetadata", asked, pager, among("objectId", *object_ids))


@action("metadata_metadata.update", "id: int, xmlData: str = null, version: int = null", roles="U")
def metadata_update(call: Call, id: int, xml_data: str | None, version: int | None) -> Record:
    row = _own(call, id)
    if version is not None and version != row["version"]:
        raise ApiError("INVALID_METADATA_VERSION", row["version"])
    if xml_data:
        _check_xml(xml_data)
        fields = {"xml": xml_data, "version": row["version"] + 1}
        return call.store.change(call.store.metadata, id, **fields, updatedAt=call.now)
    return row


@action("metadata_metadata.delete", "id: int", roles="U")
def metadata_delete(call: Call, id: int) -> None:
    _own(call, id)
    call.store.bury(call.store.metadata, id, status=_DELETED)


@action(
    "metadata_metadataprofile.add",
    "metadataProfile: KalturaMetadataProfile, xsdData: str, viewsData: str = null",
)
def metadata_profile_add(call: Call, metadata_profile: Record, xsd_data: str, views_data: str | None) -> Record:
    fields = insertable(call, metadata_profile, "name", "metadataObjectType")
    try:
        ElementTree.fromstring(xsd_data)
    except ElementTree.ParseError as error:
        raise ApiError("INVALID_METADATA_PROFILE_SCHEMA", error) from None
    store = call.store
    row = {
        "createMode": 1,
        **fields,
        "id": store.next_number(store.metadata_profiles),
        "version": 1,
        "status": _ACTIVE,
        "xsd": xsd_data,
        "views": views_data,
    }
    return store.put(store.metadata_profiles, stamped(call, row))


@action("metadata_metadataprofile.get", "id: int", roles="UW")
def metadata_profile_get(call: Call, id: int) -> Record:
    return found(call.store.metadata_profiles, id, "METADATA_PROFILE_NOT_FOUND")


@action(
    "metadata_metadataprofile.list", "filter: KalturaMetadataProfileFilter = null, pager: pager = null", roles="UPW"
)
def metadata_profile_list(call: Call, filter: Mapping[str, Any], pager: Mapping[str, Any]) -> Record:
    return listed(call, call.store.metadata_profiles, "KalturaMetadataProfile", filter, pager)


@action("metadata_metadataprofile.delete", "id: int")
def metadata_profile_delete(call: Call, id: int) -> None:
    found(call.store.metadata_profiles, id, "METADATA_PROFILE_NOT_FOUND")
    call.store.bury(call.store.metadata_profiles, id, status=_DELETED)


def _own(call: Call, metadata_id: int) -> Record:
    row = found(call.store.metadata, metadata_id, "METADATA_NOT_FOUND")
    if str(row["metadataObjectType"]) == _OF_ENTRIES and not _may_describe(call, row["objectId"]):
        raise ApiError("METADATA_OBJECT_ID_NOT_FOUND", row["objectId"])
    return row


def _exists_for(call: Call, entry_id: str) -> bool:
    entry = call.store.entries.get(entry_id)
    return entry is not None and entry["status"] != EntryStatus.DELETED and may_see(call, entry)


def _may_describe(call: Call, entry_id: str) -> bool:
    """Tell whether the session may describe an entry, MetadataEntryPeer::validateMetadataObjectAccess."""
    return _exists_for(call, entry_id) and permissions.may_edit(call, call.store.entries.rows[entry_id])


def _check_xml(text: str) -> None:
    try:
        ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise ApiError("INVALID_METADATA_DATA", error) from None
