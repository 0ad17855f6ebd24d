"""The spec of a session, as a reconciliation reads it.

Called by `decide`, `act` and the Controller of this folder.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from shared.core.identity import SessionIdentity
from shared.ports import Document, EventSpec, Fields, Task, Version
from shared.sessions.session import Session, wanted


@dataclass(frozen=True, slots=True)
class SessionSpec:
    """
    The spec of a session, as a reconciliation reads it.

    Attributes:
        exists: Whether the session exists. Another session of the same id does not count.
        event: The live event that it should have.
        shown: The event's status as the session's document shows it now.
        children: Tasks for the things that a deleted session has left behind.
        left_enrolled: Enrolments that a deleted session has left behind. They are looked for once nothing else is left.
        title: The title that viewers see.
        identity: The identity in the document that has this id now, even if it is another session's; `None` if there is
            no document.
        version: The version of that document.
        is_paired: Whether that document says that it has a pairing.
        is_held: Whether the owner was changed without a transfer. Nothing is done until the session is transferred.
        is_waiting: Whether the session does not exist while deletions are held. It may be restored.
    """

    exists: bool
    event: EventSpec | None = None
    shown: Fields | None = None
    children: tuple[Task, ...] = ()
    left_enrolled: tuple[Document, ...] = ()
    title: str = ""
    identity: SessionIdentity | None = None
    version: Version | None = None
    is_paired: bool = True
    is_held: bool = False
    is_waiting: bool = False

    @classmethod
    def of(cls, session: Session) -> Self:
        """
        Return the spec of a session that exists. Pure.
        """
        return cls(
            exists=True,
            event=wanted(session),
            shown=session.shown,
            title=session.title,
            identity=session.identity,
            version=session.version,
            is_paired=session.is_paired,
        )
