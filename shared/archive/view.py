"""The view that clients have of a video's archiving: the field `archive` of its document.

Called by the reconciliations of archiving. The reconciliations of videos show it in the session too.
"""

from __future__ import annotations

from typing import Any

from shared.archive.model import COMING_BACK, HELD, ArchivedEntry, ArchiveState, Target, Wish

_SHOWN_AS_ARCHIVED = (ArchiveState.STORED, ArchiveState.ARCHIVED, ArchiveState.REPLACING)


def shown(entry_id: str, record: ArchivedEntry, wish: Wish, *, is_kept: bool) -> dict[str, Any] | None:
    """
    Return what a video's document should show; `None` for nothing. Pure.

    Returns:
        `entryId`; `isKept`: whether the owner keeps it out of the archive; `state`: `initial`, `archived`,
        `place_holder`, or `restoring`; `archivesAt`: when the original will be taken away, unless the owner keeps it;
        `availableAt`: when it can be expected back, as far as that is known.
    """
    is_planned = wish.target is Target.PLACE_HOLDER and wish.number != record.served and not is_kept
    if record.state is ArchiveState.GONE or record.state is ArchiveState.LOST:
        return None
    if record.state in HELD:
        state = ArchiveState.PLACE_HOLDER.value
    elif record.state in COMING_BACK:
        state = "restoring"
    else:
        state = (ArchiveState.ARCHIVED if record.state in _SHOWN_AS_ARCHIVED else ArchiveState.INITIAL).value
    return {
        "entryId": entry_id,
        "isKept": is_kept,
        "state": state,
        "archivesAt": wish.not_before if is_planned and record.state not in HELD else None,
        "availableAt": record.due_at,
    }
