"""The context of a person in one session: a signed token that `joinSession` gives, and what it allows.

The REST API takes it as its bearer token. It says who the person is, and for which session; it is for that session
alone. What they may do there is read from the session's document at each request, so that a role that was taken away is
gone at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Self

from shared.core.callers import Caller
from shared.core.errors import NotAllowed, NotFound, NotSignedIn
from shared.core.paths import SESSION_ID, UID
from shared.ports import Document
from shared.sessions.access import may_watch, owns
from shared.sessions.session import Session

AUDIENCE: Final = "greenroom-slides"
_ALGORITHM: Final = "HS256"
_REQUIRED: Final = ("aud", "exp", "sub", "session", "created")

CONTEXT_LIFETIME_S: Final = 3600
"""Seconds for which a token is valid. Clients get a new one with `joinSession`."""


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

    def sign(self, secret: str, now: datetime) -> tuple[str, datetime]:
        """
        Return the token, and when it expires.
        """
        import jwt

        expires_at = now + timedelta(seconds=CONTEXT_LIFETIME_S)
        claims = {
            "aud": AUDIENCE,
            "sub": self.caller.uid,
            "teacher": self.caller.is_teacher,
            "session": self.session_id,
            "created": self.created_at.isoformat(),
            "iat": now,
            "exp": expires_at,
        }
        return jwt.encode(claims, secret, algorithm=_ALGORITHM), expires_at

    @classmethod
    def verify(cls, token: str, secret: str, now: datetime) -> Self:
        """
        Read a token.

        Raises:
            NotSignedIn: It is not a valid token of this deployment, or has expired (never; `joinSession` gives a new
                one).
        """
        import jwt

        try:
            claims = jwt.decode(
                token,
                secret,
                algorithms=[_ALGORITHM],
                audience=AUDIENCE,
                # The expiry is compared with our own clock below.
                options={"require": list(_REQUIRED), "verify_exp": False, "verify_iat": False},
            )
            context = cls._of(claims)
            is_expired = type(claims["exp"]) is not int or claims["exp"] <= now.timestamp()
        except (jwt.InvalidTokenError, KeyError, TypeError, ValueError):
            raise _invalid() from None
        if is_expired:
            raise _invalid()
        return context

    @classmethod
    def _of(cls, claims: dict[str, Any]) -> Self:
        uid, session_id = claims["sub"], claims["session"]
        if not UID.fullmatch(uid) or not SESSION_ID.fullmatch(session_id):
            raise ValueError("These ids cannot be used.")
        created_at = datetime.fromisoformat(claims["created"])
        if created_at.tzinfo is None:
            raise ValueError("An instant needs a time zone.")
        return cls(Caller(uid, claims.get("teacher") is True), session_id, created_at)

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


def _invalid() -> NotSignedIn:
    return NotSignedIn(
        "This token is not valid, or has expired. Call joinSession for a new one.", reason="SIGN_IN_INVALID"
    )
