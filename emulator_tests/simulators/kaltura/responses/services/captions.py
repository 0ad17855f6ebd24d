"""caption_captionasset and captionsearch_captionassetitem: captions of entries, and finding words in them.

The rules are those of kaltura/server, plugins/content/caption. `searchEntries` is not limited to what the session owns,
`search` is: CaptionAssetItemService::initService and searchEntriesAction.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from emulator_tests.simulators.kaltura.errors import ApiError
from emulator_tests.simulators.kaltura.models.account import Call
from emulator_tests.simulators.kaltura.models.entry_state import AssetStatus, EntryStatus
from emulator_tests.simulators.kaltura.models.filters import page_of, parts_of
from emulator_tests.simulators.kaltura.models.schema import Record, to_text
from emulator_tests.simulators.kaltura.responses.actions import action
from emulator_tests.simulators.kaltura.responses.services.entries import got, living_entry, may_see
from emulator_tests.simulators.kaltura.responses.services.entry_lists import entry_conditions
from emulator_tests.simulators.kaltura.responses.services.rows import found, insertable, list_response, listed, stamped

_SRT = "1"
_CUE = re.compile(r"(\d+):(\d\d):(\d\d)[,.](\d{3}) --> (\d+):(\d\d):(\d\d)[,.](\d{3})")
_WANTED = ("contentLike", "contentMultiLikeOr", "contentMultiLikeAnd")


@action("caption_captionasset.add", "entryId: str, captionAsset: KalturaCaptionAsset")
def caption_asset_add(call: Call, entry_id: str, caption_asset: Record) -> Record:
    living_entry(call, entry_id)
    fields = insertable(call, caption_asset)
    row = {
        "captionParamsId": 0,
        "format": _SRT,
        "version": 0,
        "fileExt": "srt",
        **fields,
        "id": call.store.new_entry_id(),
        "entryId": entry_id,
        "status": AssetStatus.QUEUED,
    }
    return call.store.put(call.store.caption_assets, stamped(call, row))


@action("caption_captionasset.setContent", "id: str, contentResource: KalturaContentResource")
def caption_asset_set_content(call: Call, id: str, content_resource: Record) -> Record:
    found(call.store.caption_assets, id, "CAPTION_ASSET_ID_NOT_FOUND")
    if content_resource["objectType"] != "KalturaStringResource":
        raise ApiError("RESOURCE_TYPE_NOT_SUPPORTED", content_resource["objectType"])
    text = str(content_resource.get("content") or "")
    fields = {"status": AssetStatus.READY, "version": 1, "_text": text, "sizeInBytes": len(text.encode())}
    return call.store.change(call.store.caption_assets, id, **fields, updatedAt=call.now)


@action("caption_captionasset.get", "captionAssetId: str", roles="U")
def caption_asset_get(call: Call, caption_asset_id: str) -> Record:
    return found(call.store.caption_assets, caption_asset_id, "CAPTION_ASSET_ID_NOT_FOUND")


@action("caption_captionasset.list", "filter: KalturaCaptionAssetFilter = null, pager: pager = null", roles="UPW")
def caption_asset_list(call: Call, filter: Mapping[str, Any], pager: Mapping[str, Any]) -> Record:
    return listed(call, call.store.caption_assets, "KalturaCaptionAsset", filter, pager)


@action("caption_captionasset.delete", "captionAssetId: str")
def caption_asset_delete(call: Call, caption_asset_id: str) -> None:
    found(call.store.caption_assets, caption_asset_id, "CAPTION_ASSET_ID_NOT_FOUND")
    call.store.bury(call.store.caption_assets, caption_asset_id, status=AssetStatus.DELETED)


_SEARCH = (
    "entryFilter: KalturaBaseEntryFilter = null, captionAssetItemFilter: KalturaCaptionAssetItemFilter = null, "
    "captionAssetItemPager: pager = null"
)


@action("captionsearch_captionassetitem.search", _SEARCH, roles="UW")
def caption_search(
    call: Call,
    entry_filter: Mapping[str, Any],
    caption_asset_item_filter: Mapping[str, Any],
    caption_asset_item_pager: Mapping[str, Any],
) -> Record:
    own = None if call.is_admin or call.grants("list", "*") else call.user_id
    hits = [
        {**item, "entry": got(call, entry)}
        for entry, item in _found(call, entry_filter, caption_asset_item_filter)
        if own is None or entry.get("userId") == own
    ]
    offset, size = page_of(caption_asset_item_pager)
    return list_response("KalturaCaptionAssetItem", hits[offset : offset + size], len(hits))


@action("captionsearch_captionassetitem.searchEntries", _SEARCH, roles="UW")
def caption_search_entries(
    call: Call,
    entry_filter: Mapping[str, Any],
    caption_asset_item_filter: Mapping[str, Any],
    caption_asset_item_pager: Mapping[str, Any],
) -> Record:
    hits = {entry["id"]: entry for entry, _item in _found(call, entry_filter, caption_asset_item_filter)}
    offset, size = page_of(caption_asset_item_pager)
    page = [got(call, entry) for entry in list(hits.values())[offset : offset + size]]
    return {"objectType": "KalturaBaseEntryListResponse", "objects": page, "totalCount": len(hits)}


def _found(call: Call, entry_filter: Mapping[str, Any], sent: Mapping[str, Any]) -> Iterator[tuple[Record, Record]]:
    """Each line of captions that was asked for, with the entry it belongs to.

    Raises:
        ApiError: PROPERTY_VALIDATION_CANNOT_BE_NULL without a word to look for; FILTER_PROPERTY_NOT_SIMULATED.
    """
    if not any(to_text(sent.get(key)) for key in _WANTED):
        raise ApiError("PROPERTY_VALIDATION_CANNOT_BE_NULL", "/".join(_WANTED))
    for key in sent:
        if key not in (*_WANTED, "objectType", "orderBy"):
            raise ApiError("FILTER_PROPERTY_NOT_SIMULATED", f"{sent['objectType']}::{key}")
    # Without a filter of entries nothing limits them, not even their status.
    asked = any(key != "objectType" for key in entry_filter)
    conditions = entry_conditions(call, entry_filter) if asked else []
    for asset in call.store.caption_assets:
        entry = call.store.entries.get(asset["entryId"])
        if entry is None or entry["status"] == EntryStatus.DELETED or not may_see(call, entry):
            continue
        if not all(each.test(entry.get(each.field) if each.field else entry) for each in conditions):
            continue
        for item in _items(asset):
            if _matches(str(item["content"]).lower(), sent):
                yield entry, item


def _items(asset: Record) -> Iterator[Record]:
    """The lines of an SRT file. Pure."""
    for block in str(asset.get("_text") or "").replace("\r", "").split("\n\n"):
        cue = _CUE.search(block)
        if cue is not None:
            content = block[cue.end() :].strip()
            times = [_ms(cue.groups()[:4]), _ms(cue.groups()[4:])]
            yield {
                "objectType": "KalturaCaptionAssetItem",
                "asset": asset,
                "startTime": times[0],
                "endTime": times[1],
                "content": content,
            }


def _ms(parts: tuple[str, ...]) -> int:
    hours, minutes, seconds, thousandths = map(int, parts)
    return ((hours * 60 + minutes) * 60 + seconds) * 1000 + thousandths


def _matches(content: str, sent: Mapping[str, Any]) -> bool:
    like = to_text(sent.get("contentLike")).lower()
    either = [each.lower() for each in parts_of(sent.get("contentMultiLikeOr"))]
    every = [each.lower() for each in parts_of(sent.get("contentMultiLikeAnd"))]
    return (
        like in content
        and (not either or any(each in content for each in either))
        and all(each in content for each in every)
    )
