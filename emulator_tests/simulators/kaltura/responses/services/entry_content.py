"""media and baseEntry: content from its first byte to its replacement, copies, and pictures of it.

The rules are those of kaltura/server, MediaService, BaseEntryService and KalturaEntryService.
"""

from __future__ import annotations

import uuid
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from starlette.datastructures import UploadFile

from emulator_tests.simulators.kaltura.errors import ApiError
from emulator_tests.simulators.kaltura.models import content, flavors, processing, replacement
from emulator_tests.simulators.kaltura.models.account import Call
from emulator_tests.simulators.kaltura.models.entry_state import (
    EntryStatus,
    EntryType,
    MediaType,
    TokenStatus,
    change_entry,
)
from emulator_tests.simulators.kaltura.models.schema import Record
from emulator_tests.simulators.kaltura.responses.actions import action
from emulator_tests.simulators.kaltura.responses.services.entries import create_entry, living_entry, shown
from emulator_tests.simulators.kaltura.responses.services.rows import ensure_user, stamped

#: The kind of media of a file by how its name ends, configurations/base.ini; what may be a video is one.
_EXTENSIONS = (
    (MediaType.AUDIO, "mp3 wav wma amr m4a aiff aif ra ogg"),
    (MediaType.IMAGE, "jpg jpeg bmp png gif tif tiff"),
    (MediaType.VIDEO, "flv asf qt mov mpg mpeg avi wmv mp4 m4v 3gp vob f4v mkv mxf mts ts rm arf webm lxf"),
)
_MEDIA_TYPES = {extension: media_type for media_type, names in _EXTENSIONS for extension in names.split()}


@action("media.convert", "entryId: str, conversionProfileId: int = null", roles="U")
def media_convert(call: Call, entry_id: str, conversion_profile_id: int | None) -> int:
    # As on the real server, whose entry it is, is not asked.
    living_entry(call, entry_id)
    if conversion_profile_id is not None and conversion_profile_id not in call.store.conversion_profiles.rows:
        raise ApiError("CONVERSION_PROFILE_ID_NOT_FOUND", conversion_profile_id)
    source = flavors.original_of(call.account, entry_id)
    if source is None:
        raise ApiError("ORIGINAL_FLAVOR_ASSET_IS_MISSING")
    if not (call.store.files / str(source["id"])).exists():
        raise ApiError("FILE_DOESNT_EXIST")
    processing.begin_anew(call.account, entry_id)
    return int(call.account.clock.now())


@action("media.addContent", "entryId: str, resource: KalturaResource = null", roles="U", owner="entry:entry_id")
async def media_add_content(call: Call, entry_id: str, resource: Record | None) -> Record:
    return await _add_content(call, living_entry(call, entry_id, EntryType.MEDIA_CLIP), resource)


@action("baseEntry.addContent", "entryId: str, resource: KalturaResource", roles="U", owner="entry:entry_id")
async def base_entry_add_content(call: Call, entry_id: str, resource: Record) -> Record:
    return await _add_content(call, living_entry(call, entry_id), resource)


async def _add_content(call: Call, entry: Record, resource: Record | None) -> Record:
    entry_id = entry["id"]
    if entry["status"] != EntryStatus.NO_CONTENT:
        raise ApiError("ENTRY_ALREADY_WITH_CONTENT")
    if resource is not None:
        _settle_type(call, entry, resource)
        await content.attach(call.account, entry_id, resource)
    return shown(call, call.store.entries.rows[entry_id])


def _settle_type(call: Call, entry: Record, resource: Record) -> None:
    """Give an entry without a type that of what comes into it, BaseEntryService::setEntryTypeByResource.

    Raises:
        ApiError: ENTRY_TYPE_NOT_SUPPORTED for one that stays without, or that takes no content.
    """
    entry_type, media_type = entry["type"], entry.get("mediaType")
    if entry_type == EntryType.AUTOMATIC:
        media_type = _media_type(call, resource)
        if media_type is not None:
            fields = {"type": EntryType.MEDIA_CLIP, "mediaType": media_type, "objectType": "KalturaMediaEntry"}
            entry_type = change_entry(call.account, entry["id"], **fields)["type"]
    if entry_type != EntryType.MEDIA_CLIP:
        raise ApiError("ENTRY_TYPE_NOT_SUPPORTED", entry_type)


def _media_type(call: Call, resource: Record) -> int | None:
    """The kind of media that a resource is said to hold; None for one that does not say, such as a token not filled."""
    store, name = call.store, ""
    if resource["objectType"] == "KalturaUploadedFileTokenResource":
        token = store.upload_tokens.get(str(resource.get("token")))
        if token is not None and token["status"] == TokenStatus.FULL:
            name = str(token.get("fileName") or "")
    elif resource["objectType"] == "KalturaUrlResource":
        name = urlsplit(str(resource.get("url") or "")).path
    else:
        flavor = store.flavor_assets.get(str(resource.get("assetId")))
        source = store.entries.get(str(flavor["entryId"] if flavor else resource.get("entryId")))
        return source.get("mediaType") if source else None
    return _MEDIA_TYPES.get(PurePosixPath(name).suffix.lstrip(".").lower())


_UPDATE_CONTENT = "entryId: str, resource: KalturaResource, conversionProfileId: int = null"


@action("media.updateContent", _UPDATE_CONTENT, roles="U", owner="entry:entry_id")
async def media_update_content(
    call: Call, entry_id: str, resource: Record, conversion_profile_id: int | None
) -> Record:
    return await _update_content(
        call, living_entry(call, entry_id, EntryType.MEDIA_CLIP), resource, conversion_profile_id
    )


@action("baseEntry.updateContent", _UPDATE_CONTENT, roles="U", owner="entry:entry_id")
async def base_entry_update_content(
    call: Call, entry_id: str, resource: Record, conversion_profile_id: int | None
) -> Record:
    entry = living_entry(call, entry_id)
    _settle_type(call, entry, resource)
    return await _update_content(call, call.store.entries.rows[entry_id], resource, conversion_profile_id)


async def _update_content(call: Call, entry: Record, resource: Record, conversion_profile_id: int | None) -> Record:
    entry_id = entry["id"]
    if conversion_profile_id:
        if conversion_profile_id not in call.store.conversion_profiles.rows:
            raise ApiError("CONVERSION_PROFILE_ID_NOT_FOUND", conversion_profile_id)
        entry = change_entry(call.account, entry_id, conversionProfileId=conversion_profile_id)
    target = entry_id
    if entry["status"] != EntryStatus.NO_CONTENT and entry.get("mediaType") != MediaType.IMAGE:
        target = replacement.open_replacement(call.account, entry)["id"]
    await content.attach(call.account, target, resource)
    return shown(call, call.store.entries.rows[entry_id])


@action("media.approveReplace", "entryId: str")
def media_approve_replace(call: Call, entry_id: str) -> Record:
    return shown(call, replacement.approve(call.account, living_entry(call, entry_id)))


@action("media.cancelReplace", "entryId: str")
def media_cancel_replace(call: Call, entry_id: str) -> Record:
    return shown(call, replacement.cancel(call.account, living_entry(call, entry_id)))


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
    token = content.usable_token(call.account, token_id)
    if token["status"] != TokenStatus.FULL:
        raise ApiError("UPLOAD_TOKEN_INVALID_STATUS_FOR_ADD_ENTRY")
    entry = create_entry(call, sent, {"sourceType": 1})
    await content.arrive(call.account, entry["id"], content.close_token(call.account, token))
    return shown(call, call.store.entries.rows[entry["id"]])


@action("media.addFromUrl", "mediaEntry: KalturaMediaEntry, url: str", roles="U")
async def media_add_from_url(call: Call, media_entry: Record, url: str) -> Record:
    entry = create_entry(call, media_entry, {"sourceType": 2}, "mediaType")
    await content.attach(call.account, entry["id"], {"objectType": "KalturaUrlResource", "url": url})
    return shown(call, call.store.entries.rows[entry["id"]])


@action("media.addFromEntry", "sourceEntryId: str, mediaEntry: KalturaMediaEntry = null", roles="U")
async def media_add_from_entry(call: Call, source_entry_id: str, media_entry: Record | None) -> Record:
    return await _copy_entry(call, source_entry_id, media_entry)


async def _copy_entry(call: Call, source_entry_id: str, media_entry: Record | None) -> Record:
    source = living_entry(call, source_entry_id, EntryType.MEDIA_CLIP)
    sent = media_entry or {"objectType": "KalturaMediaEntry", "name": source.get("name")}
    entry = create_entry(call, sent, {"mediaType": source.get("mediaType"), "sourceType": 5})
    await content.attach_entry(call.account, entry["id"], source_entry_id)
    return shown(call, call.store.entries.rows[entry["id"]])


@action("baseEntry.clone", "entryId: str", roles="U")
async def base_entry_clone(call: Call, entry_id: str) -> Record:
    return await _copy_entry(call, entry_id, None)
