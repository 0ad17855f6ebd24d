"""Require that a new owner has room for the videos of a session: a transfer neither exceeds quotas nor uses up those of
somebody else.

Called by `transfer_session` for owners; an administrator may transfer what there is no room for.
"""

from __future__ import annotations

from collections.abc import Iterator

from shared.core.errors import TooMany
from shared.core.paths import TRANSFERS, VIDEOS, uploader_path
from shared.ports import Document, Documents, Query, Write
from shared.transfers.model import Transfer, TransferState
from shared.videos.model import OPEN
from shared.videos.policy import Policy
from shared.videos.quotas import ALIVE, in_session, open_uploads, owned_by, videos_that
from shared.videos.turns import take_turn


def room_for(session_id: str, uid: str, documents: Documents, policy: Policy) -> tuple[Write, ...]:
    """
    Require that somebody may have the videos of a session beside their own.

    Args:
        session_id: Of the session.
        uid: Of the new owner.
        documents: Where everything is recorded.
        policy: Their quotas.

    Returns:
        The writes that go with the transfer: they fail where the new owner has uploaded, or was given, something since.

    Raises:
        TooMany: There is no room (once there is).
        Transient: The documents could not be reached (again).
    """
    (turns,) = documents.read(uploader_path(uid))
    coming = list(_coming(session_id, uid, documents))
    if not coming:
        return ()
    have = videos_that(owned_by(uid), documents)
    coming_bytes = sum(int(one.fields["bytes"]) for one in coming)
    if have.count + len(coming) > policy.teacher_videos_max or have.sum + coming_bytes > policy.teacher_bytes_max:
        raise TooMany(
            "The new owner has no room for the videos of this session. Ask them to delete some, or an administrator to "
            "transfer it.",
            reason="QUOTA_USED_UP",
        )
    coming_open = sum(one.fields["state"] in OPEN for one in coming)
    most = policy.uploads_in_flight_max
    if coming_open and open_uploads(uid, documents, most) + coming_open >= most:
        # One is left to them.
        raise TooMany(
            "The new owner would have too many uploads open. Finish or cancel those of this session first.",
            reason="UPLOADS_OPEN_TOO_MANY",
        )
    return (take_turn(uid, turns),)


def _coming(session_id: str, uid: str, documents: Documents) -> Iterator[Document]:
    """
    The videos of the session, and of those that are being transferred to the same owner, which do not name them yet.
    """
    to_them = Query(TRANSFERS, (owned_by(uid),))
    moving = (Transfer.from_document(one) for one in documents.select(to_them))
    session_ids = {one.session.session_id for one in moving if one.state is TransferState.MOVING}
    for one in sorted({session_id, *session_ids}):
        for video in documents.select(Query(VIDEOS, (in_session(one), ALIVE))):
            if video.fields["ownerUid"] != uid:
                yield video
