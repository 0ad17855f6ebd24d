"""Calls and reports of live entries and their recordings, for the tests of the Kaltura simulator."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from KalturaClient.Plugins.Core import (
    KalturaFlavorAssetFilter,
    KalturaLiveStreamEntry,
    KalturaMediaEntryFilter,
    KalturaMediaType,
    KalturaRecordStatus,
)

from emulator_tests.simulators.tests.kaltura_calls import EVERY_STATUS
from emulator_tests.simulators.tests.kaltura_server import KalturaServer


def live(client: Any, record_status: int = KalturaRecordStatus.DISABLED, **fields: Any) -> Any:
    wanted = {"name": "a talk", "mediaType": KalturaMediaType.LIVE_STREAM_FLASH, "recordStatus": record_status}
    return client.liveStream.add(KalturaLiveStreamEntry(**{**wanted, **fields}))


def play(kaltura: KalturaServer, entry_id: str) -> None:
    kaltura.control("POST", "broadcast", entryId=entry_id, live=True)


def end(kaltura: KalturaServer, entry_id: str, film: Path | None = None) -> None:
    recording = {} if film is None else {"recording": str(film)}
    kaltura.control("POST", "broadcast", entryId=entry_id, live=False, **recording)


def recordings(client: Any, live_id: str) -> list[Any]:
    asked = KalturaMediaEntryFilter(rootEntryIdEqual=live_id, statusIn=EVERY_STATUS, orderBy="+createdAt")
    return list(client.media.list(asked).objects)


def size(client: Any, entry_id: str) -> int:
    flavors = client.flavorAsset.list(KalturaFlavorAssetFilter(entryIdEqual=entry_id)).objects
    return int(next(each.sizeInBytes for each in flavors if each.isOriginal))


def status(client: Any, entry_id: str) -> str:
    return str(client.media.get(entry_id).status.getValue())
