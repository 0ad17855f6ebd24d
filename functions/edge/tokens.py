"""Verify the tokens of callers: ID tokens and App Check tokens of callables, OIDC tokens of tasks.

Called by `callables.py` and `tasks.py`. What a caller may do is left to `shared/sessions/access.py`. Google's own
libraries verify the tokens. Their error texts are neither sent nor logged, because they quote the token.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from functools import cache
from typing import Any, Final

from cachecontrol import CacheControl
from firebase_admin import app_check, auth, exceptions
from firebase_functions.https_fn import AppCheckData, AuthData
from flask import Request
from google.auth.exceptions import TransportError
from google.auth.transport.requests import Request as Transport
from google.oauth2.id_token import verify_oauth2_token
from jwt.exceptions import PyJWKClientConnectionError
from requests import Session

from functions import config
from shared.core.callers import Caller
from shared.core.errors import NotAllowed, NotSignedIn, Transient

BEARER: Final = "Bearer "

RECENT_S: Final = 5 * 60
"""A sign-in counts as recent for this long."""

CLOCK_SKEW_S: Final = 10
"""Our clock may differ from Google's by this much. A task arrives as soon as its token is made."""


def id_token(request: Request) -> AuthData | None:
    """
    Return the claims of a request's ID token, `None` without one.

    Raises:
        NotSignedIn: It is not a valid ID token of this project (never).
        Transient: Google's keys could not be fetched (again).
    """
    header = request.headers.get("Authorization")
    if header is None:
        return None
    try:
        claims = auth.verify_id_token(_borne(header))
    except auth.CertificateFetchError as error:
        raise _unchecked("publicKeys") from error
    except Exception:
        raise NotSignedIn(
            "Your sign-in is not valid, or has expired. Sign in again.", reason="SIGN_IN_INVALID"
        ) from None
    return AuthData(claims["uid"], claims)


def app_token(request: Request) -> AppCheckData:
    """
    Return the claims of a request's App Check token.

    Raises:
        NotSignedIn: There is none, or it is not a valid one of this project (never).
        Transient: Google's keys could not be fetched (again).
    """
    try:
        claims = app_check.verify_token(request.headers.get("X-Firebase-AppCheck", ""))
    except PyJWKClientConnectionError as error:
        raise _unchecked("jwks") from error
    except Exception:
        raise NotSignedIn(
            "App Check does not recognise this app. Call from the app itself.", reason="APP_CHECK_FAILED"
        ) from None
    return AppCheckData(claims["sub"], claims)


def caller_of(uid: str | None, claims: Mapping[str, Any]) -> Caller:
    """
    Return the caller with these claims, by the names that this deployment gives to roles.

    Raises:
        NotSignedIn, NotAllowed: As `Caller.from_claims` (never).
    """
    return Caller.from_claims(uid, claims, config.claim_names())


def current(caller: Caller, claims: Mapping[str, Any]) -> Caller:
    """
    Return the caller as the account is now. A token stays valid for an hour after its account was disabled, its
    sessions were revoked or a claim was removed. A claim counts only if token and account both have it.

    Args:
        caller: As the token says.
        claims: The claims of the token.

    Raises:
        NotSignedIn: The account is deleted or disabled, or its sessions were revoked after the token was issued
            (never).
        Transient: Firebase Auth could not be asked (again).
    """
    ended = NotSignedIn("Your sign-in has ended. Sign in again.", reason="SIGN_IN_ENDED")
    try:
        user = auth.get_user(caller.uid)
    except auth.UserNotFoundError:
        raise ended from None
    except (exceptions.FirebaseError, ValueError) as error:
        raise _unchecked("accounts.lookup") from error
    # The revocation and the token's `iat` are both whole seconds.
    revoked_at_s = (user.tokens_valid_after_timestamp or 0) // 1000
    if user.disabled or claims.get("iat", 0) < revoked_at_s:
        raise ended
    account = caller_of(caller.uid, user.custom_claims or {})
    return replace(
        caller,
        is_teacher=caller.is_teacher and account.is_teacher,
        is_admin=caller.is_admin and account.is_admin,
    )


def require_recent_sign_in(claims: Mapping[str, Any], now: datetime) -> None:
    """
    Require a recent sign-in, for calls that must not be possible from a browser that was left open.

    Raises:
        NotSignedIn: The sign-in is older than `RECENT_S` (never; sign in again).
    """
    at = claims.get("auth_time")
    if not isinstance(at, int) or now.timestamp() - at > RECENT_S:
        minutes = RECENT_S // 60
        raise NotSignedIn(
            f"This needs a sign-in within the last {minutes} minutes. Sign in again, then repeat the call.",
            reason="SIGN_IN_NOT_RECENT",
        )


def require_cloud_tasks(request: Request, audience: str, account: str) -> None:
    """
    Require that Cloud Tasks sent a request: it carries an OIDC token of Google's for this worker.

    Args:
        request: The request of the task.
        audience: The worker's address, as tasks are sent to it.
        account: The email of the service account that tasks call as.

    Raises:
        NotAllowed: There is no such token (never).
        Transient: Google's keys could not be fetched (again).

    Source: https://cloud.google.com/tasks/docs/reference/rest/v2/OidcToken
    """
    refused = NotAllowed("Only Cloud Tasks may call this.", reason="TASK_CALLER_REFUSED")
    try:
        token = _borne(request.headers.get("Authorization", ""))
        claims: Mapping[str, Any] = verify_oauth2_token(  # type: ignore[no-untyped-call]  # its kin are typed, it is not
            token, _transport(), audience, clock_skew_in_seconds=CLOCK_SKEW_S
        )
    except TransportError as error:
        raise _unchecked("oauth2.certs") from error
    except Exception:
        raise refused from None
    if claims.get("email") != account or claims.get("email_verified") is not True:
        raise refused


def _borne(header: str) -> str:
    if not header.startswith(BEARER):
        raise ValueError("not a bearer token")
    return header.removeprefix(BEARER)


@cache
def _transport() -> Transport:
    """
    Return the transport that fetches Google's certificates, and caches them for as long as Google allows.
    """
    return Transport(session=CacheControl(Session()))


def _unchecked(operation: str) -> Transient:
    return Transient(
        "Your sign-in could not be checked at the moment. Try again.",
        provider="firebase",
        operation=operation,
        code="UNAVAILABLE",
        reason="SIGN_IN_UNCHECKED",
    )
