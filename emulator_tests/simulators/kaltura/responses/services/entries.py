"""media and baseEntry: entries from creation to deletion, and how they are listed and shown.

The rules are those of kaltura/server, KalturaEntryService, MediaService and BaseEntryService.
"""

from __future__ import annotations

from typing import Any

from emulator_tests.simulators.kaltura.errors import ApiError
from emulator_tests.simulators.kaltura.models import entitlement, processing
from emulator_tests.simulators.kaltura.models.account import Call
from emulator_tests.simulators.kaltura.models.broadcast import check_deletion
from emulator_tests.simulators.kaltura.models.entry_state import (
    NEW_ENTRY,
    EntryStatus,
    EntryType,
    change_entry,
    default_moderation,
    delete_entry,
)
from emulator_tests.simulators.kaltura.models.schema import SCHEMA, Record, cut_bytes
from emulator_tests.simulators.kaltura.models.table import split_words
from emulator_tests.simulators.kaltura.responses import access_rules, permissions
from emulator_tests.simulators.kaltura.responses.actions import action
from emulator_tests.simulators.kaltura.responses.services import categories
from emulator_tests.simulators.kaltura.responses.services.rows import ensure_user, found, insertable, stamped, updatable

_TAG_MIN_BYTES, _TAG_MAX_BYTES = 2, 100
#: The types that KalturaMediaEntryFilter and media.get know: a clip, a live stream, a live channel.
MEDIA_TYPES = (EntryType.MEDIA_CLIP, EntryType.LIVE_STREAM, 8)
#: What needs CONTENT_MANAGE_BASE to be read, KalturaLiveStreamEntry.
_KEYS = ("streamPassword", "streamUsername", "encodingIP1", "encodingIP2")
_ADDRESSES = (
    "primaryBroadcastingUrl", "secondaryBroadcastingUrl", "primarySecuredBroadcastingUrl",
    "secondarySecuredBroadcastingUrl", "primaryRtspBroadcastingUrl", "secondaryRtspBroadcastingUrl",
    "primarySrtBroadcastingUrl", "primarySrtStreamId", "secondarySrtBroadcastingUrl", "secondarySrtStreamId", "srtPass",
)  # fmt: skip


def living_entry(call: Call, entry_id: str, *entry_types: int) -> Record:
    """An entry that exists, of one of some types if any are asked for.

    Raises:
        ApiError: ENTRY_ID_NOT_FOUND; deleted, hidden and of another type look the same.
    """
    entry = call.store.entries.get(entry_id)
    if entry is None or entry["status"] == EntryStatus.DELETED or not may_see(call, entry):
        raise ApiError("ENTRY_ID_NOT_FOUND", entry_id)
    if entry_types and entry["type"] not in entry_types:
        raise ApiError("ENTRY_ID_NOT_FOUND", entry_id)
    return entry


def may_see(call: Call, entry: Record) -> bool:
    """Tell whether an account's features let the caller learn of an entry at all, entryPeer::filterSelectResults."""
    return entitlement.may_see(call, entry) and access_rules.may_see(call, entry)


def got(call: Call, entry: Record) -> Record:
    """An entry as an action that gets one answers: an ADMIN session gets live entries by another name.

    Source: kaltura/server, KalturaEntryService::getEntry and KalturaEntryFactory::getInstanceByType.
    """
    answer = shown(call, entry)
    if call.is_admin and answer["objectType"] == "KalturaLiveStreamEntry":
        answer["objectType"] = "KalturaLiveStreamAdminEntry"
    return answer


def shown(call: Call, entry: Record) -> Record:
    """An entry as an answer carries it, with its addresses and without what the caller may not know of it."""
    partner_id, entry_id = call.account.partner_id, entry["id"]
    root = f"{call.base_url}/p/{partner_id}/sp/{partner_id}00"
    urls: Record = {
        "thumbnailUrl": f"{root}/thumbnail/entry_id/{entry_id}/version/{entry.get('version') or 0}",
        "downloadUrl": f"{root}/playManifest/entryId/{entry_id}/format/download/protocol/http",
    }
    if entry["type"] == EntryType.MEDIA_CLIP:
        urls["dataUrl"] = f"{root}/playManifest/entryId/{entry_id}/format/url/protocol/http"
    hidden = _hidden(call, entry) if entry["type"] == EntryType.LIVE_STREAM else ()
    return {key: value for key, value in {**entry, **urls}.items() if key not in hidden}


def _hidden(call: Call, live_entry: Record) -> tuple[str, ...]:
    """Return the fields to hide: from USER sessions the key, from strangers the addresses too."""
    if call.is_admin:
        return ()
    return _KEYS if permissions.may_edit(call, live_entry) else (*_KEYS, *_ADDRESSES)


def create_entry(call: Call, sent: Record, defaults: Record, *required: str) -> Record:
    """Create an entry from what was sent.

    Args:
        call: The call.
        sent: The entry as it came.
        defaults: What the service sets unless it was sent.
        required: Properties that must not be missing.

    Raises:
        ApiError: A property may not be set so, or another user's id was given by a plain session.
    """
    fields = insertable(call, sent, *required, admin_tags=_may_set_admin_tags(call))
    owner = str(fields.get("userId") or call.user_id).strip()
    if owner.lower() != call.user_id.lower() and not call.is_admin and not call.grants("edituser", owner):
        raise permissions.invalid_type()
    _check_dates(fields)
    _check_access_control(call, fields)
    ensure_user(call, owner)
    store = call.store
    entry_id = store.new_entry_id()
    _normalise_tags(fields)
    named_categories = fields.pop("categories", None)
    named_ids = fields.pop("categoriesIds", None)
    row = stamped(
        call,
        {
            **NEW_ENTRY,
            "moderationStatus": default_moderation(call.account),
            "moderationCount": int(call.account.settings.moderation),
            "accessControlId": _default_id(call.store.access_controls),
            "conversionProfileId": _default_id(call.store.conversion_profiles),
            **defaults,
            **fields,
            "id": entry_id,
            "rootEntryId": entry_id,
            "userId": owner,
            "creatorId": fields.get("creatorId") or owner,
        },
    )
    entry = store.put(store.entries, row)
    return categories.assign_named(call, entry, named_categories, named_ids)


@action("media.add", "entry: KalturaMediaEntry", roles="U")
def media_add(call: Call, entry: Record) -> Record:
    return shown(call, create_entry(call, entry, {"sourceType": 1}, "mediaType"))


@action("baseEntry.add", "entry: KalturaBaseEntry, type: KalturaEntryType = null", roles="U")
def base_entry_add(call: Call, entry: Record, type: int | None) -> Record:
    if type not in (None, EntryType.AUTOMATIC):
        entry = {**entry, "type": type}
    # What is not said to be a media entry has no type until its content comes, BaseEntryService::addAction.
    is_media = SCHEMA.is_a(entry["objectType"], "KalturaMediaEntry")
    entry_type = entry.get("type") or (EntryType.MEDIA_CLIP if is_media else EntryType.AUTOMATIC)
    if entry_type not in (EntryType.AUTOMATIC, EntryType.MEDIA_CLIP):
        raise ApiError("ENTRY_TYPE_NOT_SUPPORTED", entry_type)
    return shown(call, create_entry(call, {**entry, "type": entry_type}, {"mediaType": None}))


@action("media.get", "entryId: str", roles="UW")
def media_get(call: Call, entry_id: str) -> Record:
    return got(call, processing.look(call.account, living_entry(call, entry_id, *MEDIA_TYPES)))


@action("baseEntry.get", "entryId: str", roles="UPW")
def base_entry_get(call: Call, entry_id: str) -> Record:
    return got(call, processing.look(call.account, living_entry(call, entry_id)))


@action("baseEntry.getByIds", "entryIds: str", roles="UPW")
def base_entry_get_by_ids(call: Call, entry_ids: str) -> list[Record]:
    rows = (call.store.entries.get(each.strip()) for each in entry_ids.split(","))
    living = [row for row in rows if row is not None and row["status"] != EntryStatus.DELETED and may_see(call, row)]
    return [got(call, processing.look(call.account, row)) for row in living]


@action("media.update", "entryId: str, mediaEntry: KalturaMediaEntry", roles="U", owner="entry:entry_id")
def media_update(call: Call, entry_id: str, media_entry: Record) -> Record:
    return update_entry(call, living_entry(call, entry_id, EntryType.MEDIA_CLIP), media_entry)


@action("baseEntry.update", "entryId: str, baseEntry: KalturaBaseEntry", roles="U", owner="entry:entry_id")
def base_entry_update(call: Call, entry_id: str, base_entry: Record) -> Record:
    return update_entry(call, living_entry(call, entry_id), base_entry)


def update_entry(call: Call, entry: Record, sent: Record) -> Record:
    """Change an entry's properties.

    Raises:
        ApiError: A property may not be changed so.
    """
    changes = updatable(call, sent, entry, admin_tags=_may_set_admin_tags(call))
    owner = changes.get("userId")
    if owner is not None:
        same = str(owner).lower() == str(entry["userId"]).lower()
        if not same and not call.is_admin and not call.grants("edituser", str(owner)):
            raise permissions.invalid_type()
        ensure_user(call, str(owner))
    _check_dates({**entry, **changes})
    _check_access_control(call, changes)
    _normalise_tags(changes)
    named_categories = changes.pop("categories", None)
    named_ids = changes.pop("categoriesIds", None)
    changed = change_entry(call.account, entry["id"], **changes)
    return shown(call, categories.assign_named(call, changed, named_categories, named_ids))


@action("media.delete", "entryId: str", roles="U", owner="entry:entry_id")
def media_delete(call: Call, entry_id: str) -> None:
    entry = living_entry(call, entry_id, EntryType.MEDIA_CLIP)
    check_deletion(call.account, entry)
    delete_entry(call.account, entry["id"])


@action("baseEntry.delete", "entryId: str", roles="U", owner="entry:entry_id")
def base_entry_delete(call: Call, entry_id: str) -> None:
    entry = living_entry(call, entry_id)
    check_deletion(call.account, entry)
    delete_entry(call.account, entry["id"])


def _normalise_tags(fields: Record) -> None:
    """Bring an entry's tags into the form they are kept in, ktagword::tagsListFromParagraph and fixAdminTags."""
    if fields.get("tags") is not None:
        words = (word.strip().lower() for word in str(fields["tags"]).split(","))
        kept = (cut_bytes(word, _TAG_MAX_BYTES) for word in words if len(word.encode()) >= _TAG_MIN_BYTES)
        fields["tags"] = ", ".join(dict.fromkeys(kept))
    if fields.get("adminTags") is not None:
        fields["adminTags"] = ",".join(dict.fromkeys(split_words(fields["adminTags"])))


def _may_set_admin_tags(call: Call) -> bool:
    return call.session is not None and call.session.grants("editadmintags", "*")


def _default_id(table: Any) -> int | None:
    return next((row["id"] for row in table if row.get("isDefault") == 1), None)


def _check_access_control(call: Call, fields: Record) -> None:
    profile_id = fields.get("accessControlId")
    if profile_id is not None:
        found(call.store.access_controls, profile_id, "ACCESS_CONTROL_ID_NOT_FOUND")


def _check_dates(fields: Record) -> None:
    start, end = fields.get("startDate"), fields.get("endDate")
    if start is not None and end is not None and end < start:
        raise ApiError("INVALID_ENTRY_SCHEDULE_DATES")
