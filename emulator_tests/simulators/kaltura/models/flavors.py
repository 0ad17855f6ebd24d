"""The flavors of an entry: its source and what is made of it.

Called by `content` and the asset services, which put bytes into them.
"""

from __future__ import annotations

from emulator_tests.simulators.kaltura.models.account import Account
from emulator_tests.simulators.kaltura.models.entry_state import AssetStatus, flavors_of
from emulator_tests.simulators.kaltura.models.schema import Record
from emulator_tests.simulators.media import MediaFile

SOURCE_PARAMS = 0
#: What Kaltura calls the formats that ffprobe names; the others keep ffprobe's name.
_CONTAINERS = {"mov": "mpeg-4", "mp4": "mpeg-4", "3gp": "mpeg-4", "mpegts": "mpeg-ts", "mpegvideo": "mpeg video"}


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
    version = int(store.flavor_assets.rows[flavor_id].get("version") or 0) + 1
    return store.change(
        store.flavor_assets,
        flavor_id,
        status=AssetStatus.ERROR if found is None else AssetStatus.READY,
        version=version,
        size=size_bytes // 1024,
        sizeInBytes=size_bytes,
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


def original_of(account: Account, entry_id: str) -> Record | None:
    """An entry's source flavor."""
    return next((each for each in flavors_of(account, entry_id) if each["isOriginal"]), None)


def _container(format_names: str) -> str:
    """Kaltura's name of a container, KFFMpegMediaParser::matchContainerFormat for a file without an extension. Pure."""
    names = format_names.split(",")
    name = "mp4" if "mp4" in names else names[0]
    return _CONTAINERS.get(name, name)
