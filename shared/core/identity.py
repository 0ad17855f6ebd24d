"""The identity of a session: its id, its owner and its incarnation.

Called by the models of everything that belongs to a session (pairings, videos, copies, deletions), and by
`shared/sessions/access.py` for enrolments.

The id alone is not enough: a deleted session and a later one that was created under the same id share it. The session's
`createdAt` marks the incarnation. The rules require it and forbid changes to it, and it survives export, import and
restore. An app's own back end may write a session without `createdAt`, or with one that is later than the document.
Firestore's creation time of the document then stands for it, and is written into the session before anything is made
for it.

Only a transfer (`shared/transfers/`) gives a session another owner. While it runs, the session names its former owners,
and things that still name one of them belong to the session.
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
"""The largest difference between `createdAt` and Firestore's creation time if a back end overwrote a session without
its `createdAt`: a server timestamp has whole milliseconds, Firestore's creation time does not."""

STAMP_DIGITS: Final = 16
"""Hexadecimal digits of the digest in a stamp. It protects from mistakes, not from the account's administrator."""


TOMBSTONE_S: Final = 30 * 24 * 3600
"""Seconds for which a tombstone, the record of something that is gone, is kept for latecomers."""


class Belonging(StrEnum):
    """
    The relation of a thing to the session that has its session id now.

    `SAME`: it belongs to that session. `OTHER`: it belongs to an earlier session, which was deleted. `OWNER_CHANGED`:
    the session has another owner than the thing, without a transfer; the thing waits until there is one.
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
        owner_uid: The teacher; empty if the document names none.
        created_at: `createdAt`, which marks the incarnation; `None` in a record that an earlier release wrote.
        is_marked: Whether the session's document has `createdAt`; if not, Firestore's creation time stands for it.
        former_owner_uids: The owners from whom the session is being transferred; only on a session's own identity.
    """

    session_id: str
    owner_uid: str
    created_at: datetime | None = None
    is_marked: bool = field(default=True, compare=False)
    former_owner_uids: tuple[str, ...] = field(default=(), compare=False)

    def belonging(self, session: SessionIdentity) -> Belonging:
        """
        Compare the identity that a thing recorded with that of the session that has its id now. A tombstone no longer
        names an owner, so only `createdAt` decides. Pure.
        """
        if self.created_at is not None and not _is_same_instant(self.created_at, session):
            return Belonging.OTHER
        is_nameless = not self.owner_uid and self.created_at is not None
        if is_nameless or self.owner_uid in (session.owner_uid, *session.former_owner_uids):
            return Belonging.SAME
        return Belonging.OWNER_CHANGED

    def following(self, session: SessionIdentity) -> Self:
        """
        Return this identity with the present owner of its session, and with `createdAt` if it had none. Pure.
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
        Return the text that is stored with each thing at its provider, so that an operator can give the thing back to
        its session if its document is lost. Pure.

        It consists of the session's id and a digest of the id and `createdAt`, neither of which can change. It leaves
        out the owner, because a transfer changes the owner and leaves things at the provider as they are. It names no
        person.
        """
        created_at = None if self.created_at is None else self.created_at.astimezone(UTC).isoformat()
        whole = json.dumps([self.session_id, created_at])
        return f"{hashlib.sha256(whole.encode()).hexdigest()[:STAMP_DIGITS]}:{self.session_id}"

    @classmethod
    def from_fields(cls, session_id: str, fields: Mapping[str, Any]) -> Self:
        """
        Parse the document form that `to_fields` wrote; an earlier release wrote no `sessionCreatedAt`. Pure.
        """
        return cls(session_id, fields.get("ownerUid") or "", fields.get("sessionCreatedAt"))


def stamped_session_id(stamp: str) -> str | None:
    """
    Return the session id in a stamp; `None` if the text is not a stamp. Pure.
    """
    digest, _, session_id = stamp.partition(":")
    return session_id if len(digest) == STAMP_DIGITS and is_session_id(session_id) else None


def _is_same_instant(created_at: datetime, session: SessionIdentity) -> bool:
    if session.created_at is None or session.is_marked:
        return created_at == session.created_at
    return abs(session.created_at - created_at) <= ROUNDING
