"""thumbAsset: the pictures of an entry, uploaded, fetched or cut from it."""

from __future__ import annotations

import asyncio
import shutil
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from starlette.datastructures import UploadFile

from emulator_tests.simulators import media
from emulator_tests.simulators.kaltura.errors import ApiError
from emulator_tests.simulators.kaltura.models import content
from emulator_tests.simulators.kaltura.models.account import Account, Call
from emulator_tests.simulators.kaltura.models.entry_state import (
    AssetStatus,
    EntryType,
    TokenStatus,
    change_entry,
    discard_asset,
    flavors_of,
)
from emulator_tests.simulators.kaltura.models.schema import Record
from emulator_tests.simulators.kaltura.responses.actions import action
from emulator_tests.simulators.kaltura.responses.services.entries import living_entry, shown
from emulator_tests.simulators.kaltura.responses.services.rows import found, insertable, listed, stamped, updatable

_DEFAULT_TAG = "default_thumb"
_FETCH_TIMEOUT_S = 30.0
_QUALITY = 75
#: Partner::getDefThumbOffset.
_DEFAULT_SECOND = 3.0


@action("thumbAsset.add", "entryId: str, thumbAsset: KalturaThumbAsset", roles="U", owner="entry:entry_id")
def thumb_asset_add(call: Call, entry_id: str, thumb_asset: Record) -> Record:
    living_entry(call, entry_id)
    return _create(call, entry_id, insertable(call, thumb_asset))


@action("thumbAsset.setContent", "id: str, contentResource: KalturaContentResource", roles="U", owner="asset:id")
async def thumb_asset_set_content(call: Call, id: str, content_resource: Record) -> Record:
    found(call.store.thumb_assets, id, "THUMB_ASSET_ID_NOT_FOUND")
    if content_resource["objectType"] == "KalturaUrlResource":
        return await _take(call.account, id, await _fetched(call, str(content_resource.get("url") or "")))
    if content_resource["objectType"] != "KalturaUploadedFileTokenResource":
        raise ApiError("RESOURCE_TYPE_NOT_SUPPORTED", content_resource["objectType"])
    token = content.usable_token(call.account, str(content_resource.get("token") or ""))
    if token["status"] != TokenStatus.FULL:
        raise ApiError("UPLOADED_FILE_NOT_FOUND_BY_TOKEN")
    return await _take(call.account, id, content.close_token(call.account, token))


@action("thumbAsset.addFromUrl", "entryId: str, url: str", roles="U", owner="entry:entry_id")
async def thumb_asset_add_from_url(call: Call, entry_id: str, url: str) -> Record:
    living_entry(call, entry_id)
    file = await _fetched(call, url)
    return await _take(call.account, _create(call, entry_id, {"objectType": "KalturaThumbAsset"})["id"], file)


@action("thumbAsset.addFromImage", "entryId: str, fileData: file", roles="U", owner="entry:entry_id")
async def thumb_asset_add_from_image(call: Call, entry_id: str, file_data: UploadFile) -> Record:
    living_entry(call, entry_id)
    asset = _create(call, entry_id, {"objectType": "KalturaThumbAsset"})
    file = call.store.files / f"{asset['id']}.part"
    with file.open("wb") as out:
        shutil.copyfileobj(file_data.file, out)
    return await _take(call.account, asset["id"], file)


@action("thumbAsset.get", "thumbAssetId: str", roles="UW")
def thumb_asset_get(call: Call, thumb_asset_id: str) -> Record:
    return found(call.store.thumb_assets, thumb_asset_id, "THUMB_ASSET_ID_NOT_FOUND")


@action("thumbAsset.list", "filter: KalturaAssetFilter = null, pager: pager = null", roles="UW")
def thumb_asset_list(call: Call, filter: Mapping[str, Any], pager: Mapping[str, Any]) -> Record:
    return listed(call, call.store.thumb_assets, "KalturaThumbAsset", filter, pager)


@action("thumbAsset.getByEntryId", "entryId: str", roles="UW")
def thumb_asset_get_by_entry_id(call: Call, entry_id: str) -> list[Record]:
    living_entry(call, entry_id)
    return call.store.thumb_assets.where("entryId", entry_id)


@action("thumbAsset.getUrl", "id: str", roles="UPW")
def thumb_asset_get_url(call: Call, id: str) -> str:
    asset = found(call.store.thumb_assets, id, "THUMB_ASSET_ID_NOT_FOUND")
    if asset["status"] != AssetStatus.READY:
        raise ApiError("THUMB_ASSET_IS_NOT_READY")
    width, height = asset["width"], asset["height"]
    place = f"{call.base_url}/p/{call.account.partner_id}/sp/{call.account.partner_id}00/thumbnail"
    ks = f"/ks/{call.session.text}" if call.session else ""
    return f"{place}/entry_id/{asset['entryId']}/width/{width}/height/{height}/thumb_asset_id/{id}{ks}"


@action("thumbAsset.setAsDefault", "thumbAssetId: str", roles="U", owner="asset:thumb_asset_id")
def thumb_asset_set_as_default(call: Call, thumb_asset_id: str) -> None:
    store = call.store
    chosen = found(store.thumb_assets, thumb_asset_id, "THUMB_ASSET_ID_NOT_FOUND")
    for each in store.thumb_assets.where("entryId", chosen["entryId"]):
        tags = [tag for tag in str(each.get("tags") or "").split(",") if tag and tag != _DEFAULT_TAG]
        if each["id"] == thumb_asset_id:
            tags.append(_DEFAULT_TAG)
        store.change(store.thumb_assets, each["id"], tags=",".join(tags))
    entry = store.entries.rows[chosen["entryId"]]
    change_entry(call.account, entry["id"], version=int(entry.get("version") or 0) + 1)


@action(
    "thumbAsset.update",
    "thumbAssetId: str, thumbAsset: KalturaThumbAsset",
    roles="U",
    owner="asset:thumb_asset_id",
)
def thumb_asset_update(call: Call, thumb_asset_id: str, thumb_asset: Record) -> Record:
    row = found(call.store.thumb_assets, thumb_asset_id, "THUMB_ASSET_ID_NOT_FOUND")
    changes = updatable(call, thumb_asset, row)
    return call.store.change(call.store.thumb_assets, thumb_asset_id, **changes, updatedAt=call.now)


@action("thumbAsset.delete", "thumbAssetId: str", owner="asset:thumb_asset_id")
def thumb_asset_delete(call: Call, thumb_asset_id: str) -> None:
    asset = found(call.store.thumb_assets, thumb_asset_id, "THUMB_ASSET_ID_NOT_FOUND")
    if _DEFAULT_TAG in str(asset.get("tags")):
        raise ApiError("THUMB_ASSET_IS_DEFAULT", thumb_asset_id)
    discard_asset(call.account, asset)


_OF_ENTRY = "entryId: str, timeOffset: int, flavorParamsId: int = null"


@action("media.updateThumbnail", _OF_ENTRY, roles="U")
async def media_update_thumbnail(call: Call, entry_id: str, time_offset: int, flavor_params_id: int | None) -> Record:
    entry = living_entry(call, entry_id, EntryType.MEDIA_CLIP)
    if not call.is_admin and str(entry.get("userId") or "").lower() != call.user_id.lower():
        raise ApiError("PERMISSION_DENIED_TO_UPDATE_ENTRY")
    file = _captured(call, entry_id, flavor_params_id)
    size = media.scaling(int(entry.get("width") or 0), int(entry.get("height") or 0), 1)
    picture = await media.frame(file, float(time_offset), size, _QUALITY) if file else None
    return _with_thumbnail(call, entry, picture or b"")


@action("media.updateThumbnailJpeg", "entryId: str, fileData: file", roles="U")
def media_update_thumbnail_jpeg(call: Call, entry_id: str, file_data: UploadFile) -> Record:
    return _with_thumbnail(call, living_entry(call, entry_id, EntryType.MEDIA_CLIP), file_data.file.read())


@action("media.updateThumbnailFromUrl", "entryId: str, url: str", roles="U")
async def media_update_thumbnail_from_url(call: Call, entry_id: str, url: str) -> Record:
    entry = living_entry(call, entry_id, EntryType.MEDIA_CLIP)
    file = await _fetched(call, url)
    picture = file.read_bytes()
    file.unlink()
    return _with_thumbnail(call, entry, picture)


async def keep_picture(call: Call, flavor: Record) -> None:
    """Keep the picture of an entry whose last ready flavor is about to go; its conversion made a file of it."""
    entry_id = flavor["entryId"]
    kept = call.store.files / f"{entry_id}.thumb"
    others = (each for each in flavors_of(call.account, entry_id) if each["id"] != flavor["id"])
    if kept.exists() or any(each["status"] == AssetStatus.READY for each in others):
        return
    file = _captured(call, entry_id, None)
    entry = call.store.entries.rows[entry_id]
    size = media.scaling(int(entry.get("width") or 0), int(entry.get("height") or 0), 1)
    at_s = min(_DEFAULT_SECOND, (entry.get("msDuration") or 0) / 2000)
    picture = await media.frame(file, at_s, size, _QUALITY) if file else None
    if picture:
        kept.write_bytes(picture)


def _captured(call: Call, entry_id: str, params_id: int | None) -> Path | None:
    """The file a frame is taken from: the flavor that is named, the source, else any, createThumbnailFromEntry."""
    ready = [each for each in flavors_of(call.account, entry_id) if each["status"] == AssetStatus.READY]
    named = [each for each in ready if params_id and each["flavorParamsId"] == params_id]
    for each in (*named, *sorted(ready, key=lambda row: not row["isOriginal"])):
        return call.store.files / str(each["id"])
    return None


def _with_thumbnail(call: Call, entry: Record, picture: bytes) -> Record:
    """Give an entry a picture of its own, beside its thumbnail assets, myEntryUtils::updateThumbnailFromContent."""
    if not picture:
        raise ApiError("INTERNAL_SERVERL_ERROR")
    (call.store.files / f"{entry['id']}.thumb").write_bytes(picture)
    version = int(entry.get("version") or 0) + 1
    return shown(call, change_entry(call.account, entry["id"], version=version, _createsThumb=False))


def _create(call: Call, entry_id: str, fields: Record) -> Record:
    row = {
        "thumbParamsId": 0,
        "version": 0,
        "fileExt": "jpg",
        **fields,
        "id": call.store.new_entry_id(),
        "entryId": entry_id,
        "status": AssetStatus.QUEUED,
    }
    return call.store.put(call.store.thumb_assets, stamped(call, row))


async def _take(account: Account, asset_id: str, file: Path) -> Record:
    """Put a picture into place; one that cannot be read leaves the asset in error."""
    size_bytes = file.stat().st_size
    file.replace(account.store.files / asset_id)
    picture = await media.probe(account.store.files / asset_id)
    version = int(account.store.thumb_assets.rows[asset_id].get("version") or 0) + 1
    return account.store.change(
        account.store.thumb_assets,
        asset_id,
        status=AssetStatus.READY if picture else AssetStatus.ERROR,
        width=picture.width if picture else None,
        height=picture.height if picture else None,
        size=size_bytes // 1024,
        sizeInBytes=size_bytes,
        version=version,
        updatedAt=int(account.clock.now()),
    )


async def _fetched(call: Call, url: str) -> Path:
    if not url.startswith(("http://", "https://")):
        raise ApiError("INVALID_FIELD_VALUE", "url")
    file = call.store.files / f"{call.store.new_entry_id()}.fetched"

    def download() -> None:
        with urllib.request.urlopen(url, timeout=_FETCH_TIMEOUT_S) as source, file.open("wb") as out:
            shutil.copyfileobj(source, out)

    try:
        await asyncio.to_thread(download)
    except OSError:
        raise ApiError("THUMB_ASSET_DOWNLOAD_FAILED", url) from None
    return file
