"""One transfer, `transfers/{sessionId}`: a session that has another owner, and whose things still have to follow.

Called by the other files of this folder, and by `shared/erasure/`. Leaves the steps that follow from the values to
`decide`. The document is created in the commit that gives the session its new owner, and deleted once everything has
followed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from shared.core.identity import SessionIdentity
from shared.ports import Document
from shared.reconcile import Progress


class TransferState(StrEnum):
    """
    The `state` of a transfer.

    `MOVING`: some documents may still name a former owner. `ROTATING`: only the stream key is still the old one.
    `DONE`: nothing is left to do; the document is deleted in this state.
    """

    MOVING = "moving"
    ROTATING = "rotating"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Transfer:
    """
    One document of `transfers`.

    Attributes:
        session: The session, under its new owner.
        former_owner_uids: The owners that its things may still name; empty once none of them does.
        asked_at: When the session was given its new owner.
        state: How far the transfer is.
        is_key_rotated: Whether the event has a stream key that no former owner knows.
        moved: How many documents got the new owner.
        progress: The reconciler's part of the record.
    """

    session: SessionIdentity
    former_owner_uids: tuple[str, ...]
    asked_at: datetime
    state: TransferState = TransferState.MOVING
    is_key_rotated: bool = False
    moved: int = 0
    progress: Progress = field(default_factory=Progress)

    def to_fields(self) -> dict[str, Any]:
        """
        Return the document form. Pure.
        """
        failure = self.progress.failure
        return {
            **self.session.to_fields(),
            "formerOwnerUids": list(self.former_owner_uids),
            "askedAt": self.asked_at,
            "state": self.state.value,
            "keyRotated": self.is_key_rotated,
            "moved": self.moved,
            "failure": None if failure is None else failure.shown(),
            **self.progress.to_fields(),
        }

    @classmethod
    def from_document(cls, document: Document) -> Self:
        """
        Read back what `to_fields` wrote. Pure.
        """
        fields = document.fields
        return cls(
            session=SessionIdentity.from_fields(fields["sessionId"], fields),
            former_owner_uids=tuple(fields["formerOwnerUids"]),
            asked_at=fields["askedAt"],
            state=TransferState(fields["state"]),
            is_key_rotated=fields["keyRotated"],
            moved=fields["moved"],
            progress=Progress.from_fields(fields),
        )
