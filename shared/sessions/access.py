"""The rules for who owns a session and who may watch it. Pure.

Called by the use cases of sessions, videos and admissions. Leaves to `firestore.rules` what clients may read and write
directly. Where both cover the same question, they agree.
"""

from __future__ import annotations

from datetime import datetime

from shared.core.callers import Caller
from shared.core.errors import NotAllowed, NotFound
from shared.ports import Document
from shared.sessions.session import Session, Status, Visibility


def owns(caller: Caller, session: Session) -> bool:
    """
    Tell whether the caller is the teacher who owns the session. Pure.
    """
    return caller.is_teacher and session.owner_uid == caller.uid


def require_owner(caller: Caller, session: Session | None) -> Session:
    """
    Return the session if the caller owns it.

    Raises:
        NotAllowed: The caller is not a teacher (never).
        NotFound: There is no such session, or it belongs to another teacher (never).
    """
    if not caller.is_teacher:
        raise NotAllowed("Only teachers can do this.", reason="TEACHER_ONLY")
    if session is None or not owns(caller, session):
        raise NotFound("There is no such session.", reason="SESSION_NOT_FOUND")
    return session


def may_watch(caller: Caller, session: Session, enrolment: Document | None) -> bool:
    """
    Tell whether the caller may watch a session. The owner always may. Others may while the session is public and, if
    its visibility is `enrolled`, they are enrolled. Pure.
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
    Tell whether an enrolment is the caller's own and was given in this very session. An enrolment that a deleted
    session left behind does not count: it names another owner, or is older than the session that has its id now. An
    enrolment that a former owner gave counts while the session is being transferred. Pure.
    """
    fields, given_at = enrolment.fields, enrolment.fields.get("createdAt")
    # A back end may leave `createdAt` out. Then Firestore's creation time is used until the trigger has written the
    # field.
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
    Return the session if the caller may watch it. A caller who may not gets the same error as for a missing session.

    Raises:
        NotFound: There is no such session for this caller (never).
    """
    if session is None or not may_watch(caller, session, enrolment):
        raise NotFound("There is no such session, or you are not enrolled in it.", reason="SESSION_NOT_FOUND")
    return session
