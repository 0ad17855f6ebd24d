"""liveStream and entryServerNode: live entries, and whether something is being broadcast to them."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from emulator_tests.simulators.kaltura.errors import ApiError
from emulator_tests.simulators.kaltura.models.account import Call
from emulator_tests.simulators.kaltura.models.broadcast import check_deletion, is_live
from emulator_tests.simulators.kaltura.models.entry_state import EntryStatus, EntryType, MediaType, delete_entry
from emulator_tests.simulators.kaltura.models.schema import Record
from emulator_tests.simulators.kaltura.responses.actions import action
from emulator_tests.simulators.kaltura.responses.services.entries import (
    create_entry,
    got,
    living_entry,
    shown,
    update_entry,
)
from emulator_tests.simulators.kaltura.responses.services.entry_lists import list_entries
from emulator_tests.simulators.kaltura.responses.services.rows import found, listed

_LIVE_CONVERSION = 2
_STOPPED = 0
_LIVE_SOURCE = 32
#: LiveEntry::$kalturaLiveSourceTypes: what is sent to Kaltura itself.
_OWN_SOURCES = (_LIVE_SOURCE, 33, 42)
_PROTOCOLS = ("", "applehttp", "hls", "hds", "mpegdash", "sl", "http", "https", "akamai_hds", "hdnetworkmanifest")


@action("liveStream.add", "liveStreamEntry: KalturaLiveStreamEntry, sourceType: KalturaSourceType = null")
def live_stream_add(call: Call, live_stream_entry: Record, source_type: int | None) -> Record:
    sent = {**live_stream_entry, "sourceType": source_type or live_stream_entry.get("sourceType") or _LIVE_SOURCE}
    profile = next((row for row in call.store.conversion_profiles if row.get("type") == _LIVE_CONVERSION), {})
    defaults = {
        "objectType": "KalturaLiveStreamEntry",
        "type": EntryType.LIVE_STREAM,
        "mediaType": MediaType.LIVE,
        "status": EntryStatus.READY,
        "conversionProfileId": profile.get("id"),
        "recordStatus": 0,
        "dvrStatus": 0,
        "liveStatus": _STOPPED,
        "explicitLive": 0,
        "viewMode": 1,
        "recordingStatus": 2,
        "pushPublishEnabled": 0,
    }
    entry = create_entry(call, sent, defaults, "mediaType")
    return _with_stream(call, entry, entry.get("streamPassword") or _new_key())


@action("liveStream.regenerateStreamToken", "entryId: str", owner="entry:entry_id")
def live_stream_regenerate_stream_token(call: Call, entry_id: str) -> Record:
    entry = _live_entry(call, entry_id)
    if entry["sourceType"] not in _OWN_SOURCES:
        raise ApiError("CANNOT_REGENERATE_STREAM_TOKEN_FOR_EXTERNAL_LIVE_STREAMS", entry["sourceType"])
    return _with_stream(call, entry, _new_key())


@action("liveStream.get", "entryId: str", roles="UW")
def live_stream_get(call: Call, entry_id: str) -> Record:
    return got(call, living_entry(call, entry_id, EntryType.LIVE_STREAM))


@action("liveStream.list", "filter: KalturaLiveStreamEntryFilter = null, pager: pager = null", roles="UW")
def live_stream_list(call: Call, filter: Mapping[str, Any], pager: Mapping[str, Any]) -> Record:
    return list_entries(call, filter, pager, "KalturaLiveStreamListResponse")


@action("liveStream.update", "entryId: str, liveStreamEntry: KalturaLiveStreamEntry", owner="entry:entry_id")
def live_stream_update(call: Call, entry_id: str, live_stream_entry: Record) -> Record:
    return update_entry(call, living_entry(call, entry_id, EntryType.LIVE_STREAM), live_stream_entry)


@action("liveStream.delete", "entryId: str", owner="entry:entry_id")
def live_stream_delete(call: Call, entry_id: str) -> None:
    entry = living_entry(call, entry_id, EntryType.LIVE_STREAM)
    check_deletion(call.account, entry)
    delete_entry(call.account, entry_id)


@action("liveStream.isLive", "id: str, protocol: str = ", roles="OP")
def live_stream_is_live(call: Call, id: str, protocol: str) -> bool:
    _live_entry(call, id)
    if protocol not in _PROTOCOLS:
        raise ApiError("LIVE_STREAM_STATUS_CANNOT_BE_DETERMINED", protocol)
    return is_live(call.account, id)


@action("entryServerNode.list", "filter: KalturaEntryServerNodeFilter = null, pager: pager = null", roles="U")
def entry_server_node_list(call: Call, filter: Mapping[str, Any], pager: Mapping[str, Any]) -> Record:
    if not any(filter.get(key) for key in ("entryIdEqual", "entryIdIn")) and "serverTypeEqual" not in filter:
        raise ApiError("MUST_FILTER_ON_ENTRY_OR_SERVER_TYPE")
    return listed(call, call.store.entry_server_nodes, "KalturaEntryServerNode", filter, pager)


@action("entryServerNode.get", "id: int", roles="U")
def entry_server_node_get(call: Call, id: int) -> Record:
    return found(call.store.entry_server_nodes, id, "INVALID_OBJECT_ID")


def _live_entry(call: Call, entry_id: str) -> Record:
    entry = call.store.entries.get(entry_id)
    if entry is None or entry["status"] == EntryStatus.DELETED or entry["type"] != EntryType.LIVE_STREAM:
        raise ApiError("INVALID_ENTRY_ID", entry_id)
    return entry


def _new_key() -> str:
    return secrets.token_hex(4)


def _with_stream(call: Call, entry: Record, key: str) -> Record:
    """Give a live entry a key and the addresses that carry it."""
    host = call.base_url.partition("://")[2].partition(":")[0]
    query = f"?t={key}"
    stream = {
        "streamName": f"{entry['id']}_%i",
        "streamPassword": key,
        "streamUsername": str(call.account.partner_id),
        "primaryBroadcastingUrl": f"rtmp://{entry['id']}.p.{host}:1935/kLive/{query}",
        "secondaryBroadcastingUrl": f"rtmp://{entry['id']}.b.{host}:1935/kLive/{query}",
        "primarySecuredBroadcastingUrl": f"rtmps://{entry['id']}.p.{host}:443/kLive/{query}",
        "secondarySecuredBroadcastingUrl": f"rtmps://{entry['id']}.b.{host}:443/kLive/{query}",
    }
    return shown(call, call.store.change(call.store.entries, entry["id"], **stream))
