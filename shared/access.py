"""Who may do what: the caller of a callable, and the yes or no of uploading, owning and watching. Pure.

Called by the callables of `functions/` and by `shared/videos/`. Leaves to `firestore.rules` what clients may read and
write themselves; where both speak of the same thing they say the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from shared.errors import NotAllowed, NotFound, NotSignedIn
from shared.paths import UID, UID_MAX
from shared.ports import Document
from shared.sessions.model import Session, Status, Visibility


@dataclass(frozen=True, slots=True)
class ClaimNames:
    """
    The custom claims that give roles, as the deployment names them: an app may have an `admin` of its own.

    Attributes:
        teacher: Is exactly `true` for teachers.
        admin: Likewise for administrators.
    """

    teacher: str = "teacher"
    admin: str = "admin"


@dataclass(frozen=True, slots=True)
class Caller:
    """
    A signed-in person.

    Attributes:
        uid: Of Firebase Auth.
        is_teacher: Whether the claim of teachers is exactly `true`; no other value counts.
        is_admin: The same of the claim of administrators.
        is_anonymous: Whether there is no account behind the sign-in that anybody could sign in to again.
    """

    uid: str
    is_teacher: bool
    is_admin: bool = False
    is_anonymous: bool = False

    @classmethod
    def from_claims(cls, uid: str | None, claims: Mapping[str, Any], names: ClaimNames) -> Self:
        """
        Read a verified ID token.

        Args:
            uid: Whose it is; nobody's where it is missing.
            claims: All that it says.
            names: The claims that give roles.

        Raises:
            NotSignedIn: There is none (never).
            NotAllowed: It is of an account that cannot be used here (never).
        """
        if not uid:
            raise NotSignedIn("Sign in first.", reason="SIGN_IN_REQUIRED")
        if not UID.fullmatch(uid):
            raise NotAllowed(
                f"This account's id has a slash in it, or more than {UID_MAX} characters, and cannot be part of a "
                "document's id. Sign in with another account.",
                reason="ACCOUNT_ID_UNUSABLE",
            )
        is_anonymous = (
            isinstance(claims.get("firebase"), Mapping) and claims["firebase"].get("sign_in_provider") == "anonymous"
        )
        is_teacher = claims.get(names.teacher) is True and not is_anonymous
        return cls(uid, is_teacher, claims.get(names.admin) is True, is_anonymous)


def require_admin(caller: Caller) -> None:
    """
    Let administrators pass.

    Raises:
        NotAllowed: The caller is none (never).
    """
    if not caller.is_admin:
        raise NotAllowed("Only administrators can do this.", reason="ADMIN_ONLY")


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
