"""Counts of a teacher's videos and open uploads, as quotas count them.

Called by `upload_tokens.py` before an upload begins, and by `shared/transfers/room.py` before a session gets another
owner. Both compare the counts with their limits, and write on condition that the owner's turn was not taken meanwhile
(`turns.py`).
"""

from __future__ import annotations

from shared.core.paths import VIDEOS
from shared.ports import Condition, Documents, Operator, Query, Total
from shared.videos.model import OPEN

ALIVE = Condition("gone", Operator.EQUAL, False)
"""The condition for a video that counts, whether it plays or not."""


def owned_by(uid: str) -> Condition:
    """
    Return the condition that a video has this owner. Pure.
    """
    return Condition("ownerUid", Operator.EQUAL, uid)


def in_session(session_id: str) -> Condition:
    """
    Return the condition that a video belongs to this session. Pure.
    """
    return Condition("sessionId", Operator.EQUAL, session_id)


def videos_that(condition: Condition, documents: Documents) -> Total:
    """
    Count the videos that meet a condition, and add up their bytes.

    Raises:
        Transient: The documents could not be reached (again).
    """
    return documents.total(Query(VIDEOS, (condition, ALIVE)), "bytes")


def open_uploads(uid: str, documents: Documents, most: int) -> int:
    """
    Count an owner's uploads that still wait for bytes, up to `most`.

    Raises:
        Transient: The documents could not be reached (again).
    """
    is_open = Condition("state", Operator.IN, [state.value for state in OPEN])
    return len(documents.select(Query(VIDEOS, (owned_by(uid), is_open), limit=most)))
