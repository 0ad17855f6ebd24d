"""flavorAsset, flavorParams and conversionProfile: the renditions of an entry and what decides them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from emulator_tests.simulators.kaltura.errors import ApiError
from emulator_tests.simulators.kaltura.models import content, flavors, processing
from emulator_tests.simulators.kaltura.models.account import Account, Call
from emulator_tests.simulators.kaltura.models.entry_state import (
    AssetStatus,
    EntryStatus,
    TokenStatus,
    discard_asset,
    flavors_of,
    sync_flavors,
)
from emulator_tests.simulators.kaltura.models.schema import Record
from emulator_tests.simulators.kaltura.responses import access_rules, playback
from emulator_tests.simulators.kaltura.responses.actions import action
from emulator_tests.simulators.kaltura.responses.services.entries import living_entry
from emulator_tests.simulators.kaltura.responses.services.rows import found, insertable, listed, stamped, updatable
from emulator_tests.simulators.kaltura.responses.services.thumbs import keep_picture

_MEDIA, _LIVE = 1, 2
_ENABLED, _DELETED = 2, 3
_TRUE, _FALSE = 1, 0
_CONVERTIBLE = (EntryStatus.ERROR_CONVERTING, EntryStatus.PRECONVERT, EntryStatus.READY)

#: The built-in flavor params: id, name, width, height, video bitrate in kbit/s.
FLAVOR_PARAMS = (
    (0, "Source", 0, 0, 0),
    (487041, "Basic/Small - WEB/MBL (H264/400)", 0, 288, 400),
    (487061, "SD/Small - WEB/MBL (H264/900)", 0, 480, 900),
    (487081, "HD/720 - WEB (H264/2500)", 0, 720, 2500),
)


def seed(account: Account) -> None:
    """Put in what every account begins with: one conversion profile for files and one for live."""
    store = account.store
    if len(store.conversion_profiles):
        return
    all_params = ",".join(str(row[0]) for row in FLAVOR_PARAMS)
    for number, (name, kind, params) in enumerate((("Default", _MEDIA, all_params), ("Live", _LIVE, "0")), start=1):
        row: Record = {
            "objectType": "KalturaConversionProfile",
            "id": number,
            "name": name,
            "type": kind,
            "status": _ENABLED,
            "flavorParamsIds": params,
            "isDefault": _TRUE if kind == _MEDIA else _FALSE,
            "isPartnerDefault": True,
            "partnerId": account.partner_id,
            "createdAt": int(account.clock.now()),
            "_seeded": True,
        }
        store.put(store.conversion_profiles, row)


@action("flavorAsset.get", "id: str")
def flavor_asset_get(call: Call, id: str) -> Record:
    return found(call.store.flavor_assets, id, "FLAVOR_ASSET_ID_NOT_FOUND")


@action("flavorAsset.list", "filter: KalturaAssetFilter = null, pager: pager = null", roles="UPW")
def flavor_asset_list(call: Call, filter: Mapping[str, Any], pager: Mapping[str, Any]) -> Record:
    entry_ids = filter_ids(filter)
    if not entry_ids:
        raise ApiError("PROPERTY_VALIDATION_CANNOT_BE_NULL", "entryIdEqual/KalturaFlavorAssetFilter::entryIdIn")
    for entry_id in entry_ids:
        looked_at(call, entry_id)
    return listed(call, call.store.flavor_assets, "KalturaFlavorAsset", filter, pager, default_order="+createdAt")


@action("flavorAsset.getByEntryId", "entryId: str", roles="UPW")
def flavor_asset_get_by_entry_id(call: Call, entry_id: str) -> list[Record]:
    living_entry(call, entry_id)
    looked_at(call, entry_id)
    return flavors_of(call.account, entry_id)


@action("flavorAsset.getWebPlayableByEntryId", "entryId: str", roles="UPW")
def flavor_asset_get_web_playable(call: Call, entry_id: str) -> list[Record]:
    living_entry(call, entry_id)
    return [each for each in flavors_of(call.account, entry_id) if each["status"] == AssetStatus.READY]


@action("flavorAsset.getFlavorAssetsWithParams", "entryId: str")
def flavor_asset_with_params(call: Call, entry_id: str) -> list[Record]:
    living_entry(call, entry_id)
    pairs: list[tuple[Record | None, Record | None]]
    flavors = flavors_of(call.account, entry_id)
    known = {row[0]: _params(row) for row in FLAVOR_PARAMS}
    # Every flavor first, then the params that none of them uses.
    pairs = [(each, known.get(each["flavorParamsId"])) for each in flavors]
    used = {each["flavorParamsId"] for each in flavors}
    pairs += [(None, params) for number, params in known.items() if number not in used]
    return [
        {
            "objectType": "KalturaFlavorAssetWithParams",
            "flavorAsset": flavor,
            "flavorParams": params,
            "entryId": entry_id,
        }
        for flavor, params in pairs
    ]


@action("flavorAsset.getDownloadUrl", "id: str")
@action("flavorAsset.getUrl", "id: str", roles="UPW")
def flavor_asset_get_url(call: Call, id: str) -> str:
    flavor = _ready_flavor(call, id)
    entry = living_entry(call, flavor["entryId"])
    visitor = access_rules.Visitor("", call.remote_address, "", "", call.raw_uri)
    # Who may not download is answered with an empty body, KSecureEntryHelper::validateForDownload.
    access_rules.check(call.account, entry, call.session, visitor, access_rules.Context.DOWNLOAD)
    return f"{playback.flavor_address(call.account, call.base_url, flavor)}/name/a.{flavor['fileExt']}"


@action("flavorAsset.add", "entryId: str, flavorAsset: KalturaFlavorAsset", roles="U", owner="entry:entry_id")
def flavor_asset_add(call: Call, entry_id: str, flavor_asset: Record) -> Record:
    living_entry(call, entry_id)
    fields = insertable(call, flavor_asset)
    params_id = int(fields.get("flavorParamsId") or 0)
    for each in flavors_of(call.account, entry_id):
        if each["flavorParamsId"] == params_id:
            raise ApiError("FLAVOR_ASSET_ALREADY_EXISTS", each["id"], params_id)
    flavor = flavors.new_flavor(call.account, entry_id, params_id)
    status = AssetStatus.QUEUED
    return call.store.change(call.store.flavor_assets, flavor["id"], **{**fields, "status": status})


@action("flavorAsset.setContent", "id: str, contentResource: KalturaContentResource", roles="U", owner="asset:id")
async def flavor_asset_set_content(call: Call, id: str, content_resource: Record) -> Record:
    account, store = call.account, call.store
    found(store.flavor_assets, id, "FLAVOR_ASSET_ID_NOT_FOUND")
    if content_resource["objectType"] != "KalturaUploadedFileTokenResource":
        raise ApiError("RESOURCE_TYPE_NOT_SUPPORTED", content_resource["objectType"])
    token = content.usable_token(account, str(content_resource.get("token") or ""))
    token = store.change(store.upload_tokens, token["id"], attachedObjectType="flavorAsset", attachedObjectId=id)
    if token["status"] == TokenStatus.FULL:
        await content.token_complete(account, token)
    else:
        store.change(store.flavor_assets, id, status=AssetStatus.IMPORTING)
    return store.flavor_assets.rows[id]


@action("flavorAsset.update", "id: str, flavorAsset: KalturaFlavorAsset", roles="U", owner="asset:id")
def flavor_asset_update(call: Call, id: str, flavor_asset: Record) -> Record:
    row = found(call.store.flavor_assets, id, "FLAVOR_ASSET_ID_NOT_FOUND")
    changes = updatable(call, flavor_asset, row)
    return call.store.change(call.store.flavor_assets, id, **changes, updatedAt=call.now)


@action("flavorAsset.delete", "id: str", owner="asset:id")
async def flavor_asset_delete(call: Call, id: str) -> None:
    flavor = found(call.store.flavor_assets, id, "FLAVOR_ASSET_ID_NOT_FOUND")
    await keep_picture(call, flavor)
    discard_asset(call.account, flavor)
    sync_flavors(call.account, flavor["entryId"])


@action("flavorAsset.convert", "entryId: str, flavorParamsId: int", owner="entry:entry_id")
def flavor_asset_convert(call: Call, entry_id: str, flavor_params_id: int) -> None:
    account, store = call.account, call.store
    entry = living_entry(call, entry_id)
    if flavor_params_id not in {row[0] for row in FLAVOR_PARAMS}:
        raise ApiError("FLAVOR_PARAMS_ID_NOT_FOUND", flavor_params_id)
    if entry["status"] not in _CONVERTIBLE:
        raise ApiError("INVALID_ENTRY_STATUS")
    original = flavors.original_of(account, entry_id)
    if original is None or original["status"] != AssetStatus.READY:
        raise ApiError("ORIGINAL_FLAVOR_ASSET_IS_MISSING")
    if flavor_params_id == flavors.SOURCE_PARAMS:
        # A source is only uploaded: kBusinessPreConvertDL::decideAddEntryFlavor notes that and does nothing.
        return
    flavor = flavors.flavor_for(account, entry_id, flavor_params_id)
    flavors.link_content(account, original["id"], flavor["id"])
    described = ("width", "height", "bitrate", "frameRate", "containerFormat", "videoCodecId", "size", "sizeInBytes")
    facts = {key: original.get(key) for key in described}
    version = flavors.next_version(int(flavor.get("version") or 0))
    store.change(store.flavor_assets, flavor["id"], **facts, version=version, status=AssetStatus.CONVERTING)
    # It is queued and converted like any other; an entry that is ready plays on meanwhile.
    is_ready = entry["status"] == EntryStatus.READY
    processing.begin(account, entry_id, EntryStatus.READY if is_ready else EntryStatus.PRECONVERT)


@action("flavorParams.get", "id: int")
def flavor_params_get(_call: Call, id: int) -> Record:
    for row in FLAVOR_PARAMS:
        if row[0] == id:
            return _params(row)
    raise ApiError("FLAVOR_PARAMS_ID_NOT_FOUND", id)


@action("conversionProfile.add", "conversionProfile: KalturaConversionProfile")
def conversion_profile_add(call: Call, conversion_profile: Record) -> Record:
    fields = insertable(call, conversion_profile, "name")
    store = call.store
    _check_params(fields)
    row = {
        "type": _MEDIA,
        "status": _ENABLED,
        "isDefault": _FALSE,
        "flavorParamsIds": "0",
        **fields,
        "id": store.next_number(store.conversion_profiles),
    }
    return store.put(store.conversion_profiles, stamped(call, row))


@action("conversionProfile.get", "id: int")
def conversion_profile_get(call: Call, id: int) -> Record:
    return found(call.store.conversion_profiles, id, "CONVERSION_PROFILE_ID_NOT_FOUND")


@action("conversionProfile.getDefault", "type: KalturaConversionProfileType = null")
def conversion_profile_get_default(call: Call, type: int | None) -> Record:
    for row in call.store.conversion_profiles:
        if row["type"] == (type or _MEDIA) and (row.get("isDefault") == _TRUE or row.get("isPartnerDefault")):
            return row
    raise ApiError("CONVERSION_PROFILE_ID_NOT_FOUND", "")


@action("conversionProfile.list", "filter: KalturaConversionProfileFilter = null, pager: pager = null")
def conversion_profile_list(call: Call, filter: Mapping[str, Any], pager: Mapping[str, Any]) -> Record:
    return listed(call, call.store.conversion_profiles, "KalturaConversionProfile", filter, pager)


@action("conversionProfile.update", "id: int, conversionProfile: KalturaConversionProfile")
def conversion_profile_update(call: Call, id: int, conversion_profile: Record) -> Record:
    row = found(call.store.conversion_profiles, id, "CONVERSION_PROFILE_ID_NOT_FOUND")
    changes = updatable(call, conversion_profile, row)
    _check_params(changes)
    return call.store.change(call.store.conversion_profiles, id, **changes)


@action("conversionProfile.delete", "id: int")
def conversion_profile_delete(call: Call, id: int) -> None:
    row = found(call.store.conversion_profiles, id, "CONVERSION_PROFILE_ID_NOT_FOUND")
    if row.get("isDefault") == _TRUE:
        raise ApiError("CANNOT_DELETE_DEFAULT_CONVERSION_PROFILE")
    call.store.bury(call.store.conversion_profiles, id, status=_DELETED)


def filter_ids(filter: Mapping[str, Any]) -> list[str]:
    """The entries a filter of assets names. Pure."""
    named = str(filter.get("entryIdEqual") or filter.get("entryIdIn") or "")
    return [each.strip() for each in named.split(",") if each.strip()]


def looked_at(call: Call, entry_id: str) -> None:
    """Asking for an entry's assets is a look at it."""
    entry = call.store.entries.get(entry_id)
    if entry is not None:
        processing.look(call.account, entry)


def _ready_flavor(call: Call, flavor_id: str) -> Record:
    flavor = found(call.store.flavor_assets, flavor_id, "FLAVOR_ASSET_ID_NOT_FOUND")
    if flavor["status"] != AssetStatus.READY:
        raise ApiError("FLAVOR_ASSET_IS_NOT_READY")
    return flavor


def _params(row: tuple[int, str, int, int, int]) -> Record:
    return {
        "objectType": "KalturaFlavorParams",
        "id": row[0],
        "partnerId": 0,
        "name": row[1],
        "width": row[2],
        "height": row[3],
        "videoBitrate": row[4],
        "format": "mp4",
        "tags": "source" if row[0] == 0 else "mobile,web,mbr",
        "isSystemDefault": _TRUE,
    }


def _check_params(fields: Record) -> None:
    known = {str(row[0]) for row in FLAVOR_PARAMS}
    for each in filter(None, (part.strip() for part in str(fields.get("flavorParamsIds") or "").split(","))):
        if each not in known:
            raise ApiError("FLAVOR_PARAMS_ID_NOT_FOUND", each)
