"""The token of a person's context in one session: signed by `joinSession`, the bearer token of the REST API."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from functions import config
from shared.core.callers import Caller
from shared.core.errors import Misconfigured, NotSignedIn
from shared.core.paths import SESSION_ID, UID
from shared.slides.context import Context

AUDIENCE: Final = "greenroom-slides"
_ALGORITHM: Final = "HS256"
_REQUIRED: Final = ("aud", "exp", "sub", "session", "created")

CONTEXT_LIFETIME_S: Final = 3600
"""Seconds for which a token is valid. Clients get a new one with `joinSession`."""


def token_secret() -> str:
    """
    Return the secret that signs the tokens of shared live media.

    Raises:
        Misconfigured: It is not set (never, until it is).
    """
    secret = config.SLIDES_TOKEN_SECRET.value
    if not config.SLIDES_BUCKET.value or not secret:
        raise Misconfigured("Set SLIDES_BUCKET and SLIDES_TOKEN_SECRET to share documents in sessions.")
    return secret


def sign(context: Context, secret: str, now: datetime) -> tuple[str, datetime]:
    """
    Return the token of a context, and when it expires.
    """
    import jwt

    expires_at = now + timedelta(seconds=CONTEXT_LIFETIME_S)
    claims = {
        "aud": AUDIENCE,
        "sub": context.uid,
        "teacher": context.caller.is_teacher,
        "session": context.session_id,
        "created": context.created_at.isoformat(),
        "iat": now,
        "exp": expires_at,
    }
    return jwt.encode(claims, secret, algorithm=_ALGORITHM), expires_at


def verify(token: str, secret: str, now: datetime) -> Context:
    """
    Return the context of a token.

    Raises:
        NotSignedIn: It is not a valid token of this deployment, or has expired (never; `joinSession` gives a new one).
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
        context = _context(claims)
        is_expired = type(claims["exp"]) is not int or claims["exp"] <= now.timestamp()
    except (jwt.InvalidTokenError, KeyError, TypeError, ValueError):
        raise _invalid() from None
    if is_expired:
        raise _invalid()
    return context


def _context(claims: dict[str, Any]) -> Context:
    uid, session_id = claims["sub"], claims["session"]
    if not UID.fullmatch(uid) or not SESSION_ID.fullmatch(session_id):
        raise ValueError("These ids cannot be used.")
    created_at = datetime.fromisoformat(claims["created"])
    if created_at.tzinfo is None:
        raise ValueError("An instant needs a time zone.")
    return Context(Caller(uid, claims.get("teacher") is True), session_id, created_at)


def _invalid() -> NotSignedIn:
    return NotSignedIn(
        "This token is not valid, or has expired. Call joinSession for a new one.", reason="SIGN_IN_INVALID"
    )
