"""The flavors of an entry: its source and what is made of it.

Called by `content` and the asset services, which put bytes into them.
"""

from __future__ import annotations

import math

from emulator_tests.simulators.kaltura.models.account import Account
from emulator_tests.simulators.kaltura.models.entry_state import AssetStatus, flavors_of
from emulator_tests.simulators.kaltura.models.schema import Record
from emulator_tests.simulators.media import MediaFile

SOURCE_PARAMS = 0
#: What Kaltura calls the formats that ffprobe names; the others keep ffprobe's name.
_CONTAINERS = {"mov": "mpeg-4", "mp4": "mpeg-4", "3gp": "mpeg-4", "mpegts": "mpeg-ts", "mpegvideo": "mpeg video"}


def next_version(version: int) -> int:
    """The version that follows one, kDataCenterMgr::incrementVersion in data centre 0: 2, 12, 22. Pure."""
    return math.ceil(version / 10) * 10 + 2


def rounded_kb(size_bytes: int) -> int:
    """A size in KB as MediaInfo's text gives it, with three digits of its unit: "240 MiB" is 245,760 KB. Pure.

    Source: kaltura/server, KMediaInfoMediaParser::convertValue2kbits. Media that were uploaded before ffprobe replaced
    MediaInfo still have such sizes.
    """
    kb = size_bytes / 1024
    unit_kb = next(each for each in (1024**2, 1024, 1) if kb >= each or each == 1)
    return int(float(f"{kb / unit_kb:.3g}") * unit_kb)


def describe_flavor(account: Account, flavor_id: str, found: MediaFile | None, size_bytes: int) -> Record:
    """Record what a flavor's file is; unreadable ones are in error."""
    store = account.store
    facts: Record = {}
    if found is not None:
        facts = {
            "width": found.width,
            "height": found.height,
            "bitrate": found.bitrate_kbps,
            "frameRate": found.frame_rate,
            "containerFormat": _container(found.container),
            "videoCodecId": found.codec,
        }
    return store.change(
        store.flavor_assets,
        flavor_id,
        status=AssetStatus.ERROR if found is None else AssetStatus.READY,
        version=next_version(int(store.flavor_assets.rows[flavor_id].get("version") or 0)),
        size=rounded_kb(size_bytes) if account.settings.sizes_rounded else size_bytes // 1024,
        sizeInBytes=size_bytes if account.settings.sizes_in_bytes else 0,
        updatedAt=int(account.clock.now()),
        **facts,
    )


def new_flavor(account: Account, entry_id: str, params_id: int) -> Record:
    """Create a flavor that has no bytes yet; params 0 is the source."""
    store = account.store
    now = int(account.clock.now())
    is_source = params_id == SOURCE_PARAMS
    return store.put(
        store.flavor_assets,
        {
            "objectType": "KalturaFlavorAsset",
            "id": store.new_entry_id(),
            "entryId": entry_id,
            "partnerId": account.partner_id,
            "flavorParamsId": params_id,
            "isOriginal": is_source,
            "isWeb": True,
            "status": AssetStatus.IMPORTING if is_source else AssetStatus.CONVERTING,
            "tags": "source,web" if is_source else "mobile,web,mbr",
            "fileExt": "mp4",
            "version": 0,
            "createdAt": now,
            "updatedAt": now,
        },
    )


def flavor_for(account: Account, entry_id: str, params_id: int) -> Record:
    """The flavor that is made for some params: the one that has them already, or a new one.

    Source: kaltura/server, kBatchManager::createFlavorAsset.
    """
    same = (each for each in flavors_of(account, entry_id) if each["flavorParamsId"] == params_id)
    return next(same, None) or new_flavor(account, entry_id, params_id)


def link_content(account: Account, source_id: str, flavor_id: str) -> None:
    """Give a flavor the bytes of another one, which stand for a conversion of them."""
    target = account.store.files / flavor_id
    target.unlink(missing_ok=True)
    target.hardlink_to(account.store.files / source_id)


def original_of(account: Account, entry_id: str) -> Record | None:
    """An entry's source flavor."""
    return next((each for each in flavors_of(account, entry_id) if each["isOriginal"]), None)


def _container(format_names: str) -> str:
    """Kaltura's name of a container, KFFMpegMediaParser::matchContainerFormat for a file without an extension. Pure."""
    names = format_names.split(",")
    name = "mp4" if "mp4" in names else names[0]
    return _CONTAINERS.get(name, name)
