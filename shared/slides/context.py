"""The context of a person in one session, and what they may do there.

Called by the use cases of this folder. A client has its context as a token (`functions/contexts.py`). It says who the
person is, and for which session. What they may do there is read from the session's document at each request. That a
person is a teacher is believed as long as their token lasts.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from shared.core.callers import Caller
from shared.core.errors import NotAllowed, NotFound
from shared.ports import Document
from shared.sessions.access import may_watch, owns
from shared.sessions.session import Session


@dataclass(frozen=True, slots=True)
class Context:
    """
    A person in one session.

    Attributes:
        caller: The person.
        session_id: The id of the session.
        created_at: The mark of the session, which tells it from another session of the same id.
    """

    caller: Caller
    session_id: str
    created_at: datetime

    @property
    def uid(self) -> str:
        """
        The uid of the person.
        """
        return self.caller.uid

    def session_in(self, document: Document | None) -> Session:
        """
        Return the session of this context.

        Raises:
            NotFound: It does not exist any more (never).
        """
        session = None if document is None else Session.from_document(document)
        if session is None or session.created_at != self.created_at:
            raise NotFound("Not found.", reason="SESSION_NOT_FOUND")
        return session

    def teaches(self, session: Session) -> bool:
        """
        Tell whether the person is an instructor of their session: its owner, or a moderator. Pure.
        """
        return owns(self.caller, session) or self.caller.uid in session.moderators

    def require_instructor(self, document: Document | None) -> Session:
        """
        Return the session, if the person is one of its instructors.

        Raises:
            NotFound: It does not exist any more (never).
            NotAllowed: They are not (never).
        """
        session = self.session_in(document)
        if not self.teaches(session):
            raise NotAllowed("You do not have permission to perform this action.", reason="INSTRUCTOR_ONLY")
        return session

    def require_viewer(self, document: Document | None, enrolment: Document | None) -> Session:
        """
        Return the session, if the person may watch it.

        Raises:
            NotFound: It does not exist any more, or they may not (never).
        """
        session = self.session_in(document)
        if not self.teaches(session) and not may_watch(self.caller, session, enrolment):
            raise NotFound("Not found.", reason="SESSION_NOT_FOUND")
        return session
