"""The snapshot of an entry: its record, its wish, and what the document of its video says.

Called by the Controller of this folder, the commands and the policy.
"""

from __future__ import annotations

from typing import Any, Final

from shared.archive.decide import ArchiveSpec
from shared.archive.model import ArchivedEntry, ArchiveState, By, Target, Wish
from shared.core.identity import SessionIdentity
from shared.hosts.model import CopyState
from shared.ports import ENTRY_PART, Document, Fields
from shared.reconcile import AT_ONCE, Snapshot
from shared.reconcile.epoch import Holds, nothing_is_held

NO_WISH: Final = Wish(Target.NONE, By.OPERATOR, AT_ONCE, number=0)
"""The wish for an entry of which nothing is recorded."""


def snapshot_of(
    document: Document, video: Document | None, holds: Holds = nothing_is_held
) -> Snapshot[ArchiveSpec, ArchivedEntry]:
    """
    Return the snapshot of a record and its video, as read.

    Args:
        document: The record.
        video: The document of its video; `None` if there is none.
        holds: Tells whether deletions are held. Asked only if it matters: in a copy of the database, a deleted video
            must not cost the true one its original, and a wish must not put a placeholder in its place.
    """
    record = ArchivedEntry.from_document(document)
    wish = Wish.from_fields(document.fields["wish"])
    if _is_archiving(record, wish) and holds():
        return Snapshot(document.id, ArchiveSpec(wish, record.session, is_waiting=True), record, document.version)
    if not record.video_id:
        return Snapshot(document.id, ArchiveSpec(wish), record, document.version)
    if video is None:
        spec = ArchiveSpec(wish, record.session, is_deleted=not holds(), is_waiting=holds())
        return Snapshot(document.id, spec, record, document.version)
    fields = video.fields
    is_deleted = fields["gone"] or entry_of(video) != document.id
    is_held = is_deleted and holds()
    spec = ArchiveSpec(
        wish,
        SessionIdentity.from_fields(fields["sessionId"], fields),
        is_deleted=is_deleted and not is_held,
        is_waiting=is_held,
        is_kept=bool(fields["wish"].get("keep")),
        is_copying=any(one["state"] == CopyState.COPYING for one in (fields.get("hosts") or {}).values()),
        view=view_of(fields, document.id),
        has_view=not is_held,
    )
    return Snapshot(document.id, spec, record, document.version)


def _is_archiving(record: ArchivedEntry, wish: Wish) -> bool:
    """
    Tell whether something is still to be done that stores an original, or takes it away at its provider. Bringing one
    back is neither. Pure.
    """
    is_new = record.state in (ArchiveState.INITIAL, ArchiveState.STORING)
    return wish.number != record.served and (
        wish.target is Target.PLACE_HOLDER or (is_new and wish.target is Target.ARCHIVED)
    )


def view_of(fields: Fields, entry_id: str) -> dict[str, Any] | None:
    """
    Return what a video's document shows of the archiving of one entry. Pure.
    """
    view: dict[str, Any] | None = fields.get("archive")
    return view if view is not None and view["entryId"] == entry_id else None


def entry_of(video: Document) -> str | None:
    """
    Return the entry that a video plays now; `None` if it plays none, or at another provider. Pure.
    """
    playable = video.fields["playable"]
    return None if playable is None or video.fields["gone"] else playable["parts"].get(ENTRY_PART)
