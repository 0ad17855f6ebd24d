"""Who may do what with a session: the yes or no of owning and watching. Pure.

Called by the use cases of sessions, videos and admissions. Leaves to `firestore.rules` what clients may read and write
themselves; where both speak of the same thing they say the same.
"""

from __future__ import annotations

from datetime import datetime

from shared.core.callers import Caller
from shared.core.errors import NotAllowed, NotFound
from shared.ports import Document
from shared.sessions.model import Session, Status, Visibility


def owns(caller: Caller, session: Session) -> bool:
    """
    Whether the caller is the teacher whose session it is. Pure.
    """
    return caller.is_teacher and session.owner_uid == caller.uid


def require_owner(caller: Caller, session: Session | None) -> Session:
    """
    The session, where the caller is its teacher.

    Raises:
        NotAllowed: The caller is no teacher (never).
        NotFound: There is no such session, or it is another teacher's (never).
    """
    if not caller.is_teacher:
        raise NotAllowed("Only teachers can do this.", reason="TEACHER_ONLY")
    if session is None or not owns(caller, session):
        raise NotFound("There is no such session.", reason="SESSION_NOT_FOUND")
    return session


def may_watch(caller: Caller, session: Session, enrolment: Document | None) -> bool:
    """
    Whether the caller may see what a session shows: its owner always, others while it is public and, where it asks
    for it, they are enrolled. Pure.
    """
    if owns(caller, session):
        return True
    if session.status is not Status.PUBLIC:
        return False
    if session.visibility is Visibility.OPEN:
        return True
    return enrolment is not None and _opens(enrolment, caller, session)


def _opens(enrolment: Document, caller: Caller, session: Session) -> bool:
    """
    Tell whether an enrolment is the caller's and was given in this very session: one that a deleted session left behind
    names another owner, or is older than the session that has its id now; one that a former owner gave opens it while
    it is being transferred. Pure.
    """
    fields, given_at = enrolment.fields, enrolment.fields.get("createdAt")
    # A back end may leave it out: then Firestore's own time counts, until the trigger has written it.
    at = given_at if isinstance(given_at, datetime) else enrolment.created_at
    return (
        fields.get("uid") == caller.uid
        and fields.get("sessionId") == session.id
        and fields.get("ownerUid") in (session.owner_uid, *session.former_owner_uids)
        and session.created_at is not None
        and at >= session.created_at
    )


def require_viewer(caller: Caller, session: Session | None, enrolment: Document | None) -> Session:
    """
    The session, where the caller may see what it shows. Who may not is told the same as where there is none.

    Raises:
        NotFound: There is no such session for this caller (never).
    """
    if session is None or not may_watch(caller, session, enrolment):
        raise NotFound("There is no such session, or you are not enrolled in it.", reason="SESSION_NOT_FOUND")
    return session
