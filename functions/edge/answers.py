"""Build answers: a result, or an error with its code and its sentence, in the form of Firebase's callables.

Called by the other files of this folder. The only place that turns errors into codes. The meaning of each code is in
`schema/errors.json`.

Source: https://firebase.google.com/docs/functions/callable-reference
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, fields, is_dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, Final

from flask import Request, Response

from shared.core import log
from shared.core.errors import BackendError, Conflict, Misconfigured, Refused, WrongState

_TABLE: Final = Path(__file__).parents[2] / "schema" / "errors.json"

INTERNAL: Final = "INTERNAL"
"""The code of an unexpected error."""

_HTTP_STATUSES: Final = {
    "INVALID_ARGUMENT": 400,
    "FAILED_PRECONDITION": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "ABORTED": 409,
    "RESOURCE_EXHAUSTED": 429,
    "INTERNAL": 500,
    "UNAVAILABLE": 503,
}
"""The HTTP statuses of those of Firebase's statuses that are used here (google/rpc/code.proto)."""

_HEADER_NAMES: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~, -]{1,1000}")
CORS: Final = {"Access-Control-Allow-Origin": "*"}
"""
Callables carry their caller's token in a header, never in a cookie. So any origin may call: the origin proves nothing.
"""


@dataclass(frozen=True, slots=True)
class ErrorCode:
    """
    A row of the table.

    Attributes:
        status: Firebase's status.
        http_status: The HTTP status of the answer.
        is_retryable: Whether the very same call may succeed later, although nobody changes anything.
        sentence: What the code means. Sent to callers if the error's own text must not be sent.
    """

    status: str
    http_status: int
    is_retryable: bool
    sentence: str


@cache
def error_codes() -> Mapping[str, ErrorCode]:
    """
    Return the table of error codes, which is read when the first error is answered.
    """
    rows = json.loads(_TABLE.read_text())["codes"]
    return {
        code: ErrorCode(
            row["status"], row.get("httpStatus", _HTTP_STATUSES[row["status"]]), row["retryable"], row["sentence"]
        )
        for code, row in rows.items()
    }


def result(answer: Any) -> Response:
    """
    Answer with what a callable returned, instants as ISO 8601.
    """
    return json_response({"result": encoded(answer)}, 200, CORS)


def failure(function: str, uid: str | None, error: Exception) -> Response:
    """
    Log an error, and answer a callable with its code and a sentence that the caller can act on.

    Args:
        function: The public name of what was called, for the log.
        uid: The uid of the caller, if it is known.
        error: Whatever was raised.
    """
    content, http_status = error_body(function, uid, error)
    return json_response(content, http_status, CORS)


def error_body(function: str, uid: str | None, error: Exception) -> tuple[Mapping[str, Any], int]:
    """
    Log an error, and return the body and the HTTP status of its answer.

    Args:
        function: As for `failure`.
        uid: As for `failure`.
        error: As for `failure`.
    """
    _log(function, uid, error)
    reason = error.reason if isinstance(error, BackendError) else INTERNAL
    row = error_codes()[reason]
    # The text of these is for the operator.
    is_told = isinstance(error, BackendError) and not isinstance(error, Conflict | Misconfigured)
    details: dict[str, str | bool | int] = {"code": reason, "retryable": row.is_retryable}
    if isinstance(error, BackendError) and error.retry_after_s is not None:
        details["retryAfterS"] = math.ceil(error.retry_after_s)
    if isinstance(error, WrongState) and error.video_id is not None:
        details["videoId"] = error.video_id
    told = {"status": row.status, "message": str(error) if is_told else row.sentence, "details": details}
    return {"error": told}, row.http_status


def _log(function: str, uid: str | None, error: Exception) -> None:
    if isinstance(error, Refused):
        log.refused(function, uid, error)
    elif isinstance(error, Misconfigured):
        log.misconfigured(function, error)
    elif isinstance(error, BackendError):
        log.unavailable(function, uid, error)
    else:
        log.broken(function, uid, error)


def preflight(request: Request, methods: Sequence[str] = ("POST",)) -> Response:
    """
    Let a browser's page of any origin call.
    """
    asked = request.headers.get("Access-Control-Request-Headers", "")
    allowed = {
        "Access-Control-Allow-Methods": ", ".join(methods),
        "Access-Control-Max-Age": "3600",
        # All that are asked for: tracing in the app adds headers to Firebase's own.
        "Access-Control-Allow-Headers": asked if _HEADER_NAMES.fullmatch(asked) else "Authorization, Content-Type",
    }
    return Response(status=200, headers={**CORS, **allowed})


def json_response(content: Any, status: int, headers: Mapping[str, str] | None = None) -> Response:
    """
    Answer with JSON. No answer may be cached, because many carry a grant.
    """
    body = json.dumps(content, allow_nan=False).encode()
    return response(body, status, "application/json", {**(headers or {}), "Cache-Control": "no-store"})


def response(body: bytes, status: int, content_type: str, headers: Mapping[str, str] | None = None) -> Response:
    """
    Answer with bytes. They are an iterator, so that functions-framework does not read the rest of the request into
    memory (its `read_request`).
    """
    headers = {**(headers or {}), "Content-Length": str(len(body))}
    return Response(iter((body,)), status, headers, content_type=content_type)


def encoded(value: Any) -> Any:
    """
    Return a value of an answer as JSON has it: instants as ISO 8601, a dataclass as an object. A field with a default
    is left out if it is `None`. Pure.
    """
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, Mapping):
        return {name: encoded(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [encoded(inner) for inner in value]
    if is_dataclass(value):
        told = ((one, getattr(value, one.name)) for one in fields(value))
        return {one.name: encoded(inner) for one, inner in told if inner is not None or one.default is MISSING}
    return value
