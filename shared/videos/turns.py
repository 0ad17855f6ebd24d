"""Whose turn it is: a teacher's videos are made one after the other, so that what is counted before one of them is
written is true when it is.

Called by `grant`, which also counts tokens there, and by the reconciliation of a video that has no place in its session
yet. `uploaders/{uid}` is written with the video, on condition that nobody has written it since it was read.
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
    A place among the videos of a session, and the turn in which it is free.

    Attributes:
        order: The place.
        turn: The write that takes the turn.
    """

    order: int
    turn: Write


def take_turn(uid: str, turns: Document | None, **counts: int) -> Write:
    """
    Return the write that takes a teacher's turn; it fails where somebody has taken it since. Pure.

    Args:
        uid: The teacher.
        turns: What was read at `uploaders/{uid}`.
        counts: What is counted besides.
    """
    if turns is None:
        return Create(uploader_path(uid), {"turn": 1, "minute": 0, "issued": 0, **counts})
    # A document of an earlier release has no turns. One that does not change keeps its version, so they are counted.
    turn = turns.fields.get("turn", 0) + 1
    return Update(uploader_path(uid), {"turn": turn, **counts}, if_version=turns.version)


def next_order(documents: Documents, session: SessionIdentity) -> int:
    """
    Return the place after the last of the videos that a session has. A video that is gone leaves a gap, unless it was
    the last.

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
    The videos of a session that are not gone; those of an earlier session with the same id are not its own.
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
