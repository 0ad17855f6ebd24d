"""Broadcasts to live entries, and what is recorded of them.

Called by `control`, which plays the encoder, by the live services, and by whoever deletes an entry. A recorded entry is
made when its broadcast begins and gets its bytes when it ends; then it is processed like any upload. Source:
kaltura/server, KalturaLiveEntryService and myEntryUtils.
"""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

from emulator_tests.simulators.kaltura.errors import ApiError
from emulator_tests.simulators.kaltura.models import content, replacement
from emulator_tests.simulators.kaltura.models.account import Account
from emulator_tests.simulators.kaltura.models.entry_state import (
    NEW_ENTRY,
    AssetStatus,
    EntryStatus,
    EntryType,
    MediaType,
    change_entry,
    flavors_of,
)
from emulator_tests.simulators.kaltura.models.schema import Record

_STOPPED, _PLAYABLE = 0, 1
_PRIMARY = 0
_APPENDED, _PER_SESSION = 1, 2
_LIVE_CONVERSION = 2
_NOT_YET = (EntryStatus.NO_CONTENT, EntryStatus.PRECONVERT, EntryStatus.PENDING)
#: An encoder that is back within this time goes on with the session's recording, live_session_reconnect_timeout.
_RECONNECT_S = 180
#: So long a recording is appended to.
_APPEND_S = 7 * 86400
#: So long what is being recorded cannot be deleted, entry::isInsideDeleteGracePeriod.
_DELETE_GRACE_S = 7 * 86400


def is_live(account: Account, entry_id: str) -> bool:
    """Return whether something playable is being broadcast to a live entry."""
    return any(node["status"] == _PLAYABLE for node in account.store.entry_server_nodes.where("entryId", entry_id))


def start(account: Account, entry_id: str) -> Record:
    """An encoder begins, or says that it goes on; returns the live entry.

    Raises:
        KeyError: There is no such live entry.
    """
    entry, now = _live_entry(account, entry_id), int(account.clock.now())
    _set_node(account, entry_id, _PLAYABLE)
    fields: Record = {
        "liveStatus": _PLAYABLE,
        "lastBroadcast": now,
        "firstBroadcast": entry.get("firstBroadcast") or now,
        "currentBroadcastStartTime": entry.get("currentBroadcastStartTime") or now,
    }
    if _begins_recording(account, {**entry, **fields}):
        fields |= _new_recording(account, entry)
    return change_entry(account, entry_id, **fields)


async def stop(account: Account, entry_id: str, recording: str | None) -> Record:
    """An encoder ends, and what was recorded arrives; also later, when nothing is on the air any more.

    Args:
        account: The simulated account.
        entry_id: The live entry.
        recording: Path of the video that was recorded; None where nothing arrives.

    Returns:
        The live entry.

    Raises:
        KeyError: There is no such live entry.
        ValueError: There is no such video.
        ApiError: The entry's recording is being replaced already.
    """
    entry = _live_entry(account, entry_id)
    if recording is not None and not Path(recording).is_file():
        raise ValueError(f"there is no film {recording}")
    if is_live(account, entry_id):
        _set_node(account, entry_id, _STOPPED)
        now = int(account.clock.now())
        fields = {"liveStatus": _STOPPED, "lastBroadcastEndTime": now, "currentBroadcastStartTime": 0}
        entry = change_entry(account, entry_id, **fields)
    recorded = _living(account, entry.get("recordedEntryId"))
    if recording is not None and recorded is not None:
        await _arrive(account, recorded, Path(recording))
    return entry


def check_deletion(account: Account, entry: Record) -> None:
    """Refuse to delete what is being broadcast or recorded, myEntryUtils::deleteEntry.

    Raises:
        ApiError: CANNOT_DELETE_LIVE_ENTRY_WHILE_STREAMING, RECORDED_NOT_READY or RECORDING_CONTENT_NOT_YET_SET.
    """
    entry_id = entry["id"]
    if entry["type"] == EntryType.LIVE_STREAM:
        if is_live(account, entry_id):
            raise ApiError("CANNOT_DELETE_LIVE_ENTRY_WHILE_STREAMING", entry_id)
        recorded = _living(account, entry.get("recordedEntryId"))
        if recorded is not None and recorded["status"] in _NOT_YET and _is_in_grace(account, recorded):
            raise ApiError("RECORDED_NOT_READY", entry_id)
    elif entry.get("sourceType") == replacement.RECORDED_LIVE:
        is_empty = all(flavor["status"] != AssetStatus.READY for flavor in flavors_of(account, entry_id))
        is_temporary = bool(entry.get("replacedEntryId"))
        live_entry = _living(account, entry.get("rootEntryId"))
        is_current = live_entry is not None and live_entry.get("recordedEntryId") == entry_id
        is_awaited = is_empty and not is_temporary and _is_in_grace(account, entry)
        if is_awaited or (is_current and is_live(account, str(entry["rootEntryId"]))):
            raise ApiError("RECORDING_CONTENT_NOT_YET_SET", entry_id)


def _is_in_grace(account: Account, entry: Record) -> bool:
    return bool(account.clock.now() - entry["createdAt"] < _DELETE_GRACE_S)


def _living(account: Account, entry_id: str | None) -> Record | None:
    entry = account.store.entries.get(entry_id or "")
    return None if entry is None or entry["status"] == EntryStatus.DELETED else entry


def _live_entry(account: Account, entry_id: str) -> Record:
    entry = _living(account, entry_id)
    if entry is None or entry["type"] != EntryType.LIVE_STREAM:
        raise KeyError(f"there is no live entry {entry_id}")
    return entry


def _set_node(account: Account, entry_id: str, status: int) -> None:
    store, now = account.store, int(account.clock.now())
    nodes = store.entry_server_nodes.where("entryId", entry_id)
    if nodes:
        store.change(store.entry_server_nodes, nodes[0]["id"], status=status, updatedAt=now)
        return
    row: Record = {
        "objectType": "KalturaLiveEntryServerNode",
        "id": store.next_number(store.entry_server_nodes),
        "entryId": entry_id,
        "serverNodeId": 1,
        "serverType": _PRIMARY,
        "status": status,
        "partnerId": account.partner_id,
        "createdAt": now,
        "updatedAt": now,
    }
    store.put(store.entry_server_nodes, row)


def _begins_recording(account: Account, live_entry: Record) -> bool:
    """Return whether a broadcast needs a recorded entry that is not there yet, shouldCreateRecordedEntry."""
    record_status = live_entry.get("recordStatus")
    if record_status not in (_APPENDED, _PER_SESSION):
        return False
    recorded = _living(account, live_entry.get("recordedEntryId"))
    if recorded is None:
        return True
    began_at = live_entry["currentBroadcastStartTime"]
    if record_status == _PER_SESSION:
        last_at = max(recorded["createdAt"], live_entry.get("lastBroadcastEndTime") or 0)
        return bool(last_at + _RECONNECT_S < began_at)
    return bool(recorded["createdAt"] + _APPEND_S < account.clock.now())


def _new_recording(account: Account, live_entry: Record) -> Record:
    """Make the entry that a broadcast is recorded into, createRecordedEntry; returns what its live entry says of it."""
    store, now = account.store, int(account.clock.now())
    index = live_entry.get("_recordedEntryIndex", 0) + 1
    suffix = f" {index}" if live_entry["recordStatus"] == _PER_SESSION else ""
    copied = (
        "description", "accessControlId", "userId", "creatorId", "tags", "moderationStatus", "licenseType",
        "conversionProfileId",
    )  # fmt: skip
    row = {
        **NEW_ENTRY,
        **{name: live_entry[name] for name in copied if live_entry.get(name) is not None},
        "id": store.new_entry_id(),
        "partnerId": account.partner_id,
        "mediaType": MediaType.VIDEO,
        "sourceType": replacement.RECORDED_LIVE,
        "rootEntryId": live_entry["id"],
        "name": f"{live_entry.get('name') or ''}{suffix}",
        "createdAt": now,
        "updatedAt": now,
    }
    store.put(store.entries, row)
    return {"recordedEntryId": row["id"], "_recordedEntryIndex": index}


async def _arrive(account: Account, recorded: Record, film: Path) -> None:
    """The bytes of a recording are here, handleRecording; they take the place of what it held."""
    profiles = account.store.conversion_profiles
    profile = profiles.get(recorded.get("conversionProfileId") or 0)
    if profile is None or profile.get("type") == _LIVE_CONVERSION:
        default_id = next((row["id"] for row in profiles if row.get("isDefault") == 1), None)
        recorded = change_entry(account, recorded["id"], conversionProfileId=default_id)
    target = recorded["id"]
    if recorded["status"] != EntryStatus.NO_CONTENT:
        target = replacement.open_replacement(account, recorded)["id"]
    file = account.store.files / f"{target}.recorded"
    await asyncio.to_thread(shutil.copyfile, film, file)
    await content.arrive(account, target, file)
