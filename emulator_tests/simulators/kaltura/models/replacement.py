"""Replacing an entry's content: the temporary entry, approval, and the moment the new content goes live.

Called by `content` to begin, by `processing` when a temporary entry is done, and by the media service. The old
content stays playable until the new one is ready.
"""

from __future__ import annotations

from emulator_tests.simulators.kaltura.errors import ApiError
from emulator_tests.simulators.kaltura.models.account import Account
from emulator_tests.simulators.kaltura.models.entry_state import (
    EntryStatus,
    ReplacementStatus,
    change_entry,
    default_moderation,
    delete_entry,
    discard_asset,
    discard_content,
    flavors_of,
    ready_params,
)
from emulator_tests.simulators.kaltura.models.flavors import next_version
from emulator_tests.simulators.kaltura.models.schema import Record

#: KalturaEntryDisplayInSearchType SYSTEM: temporary entries do not appear in lists.
HIDDEN = -1
#: KalturaSourceType KALTURA_RECORDED_LIVE: what a broadcast was recorded into.
RECORDED_LIVE = 36
_CARRIED = ("duration", "msDuration", "width", "height", "durationType", "mediaType", "sourceType")


def open_replacement(account: Account, entry: Record) -> Record:
    """Create the temporary entry that takes the new content.

    Raises:
        ApiError: FEATURE_FORBIDDEN or ENTRY_REPLACEMENT_ALREADY_EXISTS.
    """
    if not account.settings.entry_replacement:
        raise ApiError("FEATURE_FORBIDDEN", "FEATURE_ENTRY_REPLACEMENT")
    if entry.get("replacingEntryId"):
        raise ApiError("ENTRY_REPLACEMENT_ALREADY_EXISTS")
    now = int(account.clock.now())
    shared = (
        "objectType", "type", "mediaType", "sourceType", "partnerId", "userId", "creatorId", "conversionProfileId",
        "name",
    )  # fmt: skip
    temporary: Record = {key: entry.get(key) for key in shared}
    temporary |= {
        "id": account.store.new_entry_id(),
        "status": EntryStatus.NO_CONTENT,
        "createdAt": now,
        "updatedAt": now,
        "displayInSearch": HIDDEN,
        "replacedEntryId": entry["id"],
        "moderationStatus": default_moderation(account),
        "accessControlId": entry.get("accessControlId"),
        "_readiness": entry.get("_readiness"),
    }
    account.store.put(account.store.entries, temporary)
    # A recording goes on by itself, whatever the account wants of other entries.
    approval = account.settings.replacement_approval and entry.get("sourceType") != RECORDED_LIVE
    status = ReplacementStatus.NOT_READY_AND_NOT_APPROVED if approval else ReplacementStatus.APPROVED_BUT_NOT_READY
    change_entry(account, entry["id"], replacingEntryId=temporary["id"], replacementStatus=status)
    return temporary


def settle(account: Account, temporary: Record) -> None:
    """A temporary entry is done, well or badly: move its replacement on. Does nothing for any other entry."""
    original = account.store.entries.get(temporary.get("replacedEntryId") or "")
    if original is None or original.get("replacingEntryId") != temporary["id"]:
        return
    if temporary["status"] != EntryStatus.READY:
        change_entry(account, original["id"], replacementStatus=ReplacementStatus.FAILED)
    elif original["replacementStatus"] == ReplacementStatus.APPROVED_BUT_NOT_READY:
        _go_live(account, original, temporary)
    else:
        change_entry(account, original["id"], replacementStatus=ReplacementStatus.READY_BUT_NOT_APPROVED)


def approve(account: Account, entry: Record) -> Record:
    """Approve a replacement; it goes live now or when it is ready.

    Raises:
        ApiError: ENTRY_ID_NOT_REPLACED.
    """
    status = entry.get("replacementStatus")
    if status == ReplacementStatus.READY_BUT_NOT_APPROVED:
        _go_live(account, entry, account.store.entries.rows[entry["replacingEntryId"]])
    elif status == ReplacementStatus.NOT_READY_AND_NOT_APPROVED:
        change_entry(account, entry["id"], replacementStatus=ReplacementStatus.APPROVED_BUT_NOT_READY)
    elif status != ReplacementStatus.APPROVED_BUT_NOT_READY:
        raise ApiError("ENTRY_ID_NOT_REPLACED", entry["id"])
    return account.store.entries.rows[entry["id"]]


def cancel(account: Account, entry: Record) -> Record:
    """Give a replacement up; the temporary entry is deleted."""
    temporary_id = entry.get("replacingEntryId")
    cancelled = change_entry(account, entry["id"], replacingEntryId=None, replacementStatus=ReplacementStatus.NONE)
    if temporary_id and account.store.entries.rows[temporary_id]["status"] != EntryStatus.DELETED:
        delete_entry(account, temporary_id)
    return cancelled


def _go_live(account: Account, original: Record, temporary: Record) -> None:
    store = account.store
    _take_flavors(account, original["id"], temporary["id"])
    for asset in store.thumb_assets.where("entryId", original["id"]):
        discard_asset(account, asset)
    for asset in store.thumb_assets.where("entryId", temporary["id"]):
        store.change(store.thumb_assets, asset["id"], entryId=original["id"])
    image = store.files / f"{temporary['id']}.image"
    if image.exists():
        image.replace(store.files / f"{original['id']}.image")
    # The picture of the old content goes, kReplacementHelper::linkDefaultThumbToReplacingEntryThumb.
    (store.files / f"{original['id']}.thumb").unlink(missing_ok=True)
    change_entry(
        account,
        original["id"],
        replacingEntryId=None,
        replacementStatus=ReplacementStatus.NONE,
        status=EntryStatus.READY,
        version=int(original.get("version") or 0) + 1,
        flavorParamsIds=ready_params(account, original["id"]),
        **{key: temporary.get(key) for key in _CARRIED},
    )
    delete_entry(account, temporary["id"])


def _take_flavors(account: Account, original_id: str, temporary_id: str) -> None:
    """Give an entry the flavors of its temporary entry; one with the same params keeps its id and grows in version.

    Source: kaltura/server, kReplacementHelper::relinkReplacingEntryAssetsToReplacedEntryAssets, asset::linkFromAsset
    and asset::copyToEntry.
    """
    store = account.store
    flavors = store.flavor_assets
    old_by_params = {each["flavorParamsId"]: each for each in flavors_of(account, original_id)}
    for new in flavors_of(account, temporary_id):
        old = old_by_params.pop(new["flavorParamsId"], None)
        if old is None:
            version = next_version(int(new.get("version") or 0))
            store.change(flavors, new["id"], entryId=original_id, version=version)
            continue
        discard_content(account, old)
        (store.files / new["id"]).replace(store.files / old["id"])
        kept = {key: old[key] for key in ("id", "entryId", "createdAt")}
        version = next_version(int(old.get("version") or 0))
        store.put(flavors, {**new, **kept, "version": version, "updatedAt": int(account.clock.now())})
    for old in old_by_params.values():
        discard_asset(account, old)
