"""media and baseEntry: entries from creation to deletion, their content, moderation and replacement.

The rules are those of kaltura/server, KalturaEntryService, MediaService and BaseEntryService.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from starlette.datastructures import UploadFile

from emulator_tests.simulators.kaltura import content, entitlement, permissions, processing, replacement
from emulator_tests.simulators.kaltura.actions import action
from emulator_tests.simulators.kaltura.broadcast import check_deletion
from emulator_tests.simulators.kaltura.entry_state import (
    NEW_ENTRY,
    EntryStatus,
    EntryType,
    MediaType,
    TokenStatus,
    change_entry,
    delete_entry,
)
from emulator_tests.simulators.kaltura.errors import ApiError
from emulator_tests.simulators.kaltura.models.filters import conditions_of, names_any, order_of, page_of
from emulator_tests.simulators.kaltura.models.table import Condition
from emulator_tests.simulators.kaltura.schema import SCHEMA, Record
from emulator_tests.simulators.kaltura.services import categories
from emulator_tests.simulators.kaltura.services.rows import (
    among,
    ensure_user,
    found,
    insertable,
    list_response,
    stamped,
    updatable,
)
from emulator_tests.simulators.kaltura.world import Call

_APPROVED, _REJECTED, _PENDING_MODERATION = 2, 3, 1
_RECYCLED = -2
#: What needs CONTENT_MANAGE_BASE to be read, KalturaLiveStreamEntry.
_KEYS = ("streamPassword", "streamUsername", "encodingIP1", "encodingIP2")
_ADDRESSES = (
    "primaryBroadcastingUrl", "secondaryBroadcastingUrl", "primarySecuredBroadcastingUrl",
    "secondarySecuredBroadcastingUrl", "primaryRtspBroadcastingUrl", "secondaryRtspBroadcastingUrl",
    "primarySrtBroadcastingUrl", "primarySrtStreamId", "secondarySrtBroadcastingUrl", "secondarySrtStreamId", "srtPass",
)  # fmt: skip
#: Filters that lift the limit of a plain session to its own entries.
_LIFTING = ("idEqual", "idIn", "referenceIdEqual", "referenceIdIn", "parentEntryIdEqual", "redirectFromEntryId")


def living_entry(call: Call, entry_id: str, entry_type: int | None = None) -> Record:
    """An entry that exists, of a type if one is asked for.

    Raises:
        ApiError: ENTRY_ID_NOT_FOUND; deleted, hidden and of another type look the same.
    """
    entry = call.store.entries.get(entry_id)
    if entry is None or entry["status"] == EntryStatus.DELETED or entry_type not in (None, entry["type"]):
        raise ApiError("ENTRY_ID_NOT_FOUND", entry_id)
    if not entitlement.may_see(call, entry):
        raise ApiError("ENTRY_ID_NOT_FOUND", entry_id)
    return entry


def shown(call: Call, entry: Record) -> Record:
    """An entry as an answer carries it, with its addresses and without what the caller may not know of it."""
    partner_id, entry_id = call.world.partner_id, entry["id"]
    root = f"{call.base_url}/p/{partner_id}/sp/{partner_id}00"
    urls: Record = {
        "thumbnailUrl": f"{root}/thumbnail/entry_id/{entry_id}/version/{entry.get('version') or 0}",
        "downloadUrl": f"{root}/playManifest/entryId/{entry_id}/format/download/protocol/http",
    }
    if entry["type"] == EntryType.MEDIA_CLIP:
        urls["dataUrl"] = f"{root}/playManifest/entryId/{entry_id}/format/url/protocol/http"
    hidden = _hidden(call, entry) if entry["type"] == EntryType.LIVE_STREAM else ()
    return {key: value for key, value in {**entry, **urls}.items() if key not in hidden}


def _hidden(call: Call, live_entry: Record) -> tuple[str, ...]:
    """What a session does not learn of a live entry: a USER session the key, a stranger also the addresses."""
    if call.is_admin:
        return ()
    return _KEYS if permissions.may_edit(call, live_entry) else (*_KEYS, *_ADDRESSES)


def create_entry(call: Call, sent: Record, defaults: Record, *required: str) -> Record:
    """Create an entry from what was sent.

    Args:
        call: The call.
        sent: The entry as it came.
        defaults: What the service sets unless it was sent.
        required: Properties that must not be missing.

    Raises:
        ApiError: A property may not be set so, or another user's id was given by a plain session.
    """
    fields = insertable(call, sent, *required, admin_tags=_may_set_admin_tags(call))
    owner = str(fields.get("userId") or call.user_id).strip()
    if owner.lower() != call.user_id.lower() and not call.is_admin and not call.grants("edituser", owner):
        raise permissions.invalid_type()
    _check_dates(fields)
    _check_access_control(call, fields)
    ensure_user(call, owner)
    store = call.store
    entry_id = store.new_entry_id()
    named_categories = fields.pop("categories", None)
    named_ids = fields.pop("categoriesIds", None)
    row = stamped(
        call,
        {
            **NEW_ENTRY,
            "accessControlId": _default_id(call.store.access_controls),
            "conversionProfileId": _default_id(call.store.conversion_profiles),
            **defaults,
            **fields,
            "id": entry_id,
            "rootEntryId": entry_id,
            "userId": owner,
            "creatorId": fields.get("creatorId") or owner,
        },
    )
    entry = store.put(store.entries, row)
    return categories.assign_named(call, entry, named_categories, named_ids)


def list_entries(
    call: Call,
    sent_filter: Mapping[str, Any],
    pager: Mapping[str, Any],
    object_type: str,
    response: str,
    *extra: Condition,
) -> Record:
    """A page of entries under the list rules of the API."""
    conditions = [*extra, *_implicit(call, sent_filter)]
    conditions += conditions_of(sent_filter, ("KalturaMediaEntry", object_type), call.now)
    rows, total = call.select(call.store.entries, conditions, order_of(sent_filter), page_of(pager))
    seen = [shown(call, row if call.lag_s else processing.look(call.world, row)) for row in rows]
    return {**list_response(object_type, seen, total), "objectType": response}


def _implicit(call: Call, sent_filter: Mapping[str, Any]) -> list[Condition]:
    found = entitlement.condition(call)
    if not sent_filter.get("idEqual"):
        if not names_any(sent_filter, "status"):
            found.append(among("status", EntryStatus.READY))
        if not names_any(sent_filter, "moderationStatus"):
            found.append(_unless("moderationStatus", _PENDING_MODERATION, _REJECTED))
        if not any(sent_filter.get(key) for key in ("parentEntryIdEqual", "idIn")) and not names_any(
            sent_filter, "displayInSearch"
        ):
            found.append(_unless("displayInSearch", _RECYCLED, replacement.HIDDEN))
    lifted = any(sent_filter.get(key) for key in _LIFTING)
    if not (call.is_admin or lifted or call.grants("list", "*")) and call.session and not call.session.is_widget:
        found.append(among("userId", call.user_id))
    return found


def _unless(field: str, *values: Any) -> Condition:
    """The condition that a property has none of some values, answered from the values an index can offer."""
    others = {
        "moderationStatus": frozenset((None, 2, 4, 5, 6)),
        "displayInSearch": frozenset((None, 0, 1, 2)),
    }[field]
    return Condition(field, lambda value: value not in values, values=others)


@action("media.add", "entry: KalturaMediaEntry", roles="U")
def media_add(call: Call, entry: Record) -> Record:
    return shown(call, create_entry(call, entry, {"sourceType": 1}, "mediaType"))


@action("baseEntry.add", "entry: KalturaBaseEntry, type: KalturaEntryType = null", roles="U")
def base_entry_add(call: Call, entry: Record, type: int | None) -> Record:
    if not SCHEMA.is_a(entry["objectType"], "KalturaMediaEntry"):
        entry = {**entry, "objectType": "KalturaMediaEntry"}
    if type not in (None, -1, EntryType.MEDIA_CLIP):
        raise ApiError("ENTRY_TYPE_NOT_SUPPORTED", type)
    return shown(call, create_entry(call, {**entry, "type": EntryType.MEDIA_CLIP}, {"mediaType": None}))


@action("media.get", "entryId: str", roles="UW")
def media_get(call: Call, entry_id: str) -> Record:
    return shown(call, processing.look(call.world, living_entry(call, entry_id, EntryType.MEDIA_CLIP)))


@action("baseEntry.get", "entryId: str", roles="UPW")
def base_entry_get(call: Call, entry_id: str) -> Record:
    return shown(call, processing.look(call.world, living_entry(call, entry_id)))


@action("baseEntry.getByIds", "entryIds: str", roles="UPW")
def base_entry_get_by_ids(call: Call, entry_ids: str) -> list[Record]:
    rows = (call.store.entries.get(each.strip()) for each in entry_ids.split(","))
    living = [
        row
        for row in rows
        if row is not None and row["status"] != EntryStatus.DELETED and entitlement.may_see(call, row)
    ]
    return [shown(call, processing.look(call.world, row)) for row in living]


@action("media.convert", "entryId: str, conversionProfileId: int = null", roles="U")
def media_convert(call: Call, entry_id: str, conversion_profile_id: int | None) -> int:
    # As on the real server, whose entry it is, is not asked.
    living_entry(call, entry_id)
    if conversion_profile_id is not None and conversion_profile_id not in call.store.conversion_profiles.rows:
        raise ApiError("CONVERSION_PROFILE_ID_NOT_FOUND", conversion_profile_id)
    source = content.original_of(call.world, entry_id)
    if source is None:
        raise ApiError("ORIGINAL_FLAVOR_ASSET_IS_MISSING")
    if not (call.store.files / str(source["id"])).exists():
        raise ApiError("FILE_DOESNT_EXIST")
    processing.begin_anew(call.world, entry_id)
    return int(call.world.clock.now())


@action("media.list", "filter: filter = null, pager: pager = null", roles="UW")
def media_list(call: Call, filter: Mapping[str, Any], pager: Mapping[str, Any]) -> Record:
    clips = among("type", EntryType.MEDIA_CLIP)
    return list_entries(call, filter, pager, "KalturaMediaEntry", "KalturaMediaListResponse", clips)


@action("baseEntry.list", "filter: filter = null, pager: pager = null", roles="UPW")
def base_entry_list(call: Call, filter: Mapping[str, Any], pager: Mapping[str, Any]) -> Record:
    return list_entries(call, filter, pager, "KalturaBaseEntry", "KalturaBaseEntryListResponse")


@action("baseEntry.listByReferenceId", "refId: str, pager: pager = null", roles="UPW")
def base_entry_list_by_reference_id(call: Call, ref_id: str, pager: Mapping[str, Any]) -> Record:
    sent = {"referenceIdEqual": ref_id, "statusIn": "-2,-1,0,1,2,4,7", "moderationStatusIn": "1,2,3,4,5,6"}
    return list_entries(call, sent, pager, "KalturaBaseEntry", "KalturaBaseEntryListResponse")


@action("media.count", "filter: filter = null", roles="UW")
@action("baseEntry.count", "filter: filter = null", roles="UW")
def entries_count(call: Call, filter: Mapping[str, Any]) -> int:
    conditions = [*_implicit(call, filter), *conditions_of(filter, ("KalturaMediaEntry",), call.now)]
    return call.select(call.store.entries, conditions, order_of(filter), (0, 0))[1]


@action("media.update", "entryId: str, mediaEntry: KalturaMediaEntry", roles="U", owner="entry:entry_id")
def media_update(call: Call, entry_id: str, media_entry: Record) -> Record:
    return update_entry(call, living_entry(call, entry_id, EntryType.MEDIA_CLIP), media_entry)


@action("baseEntry.update", "entryId: str, baseEntry: KalturaBaseEntry", roles="U", owner="entry:entry_id")
def base_entry_update(call: Call, entry_id: str, base_entry: Record) -> Record:
    return update_entry(call, living_entry(call, entry_id), base_entry)


def update_entry(call: Call, entry: Record, sent: Record) -> Record:
    """Change an entry's properties.

    Raises:
        ApiError: A property may not be changed so.
    """
    changes = updatable(call, sent, entry, admin_tags=_may_set_admin_tags(call))
    owner = changes.get("userId")
    if owner is not None:
        same = str(owner).lower() == str(entry["userId"]).lower()
        if not same and not call.is_admin and not call.grants("edituser", str(owner)):
            raise permissions.invalid_type()
        ensure_user(call, str(owner))
    _check_dates({**entry, **changes})
    _check_access_control(call, changes)
    named_categories = changes.pop("categories", None)
    named_ids = changes.pop("categoriesIds", None)
    changed = change_entry(call.world, entry["id"], **changes)
    return shown(call, categories.assign_named(call, changed, named_categories, named_ids))


@action("media.delete", "entryId: str", roles="U", owner="entry:entry_id")
def media_delete(call: Call, entry_id: str) -> None:
    entry = living_entry(call, entry_id, EntryType.MEDIA_CLIP)
    check_deletion(call.world, entry)
    delete_entry(call.world, entry["id"])


@action("baseEntry.delete", "entryId: str", roles="U", owner="entry:entry_id")
def base_entry_delete(call: Call, entry_id: str) -> None:
    entry = living_entry(call, entry_id)
    check_deletion(call.world, entry)
    delete_entry(call.world, entry["id"])


_CONTENT = "entryId: str, resource: KalturaResource = null"


@action("media.addContent", _CONTENT, roles="U", owner="entry:entry_id")
@action("baseEntry.addContent", _CONTENT, roles="U", owner="entry:entry_id")
async def add_content(call: Call, entry_id: str, resource: Record | None) -> Record:
    entry = living_entry(call, entry_id, EntryType.MEDIA_CLIP)
    if entry["status"] != EntryStatus.NO_CONTENT:
        raise ApiError("ENTRY_ALREADY_WITH_CONTENT")
    if resource is not None:
        await content.attach(call.world, entry_id, resource)
    return shown(call, call.store.entries.rows[entry_id])


_UPDATE_CONTENT = "entryId: str, resource: KalturaResource, conversionProfileId: int = null"


@action("media.updateContent", _UPDATE_CONTENT, roles="U", owner="entry:entry_id")
@action("baseEntry.updateContent", _UPDATE_CONTENT, roles="U", owner="entry:entry_id")
async def update_content(call: Call, entry_id: str, resource: Record, conversion_profile_id: int | None) -> Record:
    entry = living_entry(call, entry_id, EntryType.MEDIA_CLIP)
    if conversion_profile_id:
        if conversion_profile_id not in call.store.conversion_profiles.rows:
            raise ApiError("CONVERSION_PROFILE_ID_NOT_FOUND", conversion_profile_id)
        entry = change_entry(call.world, entry_id, conversionProfileId=conversion_profile_id)
    target = entry_id
    if entry["status"] != EntryStatus.NO_CONTENT and entry.get("mediaType") != MediaType.IMAGE:
        target = replacement.open_replacement(call.world, entry)["id"]
    await content.attach(call.world, target, resource)
    return shown(call, call.store.entries.rows[entry_id])


@action("media.approveReplace", "entryId: str")
def media_approve_replace(call: Call, entry_id: str) -> Record:
    return shown(call, replacement.approve(call.world, living_entry(call, entry_id)))


@action("media.cancelReplace", "entryId: str")
def media_cancel_replace(call: Call, entry_id: str) -> Record:
    return shown(call, replacement.cancel(call.world, living_entry(call, entry_id)))


@action("media.approve", "entryId: str")
@action("baseEntry.approve", "entryId: str")
def approve(call: Call, entry_id: str) -> None:
    change_entry(call.world, living_entry(call, entry_id)["id"], moderationStatus=_APPROVED)


@action("media.reject", "entryId: str")
@action("baseEntry.reject", "entryId: str")
def reject(call: Call, entry_id: str) -> None:
    change_entry(call.world, living_entry(call, entry_id)["id"], moderationStatus=_REJECTED)


@action("media.upload", "fileData: file", roles="U")
@action("baseEntry.upload", "fileData: file", roles="U")
def media_upload(call: Call, file_data: UploadFile) -> str:
    store = call.store
    token_id = uuid.uuid4().hex
    with (store.files / token_id).open("wb") as out:
        while block := file_data.file.read(1 << 20):
            out.write(block)
    ensure_user(call, call.user_id)
    row = {
        "objectType": "KalturaUploadToken",
        "id": token_id,
        "status": TokenStatus.FULL,
        "userId": call.user_id,
        "fileName": file_data.filename,
        "uploadedFileSize": (store.files / token_id).stat().st_size,
    }
    store.put(store.upload_tokens, stamped(call, row))
    return token_id


@action("media.addFromUploadedFile", "mediaEntry: KalturaMediaEntry, uploadTokenId: str", roles="UL")
async def media_add_from_uploaded_file(call: Call, media_entry: Record, upload_token_id: str) -> Record:
    return await _add_from_token(call, media_entry, upload_token_id)


@action("baseEntry.addFromUploadedFile", "entry: KalturaBaseEntry, uploadTokenId: str", roles="UL")
async def base_entry_add_from_uploaded_file(call: Call, entry: Record, upload_token_id: str) -> Record:
    return await _add_from_token(call, {**entry, "objectType": "KalturaMediaEntry"}, upload_token_id)


async def _add_from_token(call: Call, sent: Record, token_id: str) -> Record:
    token = content.usable_token(call.world, token_id)
    if token["status"] != TokenStatus.FULL:
        raise ApiError("UPLOAD_TOKEN_INVALID_STATUS_FOR_ADD_ENTRY")
    entry = create_entry(call, sent, {"sourceType": 1})
    await content.arrive(call.world, entry["id"], content.close_token(call.world, token))
    return shown(call, call.store.entries.rows[entry["id"]])


@action("media.addFromUrl", "mediaEntry: KalturaMediaEntry, url: str", roles="U")
async def media_add_from_url(call: Call, media_entry: Record, url: str) -> Record:
    entry = create_entry(call, media_entry, {"sourceType": 2}, "mediaType")
    await content.attach(call.world, entry["id"], {"objectType": "KalturaUrlResource", "url": url})
    return shown(call, call.store.entries.rows[entry["id"]])


@action("media.addFromEntry", "sourceEntryId: str, mediaEntry: KalturaMediaEntry = null", roles="U")
async def media_add_from_entry(call: Call, source_entry_id: str, media_entry: Record | None) -> Record:
    return await _copy_entry(call, source_entry_id, media_entry)


async def _copy_entry(call: Call, source_entry_id: str, media_entry: Record | None) -> Record:
    source = living_entry(call, source_entry_id, EntryType.MEDIA_CLIP)
    sent = media_entry or {"objectType": "KalturaMediaEntry", "name": source.get("name")}
    entry = create_entry(call, sent, {"mediaType": source.get("mediaType"), "sourceType": 5})
    await content.attach_entry(call.world, entry["id"], source_entry_id)
    return shown(call, call.store.entries.rows[entry["id"]])


@action("baseEntry.clone", "entryId: str", roles="U")
async def base_entry_clone(call: Call, entry_id: str) -> Record:
    return await _copy_entry(call, entry_id, None)


def _may_set_admin_tags(call: Call) -> bool:
    return call.session is not None and call.session.grants("editadmintags", "*")


def _default_id(table: Any) -> int | None:
    return next((row["id"] for row in table if row.get("isDefault") == 1), None)


def _check_access_control(call: Call, fields: Record) -> None:
    profile_id = fields.get("accessControlId")
    if profile_id is not None:
        found(call.store.access_controls, profile_id, "ACCESS_CONTROL_ID_NOT_FOUND")


def _check_dates(fields: Record) -> None:
    start, end = fields.get("startDate"), fields.get("endDate")
    if start is not None and end is not None and end < start:
        raise ApiError("INVALID_ENTRY_SCHEDULE_DATES")
