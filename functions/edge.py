"""Between the wire and a use case: what comes in is checked, what goes wrong becomes a code and a sentence.

Called by the other files of this folder. Leaves to them which use case answers.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import wraps
from typing import Any, Final

from firebase_functions.https_fn import CallableRequest, FunctionsErrorCode, HttpsError, on_call
from flask import Request, Response

from functions import config
from shared import log
from shared.access import Caller
from shared.errors import (
    BackendError,
    BadRequest,
    Conflict,
    Misconfigured,
    NotAllowed,
    NotFound,
    NotSignedIn,
    Permanent,
    Refused,
    TooMany,
    Transient,
    WrongState,
)
from shared.ports import Note
from shared.reconcile import WORKER_TIMEOUT_S

CODES: Final[Mapping[type[BackendError], FunctionsErrorCode]] = {
    NotSignedIn: FunctionsErrorCode.UNAUTHENTICATED,
    NotAllowed: FunctionsErrorCode.PERMISSION_DENIED,
    NotFound: FunctionsErrorCode.NOT_FOUND,
    BadRequest: FunctionsErrorCode.INVALID_ARGUMENT,
    WrongState: FunctionsErrorCode.FAILED_PRECONDITION,
    TooMany: FunctionsErrorCode.RESOURCE_EXHAUSTED,
}

SESSION_ID: Final = re.compile(r"[A-Za-z0-9-]{1,64}")
VIDEO_ID: Final = re.compile(r"[a-f0-9]{20}")
REMOVAL_ID: Final = VIDEO_ID
HOST: Final = re.compile(r"[a-z][a-z0-9]{0,19}")
"""A host or a provider, as the table of hosts names it."""

DELETION_ID: Final = re.compile(r"[A-Za-z0-9:._-]{1,200}")
UID: Final = re.compile("[^\x00-\x1f\x7f/\ud800-\udfff]{1,128}")
"""Of a user of Firebase Auth."""

REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
NAME: Final = re.compile("[^\x00-\x1f\x7f\ud800-\udfff]{1,1000}")
"""Any text of one line that can be written down; what a name may hold is for `videos/policy.py` to say."""


class _Blank(logging.Filter):
    """
    Blanks what may be a secret in lines that the SDK logs: it quotes tokens that it cannot read.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        try:
            text = record.getMessage()
        except (TypeError, ValueError):
            # The SDK logs arguments for which its text has no place.
            text = str(record.msg)
        record.msg, record.args = log.blanked(text), None
        return True


logging.getLogger().addFilter(_Blank())


Kind = re.Pattern[str] | type[int] | type[bool]
Use = Callable[[str], None]
"""What a worker does for the key of a note."""


def read(data: object, required: Mapping[str, Kind], optional: Mapping[str, Kind] | None = None) -> dict[str, Any]:
    """
    The fields of a request, all of the right type, none unknown; absent optional ones read as `None`. Pure.

    Args:
        data: As it came.
        required: Name to kind: a pattern that a text must match wholly, `int` for a whole number, `bool`.
        optional: Likewise.

    Raises:
        BadRequest: Something is missing, unknown or of another type (never).
    """
    if not isinstance(data, dict):
        raise BadRequest("Send an object with named fields.")
    kinds = {**required, **(optional or {})}
    unknown = sorted(str(name)[:40] for name in data if name not in kinds)
    if unknown:
        raise BadRequest(f"These fields are not known here: {', '.join(unknown[:5])}.")
    return {name: _field(name, data.get(name), kind, must=name in required) for name, kind in kinds.items()}


def _field(name: str, value: object, kind: Kind, *, must: bool) -> str | int | bool | None:
    if value is None:
        if must:
            raise BadRequest(f"The field {name} is missing.")
        return None
    if isinstance(kind, re.Pattern):
        if not isinstance(value, str) or not kind.fullmatch(value):
            raise BadRequest(f"The field {name} is not a valid text.")
        return value
    if kind is bool:
        if not isinstance(value, bool):
            raise BadRequest(f"The field {name} is neither true nor false.")
        return value
    if not isinstance(value, int) or isinstance(value, bool):
        raise BadRequest(f"The field {name} is not a whole number.")
    return value


Answer = Callable[[CallableRequest[Any]], dict[str, Any]]


def callable_function(
    *, asks_provider: bool, chats: bool = False, is_kept_ready: bool = False
) -> Callable[[Answer], Callable[..., Any]]:
    """
    Declares a callable, as all of them are declared.

    Args:
        asks_provider: Whether it needs the provider's secret.
        chats: Whether it needs the secret of its chat.
        is_kept_ready: Whether `MIN_INSTANCES` of it are always kept.
    """
    secrets = config.provider_secrets() if asks_provider else []
    secrets += config.chat_secrets() if chats else []

    def declare(function: Answer) -> Callable[..., Any]:
        declared = on_call(
            cors=config.CORS,
            timeout_sec=WORKER_TIMEOUT_S,
            secrets=secrets,
            min_instances=config.MIN_INSTANCES.value if is_kept_ready else None,
            enforce_app_check=config.ENFORCE_APP_CHECK.value,
        )
        return _screened(declared(function))

    return declare


def _screened(function: Callable[..., Any]) -> Callable[..., Any]:
    """
    Stand before a callable and refuse a body that the SDK cannot read: it would answer an internal error.

    Args:
        function: What `on_call` made.
    """

    @wraps(function)
    def screening(request: Request) -> Any:
        if request.method != "POST" or _is_envelope(request.get_data()):
            return function(request)
        error = {"status": "INVALID_ARGUMENT", "message": "Send a JSON object with your request under data."}
        return Response(json.dumps({"error": error}), status=400, content_type="application/json")

    return screening


def _is_envelope(body: bytes) -> bool:
    try:
        sent = json.loads(body)
    except (ValueError, RecursionError):
        return False
    return isinstance(sent, dict) and "data" in sent


def answer(
    function: str,
    request: CallableRequest[Any],
    use_case: Callable[[Caller], dict[str, Any]],
    *,
    is_current: bool = False,
) -> dict[str, Any]:
    """
    Answer a callable.

    Args:
        function: Its public name, for the log.
        request: As the SDK read it; an ID token in it is verified already.
        use_case: What to do for the caller.
        is_current: Ask whether the account still is what its token says: a token is good for an hour after its account
            was disabled or its sessions were revoked. One more call, for what is rare and matters.

    Returns:
        What the use case returned, instants as ISO 8601.

    Raises:
        HttpsError: With a code and a sentence that the caller can act on.
    """
    uid = None
    try:
        auth = request.auth
        asked_by, claims = (None, {}) if auth is None else (auth.uid, auth.token)
        caller = Caller.from_claims(asked_by, claims, config.claim_names())
        uid = caller.uid
        if is_current and auth is not None:
            _require_current(caller.uid, auth.token)
        return {name: _encoded(value) for name, value in use_case(caller).items()}
    except Refused as error:
        log.refused(function, uid, error)
        raise HttpsError(CODES[type(error)], str(error)) from error
    except Transient as error:
        log.unavailable(function, uid, error)
        raise HttpsError(FunctionsErrorCode.UNAVAILABLE, str(error)) from error
    except Conflict as error:
        log.unavailable(function, uid, error)
        raise HttpsError(FunctionsErrorCode.ABORTED, "Others changed the same thing. Try again.") from error
    except Permanent as error:
        log.unavailable(function, uid, error)
        raise HttpsError(FunctionsErrorCode.FAILED_PRECONDITION, str(error)) from error
    except Misconfigured as error:
        log.misconfigured(function, error)
        raise HttpsError(FunctionsErrorCode.INTERNAL, "This service is not set up yet; its log says why.") from error
    except Exception as error:
        log.broken(function, uid, error)
        raise HttpsError(FunctionsErrorCode.INTERNAL, "Something went wrong on our side; we have a record.") from error


def _require_current(uid: str, claims: Mapping[str, Any]) -> None:
    """
    Raises:
        NotSignedIn: The account is gone or disabled, or its sessions were revoked since the token was given (never).
        Transient: Nobody could be asked (again).
    """
    from firebase_admin import auth, exceptions

    ended = NotSignedIn("Your sign-in has ended. Sign in again.")
    try:
        user = auth.get_user(uid)
    except auth.UserNotFoundError:
        raise ended from None
    except (exceptions.FirebaseError, ValueError) as error:
        raise Transient(
            "Your sign-in could not be checked at the moment. Try again.",
            provider="firebase",
            operation="accounts.lookup",
            code="UNAVAILABLE",
        ) from error
    # The instant of revocation is told in whole seconds, as that of the token is.
    revoked_at_s = (user.tokens_valid_after_timestamp or 0) // 1000
    if user.disabled or claims.get("iat", 0) < revoked_at_s:
        raise ended


KEY: Final = re.compile(r"[A-Za-z0-9:,._-]{1,20000}")


def work(function: str, request: CallableRequest[Any], admits: Callable[[Note], bool], use_case: Use) -> None:
    """
    Do a task. What raises here is tried again by the queue.

    Args:
        function: Its public name, which is that of its queue.
        request: Carries `{"key": …}`, as `shared/cloud/tasks.py` sends it.
        admits: Whether work may be done at all; where it may not, the note is left for later.
        use_case: What to do for the key.

    Raises:
        HttpsError: It was not finished (again).
    """
    try:
        key = read(request.data, {"key": KEY})["key"]
    except BadRequest as error:
        # Nobody but our own queue can call this; a task that cannot be read will not read better next time.
        log.refused(function, None, error)
        return
    try:
        if admits(Note(function, key)):
            use_case(key)
        else:
            log.stopped(function)
    except BackendError as error:
        log.unavailable(function, None, error)
        raise HttpsError(FunctionsErrorCode.UNAVAILABLE, "Not finished.") from error
    except Exception as error:
        log.broken(function, None, error)
        raise HttpsError(FunctionsErrorCode.INTERNAL, "Not finished.") from error


def _encoded(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, Mapping):
        return {name: _encoded(inner) for name, inner in value.items()}
    return value
