"""Turns: a teacher's videos are created one after the other, so that the counts that were read before one is written
are still true when it is.

Called by `upload_tokens`, which also counts tokens there, and by the reconciliation of a video that has no place in its
session yet. `uploaders/{uid}` is written together with the video, on condition that it is unchanged since it was read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from shared.core.identity import Belonging, SessionIdentity
from shared.core.paths import VIDEOS, uploader_path
from shared.ports import Condition, Create, Document, Documents, Operator, Query, Update, Write


@dataclass(frozen=True, slots=True)
class Place:
    """
    A free place among the videos of a session, and the turn in which it is free.

    Attributes:
        order: The place.
        turn: The write that takes the turn.
    """

    order: int
    turn: Write


def take_turn(uid: str, turns: Document | None, **counts: int) -> Write:
    """
    Return the write that takes a teacher's turn; it fails if the turn was taken since. Pure.

    Args:
        uid: The teacher.
        turns: The document `uploaders/{uid}` as it was read.
        counts: Other counts to write.
    """
    if turns is None:
        return Create(uploader_path(uid), {"turn": 1, "minute": 0, "issued": 0, **counts})
    # A document of an earlier release has no turns. Turns are counted because a write without changes keeps the
    # version.
    turn = turns.fields.get("turn", 0) + 1
    return Update(uploader_path(uid), {"turn": turn, **counts}, if_version=turns.version)


def next_order(documents: Documents, session: SessionIdentity) -> int:
    """
    Return the place after the last of a session's videos. A deleted video leaves a gap, unless it was the last.

    Raises:
        Transient: The documents could not be reached (again).
    """
    orders = (video.fields["order"] or 0 for video in _videos_of(documents, session))
    return 1 + max(orders, default=0)


def free_place(documents: Documents, session: SessionIdentity) -> Place:
    """
    Return the next place in a session, to be taken with the turn of its teacher.

    Raises:
        Transient: The documents could not be reached (again).
    """
    (turns,) = documents.read(uploader_path(session.owner_uid))
    return Place(next_order(documents, session), take_turn(session.owner_uid, turns))


def _videos_of(documents: Documents, session: SessionIdentity) -> Iterator[Document]:
    """
    Yield the videos of a session that are not gone, without those of an earlier session with the same id.
    """
    conditions = (
        Condition("sessionId", Operator.EQUAL, session.session_id),
        Condition("gone", Operator.EQUAL, False),
    )
    after_id: str | None = None
    while True:
        query = Query(VIDEOS, conditions, after_id=after_id)
        page = documents.select(query)
        for video in page:
            recorded = SessionIdentity.from_fields(session.session_id, video.fields)
            if recorded.belonging(session) is not Belonging.OTHER:
                yield video
        if len(page) < query.limit:
            return
        after_id = page[-1].id
