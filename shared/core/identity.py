"""Which session a thing belongs to: the session's id, its owner and its incarnation.

Called by the models of everything that belongs to a session (`kalturaSession`, videos, copies, deletions) and by
`shared/sessions/access.py` for enrolments. An id alone says too little: a session that was deleted and one that
somebody creates under the same id afterwards share it. The mark of an incarnation is the session's `createdAt`: the
rules demand it, nobody may change it, and it survives export, import and restore. A session that the app's own back end
wrote without one, or with one that is later than the document, is known by the time at which Firestore created its
document; that time is written into it before anything is made for it.

Only a transfer (`shared/transfers/`) gives a session another owner. While it runs the session names its former owners,
and what still names one of them belongs to it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final, Self

from shared.core.references import is_session_id

ROUNDING: Final = timedelta(milliseconds=50)
"""A server timestamp has whole milliseconds and Firestore's own creation time has not: where a back end overwrote a
session without its mark, the two differ by so much at most."""

STAMP_DIGITS: Final = 16
"""Of the digest in a stamp: it proves against mistakes, not against whoever administers the account."""


TOMBSTONE_S: Final = 30 * 24 * 3600
"""A tombstone, the record of what is gone, is kept so long for those who come late."""


class Belonging(StrEnum):
    """
    How a thing stands to the session that has its id now.

    `SAME`: it belongs to it. `OTHER`: it belongs to an earlier session, which was deleted. `OWNER_CHANGED`: the
    session has another owner than the thing, and nobody transferred it: the thing waits until somebody does.
    """

    SAME = "same"
    OTHER = "other"
    OWNER_CHANGED = "ownerChanged"


@dataclass(frozen=True, slots=True)
class SessionIdentity:
    """
    The identity of a session.

    Attributes:
        session_id: The id of its document.
        owner_uid: The teacher; empty where the document names none.
        created_at: The mark of its incarnation; `None` in a record that an earlier release wrote.
        is_marked: Whether the session's document has the mark; else Firestore's creation time stands for it.
        former_owner_uids: The owners from whom the session is being transferred; of a session only.
    """

    session_id: str
    owner_uid: str
    created_at: datetime | None = None
    is_marked: bool = field(default=True, compare=False)
    former_owner_uids: tuple[str, ...] = field(default=(), compare=False)

    def belonging(self, session: SessionIdentity) -> Belonging:
        """
        Compare the identity that a thing recorded with that of the session that has its id now. A tombstone names no
        owner any more: there the mark alone decides. Pure.
        """
        if self.created_at is not None and not _is_same_instant(self.created_at, session):
            return Belonging.OTHER
        is_nameless = not self.owner_uid and self.created_at is not None
        if is_nameless or self.owner_uid in (session.owner_uid, *session.former_owner_uids):
            return Belonging.SAME
        return Belonging.OWNER_CHANGED

    def following(self, session: SessionIdentity) -> Self:
        """
        Return this identity under the present owner of the session that it belongs to, and with a mark. Pure.
        """
        return replace(self, owner_uid=session.owner_uid, created_at=self.created_at or session.created_at)

    def nameless(self) -> Self:
        """
        Return this identity without its owner, as a tombstone keeps it. Pure.
        """
        return replace(self, owner_uid="")

    def to_fields(self) -> dict[str, Any]:
        """
        Return the document form: `sessionId`, `ownerUid`, `sessionCreatedAt`. Pure.
        """
        return {
            "sessionId": self.session_id,
            "ownerUid": self.owner_uid,
            "sessionCreatedAt": self.created_at,
        }

    def stamp(self) -> str:
        """
        Return what is kept with each thing at its provider, so that it can be given back to its session should its
        document be lost: the session's id, and a digest of that and the mark, which nobody can change. The owner is no
        part of it: a transfer changes the owner and leaves what is at the provider as it was made. It names no person.
        Pure.
        """
        created_at = None if self.created_at is None else self.created_at.astimezone(UTC).isoformat()
        whole = json.dumps([self.session_id, created_at])
        return f"{hashlib.sha256(whole.encode()).hexdigest()[:STAMP_DIGITS]}:{self.session_id}"

    @classmethod
    def from_fields(cls, session_id: str, fields: Mapping[str, Any]) -> Self:
        """
        Read back what `to_fields` wrote; an earlier release wrote no mark. Pure.
        """
        return cls(session_id, fields.get("ownerUid") or "", fields.get("sessionCreatedAt"))


def stamped_session_id(stamp: str) -> str | None:
    """
    Return the id of the session that a stamp names; `None` where the text is no stamp. Pure.
    """
    digest, _, session_id = stamp.partition(":")
    return session_id if len(digest) == STAMP_DIGITS and is_session_id(session_id) else None


def _is_same_instant(created_at: datetime, session: SessionIdentity) -> bool:
    if session.created_at is None or session.is_marked:
        return created_at == session.created_at
    return abs(session.created_at - created_at) <= ROUNDING
