"""The quota check of a transfer: the new owner must have room for the session's videos.

A transfer must neither exceed the new owner's quotas nor be a way to use up the quotas of others. Called by
`transfer_session` for owners; an administrator may transfer a session without this check.
"""

from __future__ import annotations

from collections.abc import Iterator

from shared.core.errors import TooMany
from shared.core.paths import TRANSFERS, VIDEOS, uploader_path
from shared.ports import Document, Documents, Query, Write
from shared.transfers.model import Transfer, TransferState
from shared.videos.model import OPEN
from shared.videos.quotas import ALIVE, in_session, open_uploads, owned_by, videos_that
from shared.videos.settings import Policy
from shared.videos.turns import take_turn


def room_for(session_id: str, uid: str, documents: Documents, policy: Policy) -> tuple[Write, ...]:
    """
    Require that the new owner's quotas allow the videos of a session besides their own.

    Args:
        session_id: The id of the session.
        uid: The new owner.
        documents: Where everything is stored.
        policy: The quotas.

    Returns:
        The writes to commit with the transfer. They fail if the new owner has begun an upload, or got another session,
        since.

    Raises:
        TooMany: There is no room (again, once there is).
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
        # The limit itself must not be reached: the new owner can then still begin one upload.
        raise TooMany(
            "The new owner would have too many uploads open. Finish or cancel those of this session first.",
            reason="UPLOADS_OPEN_TOO_MANY",
        )
    return (take_turn(uid, turns),)


def _coming(session_id: str, uid: str, documents: Documents) -> Iterator[Document]:
    """
    Return the videos that do not name the new owner yet: those of the session, and of other sessions that are being
    transferred to them.
    """
    to_them = Query(TRANSFERS, (owned_by(uid),))
    moving = (Transfer.from_document(one) for one in documents.select(to_them))
    session_ids = {one.session.session_id for one in moving if one.state is TransferState.MOVING}
    for one in sorted({session_id, *session_ids}):
        for video in documents.select(Query(VIDEOS, (in_session(one), ALIVE))):
            if video.fields["ownerUid"] != uid:
                yield video
