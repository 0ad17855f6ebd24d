"""The states of entries, assets and tokens, and the one way an entry changes.

Every module that changes an entry calls `change_entry`, so that `updatedAt` moves and notifications leave.
"""

from __future__ import annotations

import shutil
from enum import IntEnum
from typing import Any

from emulator_tests.simulators.kaltura.models import notifications
from emulator_tests.simulators.kaltura.models.account import Account
from emulator_tests.simulators.kaltura.models.schema import Record


class EntryStatus(IntEnum):
    """KalturaEntryStatus."""

    ERROR_IMPORTING = -2
    ERROR_CONVERTING = -1
    IMPORT = 0
    PRECONVERT = 1
    READY = 2
    DELETED = 3
    PENDING = 4
    NO_CONTENT = 7


class AssetStatus(IntEnum):
    """KalturaFlavorAssetStatus and KalturaThumbAssetStatus."""

    ERROR = -1
    QUEUED = 0
    CONVERTING = 1
    READY = 2
    DELETED = 3
    NOT_APPLICABLE = 4
    IMPORTING = 7


class TokenStatus(IntEnum):
    """KalturaUploadTokenStatus."""

    PENDING = 0
    PARTIAL = 1
    FULL = 2
    CLOSED = 3
    TIMED_OUT = 4
    DELETED = 5


class ReplacementStatus(IntEnum):
    """KalturaEntryReplacementStatus."""

    NONE = 0
    APPROVED_BUT_NOT_READY = 1
    READY_BUT_NOT_APPROVED = 2
    NOT_READY_AND_NOT_APPROVED = 3
    FAILED = 4


class Moderation(IntEnum):
    """KalturaEntryModerationStatus."""

    PENDING = 1
    APPROVED = 2
    REJECTED = 3
    FLAGGED = 5
    AUTO_APPROVED = 6


class MediaType(IntEnum):
    """KalturaMediaType."""

    VIDEO = 1
    IMAGE = 2
    AUDIO = 5
    LIVE = 201


class EntryType(IntEnum):
    """KalturaEntryType."""

    AUTOMATIC = -1
    MEDIA_CLIP = 1
    LIVE_STREAM = 7


#: What an entry is before anything is said of it.
NEW_ENTRY: Record = {
    "objectType": "KalturaMediaEntry",
    "type": EntryType.MEDIA_CLIP,
    "status": EntryStatus.NO_CONTENT,
    "moderationStatus": Moderation.AUTO_APPROVED,
    "moderationCount": 0,
    "rank": 0,
    "totalRank": 0,
    "votes": 0,
    "plays": 0,
    "views": 0,
    "version": 0,
    "duration": 0,
    "msDuration": 0,
    "licenseType": -1,
    "displayInSearch": 1,
    "partnerSortValue": 0,
    "replacementStatus": ReplacementStatus.NONE,
    "capabilities": "",
}


def default_moderation(account: Account) -> Moderation:
    """The moderation that a new entry begins with, entry::setDefaultModerationStatus."""
    return Moderation.PENDING if account.settings.moderation else Moderation.AUTO_APPROVED


def change_entry(account: Account, entry_id: str, **fields: Any) -> Record:
    """Change an entry; `updatedAt` moves and whoever asked to be notified will be."""
    store = account.store
    old = store.entries.rows[entry_id]
    new = store.change(store.entries, entry_id, **{"updatedAt": int(account.clock.now()), **fields})
    notifications.entry_changed(account, old, new)
    return new


def flavors_of(account: Account, entry_id: str) -> list[Record]:
    """An entry's flavors, the source first."""
    return account.store.flavor_assets.where("entryId", entry_id)


def ready_params(account: Account, entry_id: str) -> str | None:
    """The flavor params of an entry's ready flavors as its property carries them, entry::syncFlavorParamsIds."""
    ready = {each["flavorParamsId"] for each in flavors_of(account, entry_id) if each["status"] == AssetStatus.READY}
    return ",".join(map(str, sorted(ready))) or None


def sync_flavors(account: Account, entry_id: str) -> Record:
    """Keep an entry true to its flavors after one was deleted; without a ready one it has no content any more.

    Source: kaltura/server, flavorAsset::postUpdate and entry::syncFlavorParamsIds.
    """
    params = ready_params(account, entry_id)
    if params is None and account.store.entries.rows[entry_id]["status"] != EntryStatus.DELETED:
        return change_entry(account, entry_id, flavorParamsIds=None, status=EntryStatus.NO_CONTENT, _processing=None)
    return change_entry(account, entry_id, flavorParamsIds=params)


def delete_entry(account: Account, entry_id: str) -> None:
    """Delete an entry with its assets and their bytes, kObjectDeleteHandler; a replacement under way goes with it."""
    store = account.store
    entry = store.entries.rows[entry_id]
    for table in (store.flavor_assets, store.thumb_assets):
        for asset in table.where("entryId", entry_id):
            discard_asset(account, asset)
    for table in (store.category_entries, store.entry_server_nodes):
        for row in table.where("entryId", entry_id):
            store.bury(table, row["id"])
    change_entry(account, entry_id, status=EntryStatus.DELETED, _processing=None)
    replacing = entry.get("replacingEntryId")
    if replacing and store.entries.rows[replacing]["status"] != EntryStatus.DELETED:
        delete_entry(account, replacing)


def discard_asset(account: Account, asset: Record) -> None:
    """Delete a flavor or thumbnail and its bytes."""
    store = account.store
    table = store.flavor_assets if asset["id"] in store.flavor_assets.rows else store.thumb_assets
    now = int(account.clock.now())
    store.bury(table, asset["id"], status=AssetStatus.DELETED, deletedAt=now, updatedAt=now)
    discard_content(account, asset)


def discard_content(account: Account, asset: Record) -> None:
    """Delete the bytes of a flavor or thumbnail, and what was cut from them."""
    files = account.store.files
    (files / asset["id"]).unlink(missing_ok=True)
    shutil.rmtree(files / f"{asset['id']}.{asset.get('version')}.hls", ignore_errors=True)
