"""Bytes becoming content: resources are attached to entries, probed, and handed to `processing`.

Called by the media, upload token and asset services. Leaves time to `processing` and chunks to the upload service.
"""

from __future__ import annotations

import asyncio
import shutil
import urllib.request
from pathlib import Path

from emulator_tests.simulators import media
from emulator_tests.simulators.kaltura.errors import ApiError
from emulator_tests.simulators.kaltura.models import processing, replacement
from emulator_tests.simulators.kaltura.models.account import Account
from emulator_tests.simulators.kaltura.models.entry_state import (
    AssetStatus,
    EntryStatus,
    MediaType,
    TokenStatus,
    change_entry,
)
from emulator_tests.simulators.kaltura.models.flavors import (
    SOURCE_PARAMS,
    describe_flavor,
    flavor_for,
    link_content,
    new_flavor,
    original_of,
)
from emulator_tests.simulators.kaltura.models.schema import Record
from emulator_tests.simulators.media import MediaFile

_FETCH_TIMEOUT_S = 30.0
_MIN_SIDE, _MAX_SIDE = 10, 8000


async def attach(account: Account, entry_id: str, resource: Record) -> None:
    """Give an entry without content a resource; waits for bytes that are still to come.

    Raises:
        ApiError: The resource does not exist, or is of a kind that is not supported.
    """
    kind = resource["objectType"]
    if kind == "KalturaUploadedFileTokenResource":
        await _attach_token(account, entry_id, _required(resource, "token"))
    elif kind == "KalturaUrlResource":
        change_entry(account, entry_id, status=EntryStatus.IMPORT)
        account.spawn(_fetch(account, entry_id, _required(resource, "url")))
    elif kind == "KalturaAssetResource":
        asset_id = _required(resource, "assetId")
        if asset_id not in account.store.flavor_assets.rows:
            raise ApiError("FLAVOR_ASSET_ID_NOT_FOUND", asset_id)
        await arrive(account, entry_id, _copy(account.store.files / asset_id))
    elif kind == "KalturaEntryResource":
        await attach_entry(account, entry_id, _required(resource, "entryId"))
    else:
        raise ApiError("RESOURCE_TYPE_NOT_SUPPORTED", kind)


async def attach_entry(account: Account, entry_id: str, source_entry_id: str) -> None:
    """Give an entry a copy of another entry's source.

    Raises:
        ApiError: ENTRY_ID_NOT_FOUND or ORIGINAL_FLAVOR_ASSET_IS_MISSING.
    """
    source = account.store.entries.get(source_entry_id)
    if source is None or source["status"] == EntryStatus.DELETED:
        raise ApiError("ENTRY_ID_NOT_FOUND", source_entry_id)
    original = original_of(account, source_entry_id)
    if original is None:
        raise ApiError("ORIGINAL_FLAVOR_ASSET_IS_MISSING")
    await arrive(account, entry_id, _copy(account.store.files / original["id"]))


async def token_complete(account: Account, token: Record) -> None:
    """An upload is complete: content goes to the entry or asset its token is attached to."""
    if token.get("attachedObjectType") not in ("entry", "flavorAsset"):
        return
    attached_id = token["attachedObjectId"]
    file = close_token(account, token)
    if token["attachedObjectType"] == "entry":
        entry = account.store.entries.get(attached_id)
        if entry is not None and entry["status"] != EntryStatus.DELETED:
            await arrive(account, attached_id, file)
    elif attached_id in account.store.flavor_assets.rows:
        await fill_flavor(account, attached_id, file)


def close_token(account: Account, token: Record) -> Path:
    """Use an uploaded file up; returns where it lies."""
    store = account.store
    store.change(store.upload_tokens, token["id"], status=TokenStatus.CLOSED, updatedAt=int(account.clock.now()))
    return store.files / str(token["id"])


def usable_token(account: Account, token_id: str) -> Record:
    """A token whose file may still be used.

    Raises:
        ApiError: UPLOAD_TOKEN_NOT_FOUND, or UPLOADED_FILE_NOT_FOUND_BY_TOKEN for one that was used already.
    """
    token = account.store.upload_tokens.get(token_id)
    if token is None:
        raise ApiError("UPLOAD_TOKEN_NOT_FOUND")
    if token["status"] > TokenStatus.FULL:
        raise ApiError("UPLOADED_FILE_NOT_FOUND_BY_TOKEN")
    return token


async def arrive(account: Account, entry_id: str, file: Path) -> None:
    """An entry's bytes are here: probe them, make the flavors, and start converting.

    Args:
        account: The simulated account.
        entry_id: The entry.
        file: Its bytes; they are moved into place.
    """
    store = account.store
    found = await media.probe(file)
    entry = store.entries.rows[entry_id]
    if entry["status"] == EntryStatus.DELETED:
        file.unlink(missing_ok=True)
        return
    if entry.get("mediaType") == MediaType.IMAGE or (entry.get("mediaType") is None and found and found.is_image):
        _become_picture(account, entry_id, file, found)
        return
    source = original_of(account, entry_id) or new_flavor(account, entry_id, SOURCE_PARAMS)
    size_bytes = file.stat().st_size
    file.replace(store.files / source["id"])
    describe_flavor(account, source["id"], found, size_bytes)
    if found is None or not _is_convertible(found):
        processing.fail(account, entry_id)
        return
    _choose_picture(account, entry, found.bitrate_kbps)
    for params_id in _transcodes(account, entry):
        flavor = flavor_for(account, entry_id, params_id)
        link_content(account, source["id"], flavor["id"])
        describe_flavor(account, flavor["id"], found, size_bytes)
        store.change(store.flavor_assets, flavor["id"], status=AssetStatus.CONVERTING)
    change_entry(
        account,
        entry_id,
        duration=round(found.duration_ms / 1000),
        msDuration=found.duration_ms,
        width=found.width,
        height=found.height,
        durationType=_duration_type(found.duration_ms),
        mediaType=entry.get("mediaType") or (MediaType.VIDEO if found.has_video else MediaType.AUDIO),
    )
    if found.is_still and not account.settings.pictures_convert:
        processing.fail(account, entry_id)
        return
    processing.begin(account, entry_id)


def _choose_picture(account: Account, entry: Record, bitrate_kbps: int) -> None:
    """Keep the picture that an emptied entry still has, unless the new content is of a higher bitrate.

    One that was set by hand stays: entry::getCreateThumb and kFlowHelper::createThumbnail.
    """
    grabbed_kbps = entry.get("_thumbBitrate")
    if not entry.get("_createsThumb", True) or (grabbed_kbps is not None and grabbed_kbps >= bitrate_kbps):
        return
    (account.store.files / f"{entry['id']}.thumb").unlink(missing_ok=True)
    version = int(entry.get("version") or 0) + (grabbed_kbps is not None)
    change_entry(account, entry["id"], _thumbBitrate=bitrate_kbps, version=version)


def _become_picture(account: Account, entry_id: str, file: Path, found: MediaFile | None) -> None:
    """Take the content of an IMAGE, which is ready at once whatever it is: KalturaEntryService::attachFile."""
    file.replace(account.store.files / f"{entry_id}.image")
    ready = change_entry(
        account,
        entry_id,
        status=EntryStatus.READY,
        mediaType=MediaType.IMAGE,
        width=found.width if found else None,
        height=found.height if found else None,
    )
    replacement.settle(account, ready)


def _is_convertible(found: MediaFile) -> bool:
    """Tell whether the decision layer lets a source pass.

    A duration of nothing is only warned of; sides of less than 10 or more than 8000 pixels are an error: KDLVideoData's
    sanityCheck with KDLSanityLimits. So a picture in a VIDEO entry is a video without a duration; a GIF has its own.
    """
    return not found.has_video or all(_MIN_SIDE <= side <= _MAX_SIDE for side in (found.width, found.height))


async def fill_flavor(account: Account, flavor_id: str, file: Path) -> None:
    """Put bytes into one flavor of an entry."""
    store = account.store
    size_bytes = file.stat().st_size
    file.replace(store.files / flavor_id)
    found = await media.probe(store.files / flavor_id)
    flavor = describe_flavor(account, flavor_id, found, size_bytes)
    entry = store.entries.rows[flavor["entryId"]]
    if found is None:
        processing.fail(account, entry["id"])
    elif entry["status"] in (EntryStatus.NO_CONTENT, EntryStatus.IMPORT) or flavor["isOriginal"]:
        fields = {"duration": round(found.duration_ms / 1000), "msDuration": found.duration_ms}
        change_entry(account, entry["id"], width=found.width, height=found.height, **fields)
        processing.begin(account, entry["id"])


def detach_token(account: Account, token: Record, *, failed: bool) -> None:
    """A token goes before its upload is complete: its entry falls back to 7, or to -2 when the upload failed."""
    if token.get("attachedObjectType") != "entry":
        return
    entry = account.store.entries.get(token["attachedObjectId"])
    if entry is None or entry["status"] != EntryStatus.IMPORT:
        return
    source = original_of(account, entry["id"])
    if source is not None:
        status = AssetStatus.ERROR if failed else AssetStatus.QUEUED
        account.store.change(account.store.flavor_assets, source["id"], status=status)
    change_entry(account, entry["id"], status=EntryStatus.ERROR_IMPORTING if failed else EntryStatus.NO_CONTENT)


async def _attach_token(account: Account, entry_id: str, token_id: str) -> None:
    store = account.store
    token = usable_token(account, token_id)
    token = store.change(store.upload_tokens, token_id, attachedObjectType="entry", attachedObjectId=entry_id)
    if token["status"] == TokenStatus.FULL:
        await token_complete(account, token)
        return
    source = original_of(account, entry_id) or new_flavor(account, entry_id, SOURCE_PARAMS)
    store.change(store.flavor_assets, source["id"], status=AssetStatus.IMPORTING)
    change_entry(account, entry_id, status=EntryStatus.IMPORT)


async def _fetch(account: Account, entry_id: str, url: str) -> None:
    """Fetch a URL resource, as the server does, beside the request that named it."""
    target = account.store.files / f"{entry_id}.fetched"
    try:
        await asyncio.to_thread(_download, url, target)
    except (OSError, ValueError):
        change_entry(account, entry_id, status=EntryStatus.ERROR_IMPORTING)
    else:
        await arrive(account, entry_id, target)
    account.store.flush()


def _download(url: str, target: Path) -> None:
    if not url.startswith(("http://", "https://")):
        raise ValueError("only http and https are fetched")
    with urllib.request.urlopen(url, timeout=_FETCH_TIMEOUT_S) as source, target.open("wb") as out:
        shutil.copyfileobj(source, out)


def _copy(file: Path) -> Path:
    copy = file.with_name(file.name + ".copy")
    shutil.copyfile(file, copy)
    return copy


def _transcodes(account: Account, entry: Record) -> list[int]:
    profile = account.store.conversion_profiles.get(entry.get("conversionProfileId") or 0)
    ids = str((profile or {}).get("flavorParamsIds") or "").split(",")
    return [int(each) for each in ids if each.strip() and int(each) != SOURCE_PARAMS]


def _duration_type(duration_ms: int) -> str:
    return "short" if duration_ms < 240_000 else "medium" if duration_ms <= 1_200_000 else "long"


def _required(resource: Record, name: str) -> str:
    value = resource.get(name)
    if not value:
        raise ApiError("PROPERTY_VALIDATION_CANNOT_BE_NULL", f"{resource['objectType']}::{name}")
    return str(value)
