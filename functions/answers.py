"""Answers of callables: a result, or an error with its code and its sentence, as Firebase has them.

Called by `edge.py` and `tasks.py`. The only place that turns errors into codes; what each code means is in
`schema/errors.json`.

Source: https://firebase.google.com/docs/functions/callable-reference
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, Final

from flask import Request, Response

from shared.core import log
from shared.core.errors import BackendError, Conflict, Misconfigured, Refused

_TABLE: Final = Path(__file__).parents[1] / "schema" / "errors.json"

INTERNAL: Final = "INTERNAL"
"""The code of an error that is none of ours."""

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
"""Those of Firebase's statuses that are used here (google/rpc/code.proto)."""

_HEADER_NAMES: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~, -]{1,1000}")
_CORS: Final = {"Access-Control-Allow-Origin": "*"}
"""Callables carry their caller's token in a header, never a cookie: any origin may call, and proves nothing by it."""


@dataclass(frozen=True, slots=True)
class ErrorCode:
    """
    A row of the table.

    Attributes:
        status: Firebase's status.
        http_status: That of the answer.
        is_retryable: The very same call may succeed later without anybody changing anything.
        sentence: What it means; told to callers where the error itself must not tell more.
    """

    status: str
    http_status: int
    is_retryable: bool
    sentence: str


@cache
def error_codes() -> Mapping[str, ErrorCode]:
    """
    The table of error codes; read when the first error is told.
    """
    rows = json.loads(_TABLE.read_text())["codes"]
    return {
        code: ErrorCode(
            row["status"], row.get("httpStatus", _HTTP_STATUSES[row["status"]]), row["retryable"], row["sentence"]
        )
        for code, row in rows.items()
    }


def result(fields: Mapping[str, Any]) -> Response:
    """
    Answer with what a callable returned, instants as ISO 8601.
    """
    return _answer({"result": _encoded(fields)}, 200)


def failure(function: str, uid: str | None, error: Exception) -> Response:
    """
    Log an error, and answer with its code and a sentence that the caller can act on.

    Args:
        function: The public name of what was called, for the log.
        uid: Who called, where that is known.
        error: Whatever was raised.
    """
    _log(function, uid, error)
    reason = error.reason if isinstance(error, BackendError) else INTERNAL
    row = error_codes()[reason]
    # What stands in these is for the operator.
    is_told = isinstance(error, BackendError) and not isinstance(error, Conflict | Misconfigured)
    details: dict[str, str | bool | int] = {"code": reason, "retryable": row.is_retryable}
    if isinstance(error, BackendError) and error.retry_after_s is not None:
        details["retryAfterS"] = math.ceil(error.retry_after_s)
    told = {"status": row.status, "message": str(error) if is_told else row.sentence, "details": details}
    return _answer({"error": told}, row.http_status)


def _log(function: str, uid: str | None, error: Exception) -> None:
    if isinstance(error, Refused):
        log.refused(function, uid, error)
    elif isinstance(error, Misconfigured):
        log.misconfigured(function, error)
    elif isinstance(error, BackendError):
        log.unavailable(function, uid, error)
    else:
        log.broken(function, uid, error)


def preflight(request: Request) -> Response:
    """
    Let a browser's page of any origin call.
    """
    asked = request.headers.get("Access-Control-Request-Headers", "")
    allowed = {
        "Access-Control-Allow-Methods": "POST",
        "Access-Control-Max-Age": "3600",
        # Whichever they are: besides Firebase's own, tracing in the app adds some.
        "Access-Control-Allow-Headers": asked if _HEADER_NAMES.fullmatch(asked) else "Authorization, Content-Type",
    }
    return Response(status=200, headers={**_CORS, **allowed})


def _answer(content: Mapping[str, Any], status: int) -> Response:
    body = json.dumps(content, allow_nan=False).encode()
    # Handed over piece by piece, so that functions-framework does not read the rest of the request into memory
    # (`read_request` there). No answer is kept anywhere: many carry a grant.
    headers = {**_CORS, "Content-Length": str(len(body)), "Cache-Control": "no-store"}
    return Response(iter((body,)), status, headers, content_type="application/json")


def _encoded(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, Mapping):
        return {name: _encoded(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_encoded(inner) for inner in value]
    return value
