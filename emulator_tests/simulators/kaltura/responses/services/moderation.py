"""media and baseEntry: moderation, and the flags that viewers raise.

The rules are those of kaltura/server, KalturaEntryService: what is rejected or pending is left out of lists, and played
only by its owner, ADMIN sessions and those with `sview`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from emulator_tests.simulators.kaltura.errors import ApiError
from emulator_tests.simulators.kaltura.models.account import Call
from emulator_tests.simulators.kaltura.models.entry_state import EntryStatus, Moderation, change_entry
from emulator_tests.simulators.kaltura.models.filters import page_of
from emulator_tests.simulators.kaltura.models.schema import Record
from emulator_tests.simulators.kaltura.responses.actions import action
from emulator_tests.simulators.kaltura.responses.services.entries import living_entry
from emulator_tests.simulators.kaltura.responses.services.rows import insertable, list_response, stamped

_MAY_BE_FLAGGED = (Moderation.APPROVED, Moderation.AUTO_APPROVED, Moderation.FLAGGED)
_OF_ENTRIES = "2"
_FLAG_PENDING, _FLAG_MODERATED = 1, 2


@action("media.approve", "entryId: str")
@action("baseEntry.approve", "entryId: str")
def approve(call: Call, entry_id: str) -> None:
    _decide(call, entry_id, Moderation.APPROVED)


@action("media.reject", "entryId: str")
@action("baseEntry.reject", "entryId: str")
def reject(call: Call, entry_id: str) -> None:
    _decide(call, entry_id, Moderation.REJECTED)


@action("media.flag", "moderationFlag: KalturaModerationFlag", roles="OUW")
@action("baseEntry.flag", "moderationFlag: KalturaModerationFlag", roles="OUPW")
def flag(call: Call, moderation_flag: Record) -> Record:
    # Whoever knows an entry's id may flag it, without a KS too: KalturaEntryService::flagEntry asks nobody.
    fields = insertable(call, moderation_flag, "flaggedEntryId")
    entry_id, store = str(fields["flaggedEntryId"]), call.store
    entry = store.entries.get(entry_id)
    if entry is None or entry["status"] == EntryStatus.DELETED:
        raise ApiError("ENTRY_ID_NOT_FOUND", entry_id)
    if entry.get("moderationStatus") not in _MAY_BE_FLAGGED:
        raise ApiError("ENTRY_CANNOT_BE_FLAGGED")
    count = int(entry.get("moderationCount") or 0) + 1
    change_entry(call.account, entry_id, moderationStatus=Moderation.FLAGGED, moderationCount=count)
    row = {
        **fields,
        "id": store.next_number(store.moderation_flags),
        "userId": call.user_id,
        "moderationObjectType": _OF_ENTRIES,
        "status": _FLAG_PENDING,
    }
    return store.put(store.moderation_flags, stamped(call, row))


@action("media.listFlags", "entryId: str, pager: pager = null")
@action("baseEntry.listFlags", "entryId: str, pager: pager = null")
def list_flags(call: Call, entry_id: str, pager: Mapping[str, Any]) -> Record:
    flags = call.store.moderation_flags.where("flaggedEntryId", entry_id)
    pending = [each for each in flags if each["status"] == _FLAG_PENDING]
    offset, size = page_of(pager)
    return list_response("KalturaModerationFlag", pending[offset : offset + size], len(pending))


def _decide(call: Call, entry_id: str, status: Moderation) -> None:
    change_entry(call.account, living_entry(call, entry_id)["id"], moderationStatus=status, moderationCount=0)
    for each in call.store.moderation_flags.where("flaggedEntryId", entry_id):
        call.store.change(call.store.moderation_flags, each["id"], status=_FLAG_MODERATED)
