"""baseEntry.getPlaybackContext: what a player may play of an entry, and from where.

The rules are those of kaltura/server, BaseEntryService::getPlaybackContextAction and kPlaybackContextDataHelper: what
an access control profile blocks is answered all the same, without sources and flavors.
"""

from __future__ import annotations

from emulator_tests.simulators.kaltura.errors import ServeError
from emulator_tests.simulators.kaltura.models.account import Call
from emulator_tests.simulators.kaltura.models.entry_state import AssetStatus, EntryType, flavors_of
from emulator_tests.simulators.kaltura.models.schema import Record
from emulator_tests.simulators.kaltura.responses import access_rules
from emulator_tests.simulators.kaltura.responses.actions import action
from emulator_tests.simulators.kaltura.responses.services.entries import living_entry
from emulator_tests.simulators.kaltura.responses.services.rows import found

_PROTOCOLS = "http,https"
#: The delivery profiles of the account: their ids and formats, KalturaPlaybackProtocol; as far as they can be played.
_DELIVERIES = ((1, "applehttp"), (2, "url"))
_LIVE_DELIVERIES = ((1, "applehttp"),)
#: RuleRestrictions: the code and the text that a player is told outside an entry's time.
_SCHEDULED = ("SCHEDULED_RESTRICTED", "Out of scheduling\nWe're sorry, this content is currently unavailable.")


@action(
    "baseEntry.getPlaybackContext",
    "entryId: str, contextDataParams: KalturaPlaybackContextOptions",
    roles="UPW",
)
def get_playback_context(call: Call, entry_id: str, context_data_params: Record) -> Record:
    entry = living_entry(call, entry_id)
    if asset_id := context_data_params.get("flavorAssetId"):
        found(call.store.flavor_assets, asset_id, "FLAVOR_ASSET_ID_NOT_FOUND")
    visitor = access_rules.Visitor(
        ks="",
        remote_address=call.remote_address,
        referrer=str(context_data_params.get("referrer") or ""),
        user_agent=str(context_data_params.get("userAgent") or ""),
        raw_uri=call.raw_uri,
    )
    rules = access_rules.fulfilled_rules(call.account, entry, call.session, visitor, access_rules.Context.PLAY)
    actions = [each for rule in rules for each in rule.get("actions") or []]
    messages = [_message(rule.get("code"), rule["message"]) for rule in rules if rule.get("message")]
    in_time = _is_in_time(call, entry)
    if not in_time:
        messages.append(_message(*_SCHEDULED))
    answer: Record = {
        "objectType": "KalturaPlaybackContext",
        "actions": actions,
        "messages": messages,
    }
    is_widget = call.session is not None and call.session.is_widget
    if access_rules.blocks(actions) or (is_widget and not in_time):
        return answer
    return {**answer, **_offers(call, entry, context_data_params), "playbackCaptions": [], "bumperData": []}


def _message(code: object, text: object) -> Record:
    return {"objectType": "KalturaAccessControlMessage", "message": text, "code": code}


def _is_in_time(call: Call, entry: Record) -> bool:
    try:
        access_rules.check_schedule(call.account, entry)
    except ServeError:
        session = call.session
        return session is not None and not session.is_widget and access_rules.views(call.account, session, entry["id"])
    return True


def _offers(call: Call, entry: Record, asked: Record) -> Record:
    """The sources a player can choose from, and the flavors in them."""
    wanted = [each for each in str(asked.get("streamerType") or "").split(",") if each]
    is_live = entry["type"] == EntryType.LIVE_STREAM
    ready = [each for each in flavors_of(call.account, entry["id"]) if each["status"] == AssetStatus.READY]
    flavors = [each for each in ready if not each["isOriginal"]] or ready
    sources = [
        _source(call, entry, number, kind, flavors)
        for number, kind in (_LIVE_DELIVERIES if is_live else _DELIVERIES)
        if (is_live or flavors) and (not wanted or kind in wanted)
    ]
    return {"sources": sources, "flavorAssets": flavors if sources else []}


def _source(call: Call, entry: Record, number: int, kind: str, flavors: list[Record]) -> Record:
    """One source; its address carries no KS, players put theirs there, myEntryUtils::buildManifestUrl."""
    partner_id = call.account.partner_id
    flavor_ids = ",".join(str(each["id"]) for each in flavors)
    place = f"{call.base_url}/p/{partner_id}/sp/{partner_id}00/playManifest/entryId/{entry['id']}"
    if flavor_ids:
        place += f"/flavorIds/{flavor_ids}"
    ending = "applehttp/a.m3u8" if kind == "applehttp" else "url/a.mp4"
    return {
        "objectType": "KalturaPlaybackSource",
        "deliveryProfileId": str(number),
        "format": kind,
        "protocols": _PROTOCOLS,
        "flavorIds": flavor_ids,
        "url": f"{place}/deliveryProfileId/{number}/protocol/https/format/{ending}",
        "drm": [],
    }
