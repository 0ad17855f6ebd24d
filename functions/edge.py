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

from firebase_functions.https_fn import CallableRequest, FunctionsErrorCode, HttpsError
from flask import Request, Response

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


Kind = re.Pattern[str] | type[int]


def read(data: object, required: Mapping[str, Kind], optional: Mapping[str, Kind] | None = None) -> dict[str, Any]:
    """
    The fields of a request, all of the right type, none unknown; absent optional ones read as `None`. Pure.

    Args:
        data: As it came.
        required: Name to kind: a pattern that a text must match wholly, or `int` for a whole number.
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


def _field(name: str, value: object, kind: Kind, *, must: bool) -> str | int | None:
    if value is None:
        if must:
            raise BadRequest(f"The field {name} is missing.")
        return None
    if isinstance(kind, re.Pattern):
        if not isinstance(value, str) or not kind.fullmatch(value):
            raise BadRequest(f"The field {name} is not a valid text.")
        return value
    if not isinstance(value, int) or isinstance(value, bool):
        raise BadRequest(f"The field {name} is not a whole number.")
    return value


def screened(function: Callable[..., Any]) -> Callable[..., Any]:
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
    function: str, request: CallableRequest[Any], use_case: Callable[[Caller], dict[str, Any]]
) -> dict[str, Any]:
    """
    Answer a callable.

    Args:
        function: Its public name, for the log.
        request: As the SDK read it; an ID token in it is verified already.
        use_case: What to do for the caller.

    Returns:
        What the use case returned, instants as ISO 8601.

    Raises:
        HttpsError: With a code and a sentence that the caller can act on.
    """
    uid = None
    try:
        auth = request.auth
        caller = Caller.from_claims(None if auth is None else auth.uid, {} if auth is None else auth.token)
        uid = caller.uid
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


def work(function: str, request: CallableRequest[Any], use_case: Callable[[str], None]) -> None:
    """
    Do a task. What raises here is tried again by the queue.

    Args:
        function: Its public name, for the log.
        request: Carries `{"key": …}`, as `shared/cloud/tasks.py` sends it.
        use_case: What to do for the key.

    Raises:
        HttpsError: It was not finished (again).
    """
    try:
        key = read(request.data, {"key": re.compile(r"[A-Za-z0-9:._-]{1,200}")})["key"]
    except BadRequest as error:
        # Nobody but our own queue can call this; a task that cannot be read will not read better next time.
        log.refused(function, None, error)
        return
    try:
        use_case(key)
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
