"""Read the body of a request: limit its size, and check its JSON.

Called by the other files of this folder before they trust anything in a request. A body is refused by its headers
before it is read, and is parsed once.
"""

from __future__ import annotations

import json
import math
from typing import Any, Final, NoReturn

from flask import Request

from shared.core.errors import BadRequest

CALL_MAX_BYTES: Final = 64 * 1024
"""The limit for callables and tasks. The longest key of a task has 20,000 letters, the longest request a few KB."""

WEBHOOK_MAX_BYTES: Final = 1024 * 1024
"""The limit for webhooks. An entry with all its properties has a few kilobytes."""

DEPTH_MAX: Final = 16
"""The depth of nested objects and arrays. Requests have three."""

_DISCARDED_MAX_BYTES: Final = 64 * 1024 * 1024
_PIECE_BYTES: Final = 64 * 1024


def read_body(request: Request, max_bytes: int) -> bytes:
    """
    Return the body of a request, unless its headers give no length or one that is too large.

    Args:
        request: A request whose body has not been read.
        max_bytes: The maximum that is read.

    Raises:
        BadRequest: It is too large, or its length is unknown (never).
    """
    length = request.content_length
    if length is None:
        raise BadRequest(
            "Send the request in one piece, with its length in a Content-Length header.", reason="LENGTH_REQUIRED"
        )
    if length > max_bytes:
        raise BadRequest(f"The request is too large: send at most {max_bytes // 1024} KiB.", reason="BODY_TOO_LARGE")
    try:
        body: bytes = request.stream.read(length)
    except OSError:
        # The connection broke: there is no caller left to answer.
        body = b""
    return body


def discard_body(request: Request) -> None:
    """
    Discard the rest of a body, up to more than Cloud Run lets through. A server that closes a connection while bytes
    still arrive loses its answer.
    """
    try:
        for _ in range(_DISCARDED_MAX_BYTES // _PIECE_BYTES):
            if not request.stream.read(_PIECE_BYTES):
                return
    except Exception:
        # Errors in bytes that are discarded do not matter.
        return


def data_of(body: bytes) -> object:
    """
    Return the value of `data` in the body of a callable or of a task. Pure.

    Raises:
        BadRequest: It is not an object with this field alone (never).
    """
    sent = parse_json(body)
    if not isinstance(sent, dict) or sent.keys() != {"data"}:
        raise BadRequest(
            "Send a JSON object whose only field is data, with your request in it.", reason="ENVELOPE_INVALID"
        )
    return sent["data"]


def parse_json(body: bytes) -> object:
    """
    Parse a body as JSON. Refuse what readers could understand in more than one way, or cannot store: names that come
    twice in one object, numbers that are not finite, unpaired surrogates, unlimited nesting. Pure.

    Raises:
        BadRequest: It is not such JSON (never).
    """
    try:
        parsed = json.loads(body.decode(), object_pairs_hook=_object, parse_constant=_refuse, parse_float=_number)
        _check(parsed, DEPTH_MAX)
    except (ValueError, RecursionError):
        # A `ValueError` repeats what was sent, so its text is not sent back.
        raise BadRequest(
            "The body is not valid JSON in UTF-8, or is nested too deeply, or names a field twice.",
            reason="BODY_NOT_JSON",
        ) from None
    return parsed


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("a name comes twice")
    return fields


def _refuse(_name: str) -> NoReturn:
    raise ValueError("NaN and infinity are no JSON")


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError("beyond what a number can be")
    return value


def _check(value: object, depth: int) -> None:
    """
    Check the nesting and the texts of a parsed value.

    Raises:
        ValueError: It is nested more deeply than `depth`, or has a text that cannot be written in UTF-8.
    """
    if isinstance(value, str):
        value.encode()
    elif isinstance(value, dict | list):
        if depth == 0:
            raise ValueError("nested too deeply")
        for inner in value:
            _check(inner, depth - 1)
        if isinstance(value, dict):
            for inner in value.values():
                _check(inner, depth - 1)
