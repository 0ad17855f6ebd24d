"""Fields of requests, read and checked: the JSON body, `Upload-Metadata`, durations, instants, creators, flags.

Called by the other modules here.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request

from emulator_tests.simulators.cloudflare.errors import bad_request

MAX_DURATION_S = 21_600
CREATOR_MAX = 64


async def body(request: Request) -> dict[str, Any]:
    """Return the JSON object in the body; an empty body is an empty object.

    Raises:
        ApiError: The body is not a JSON object.
    """
    raw = await request.body()
    try:
        sent = json.loads(raw) if raw else {}
    except ValueError:
        raise bad_request("the body is not JSON") from None
    if not isinstance(sent, dict):
        raise bad_request("the body is an object")
    return sent


def metadata(header: str) -> dict[str, str]:
    """Return the keys and decoded values of an `Upload-Metadata` header.

    Raises:
        ApiError: The header is malformed.
    """
    found: dict[str, str] = {}
    for pair in header.split(",") if header else ():
        key, space, value = pair.strip().partition(" ")
        if not key or not key.isascii() or " " in value:
            raise bad_request("Upload-Metadata holds keys and values in base64, separated by a space")
        try:
            found[key] = base64.b64decode(value, validate=True).decode() if space else ""
        except (binascii.Error, UnicodeDecodeError):
            raise bad_request(f"the value of {key} in Upload-Metadata is not base64") from None
    return found


def max_duration(value: object) -> int:
    """Return `maxDurationSeconds`.

    Raises:
        ApiError: It is not a whole number in range.
    """
    try:
        seconds = int(str(value))
    except ValueError:
        raise bad_request("maxDurationSeconds is a whole number") from None
    if not 1 <= seconds <= MAX_DURATION_S:
        raise bad_request(f"maxDurationSeconds is between 1 and {MAX_DURATION_S}")
    return seconds


def instant(text: object, name: str) -> float:
    """Return a date and time as seconds since the epoch.

    Raises:
        ApiError: It is not a date and time.
    """
    try:
        at = datetime.fromisoformat(str(text))
    except ValueError:
        raise bad_request(f"{name} is a date and time of RFC 3339") from None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


def creator(value: object) -> str | None:
    """Return the creator, None for none.

    Raises:
        ApiError: It is not a string, or too long.
    """
    if value is None:
        return None
    if not isinstance(value, str) or len(value) > CREATOR_MAX:
        raise bad_request(f"a creator has at most {CREATOR_MAX} characters")
    return value


def flag(sent: Mapping[str, Any], name: str) -> bool:
    """Return a boolean of a body, False where it is missing.

    Raises:
        ApiError: It is not a boolean.
    """
    value = sent.get(name, False)
    if not isinstance(value, bool):
        raise bad_request(f"{name} is true or false")
    return value


def expiry(told: object, now: float, default_s: float) -> float:
    """Return an expiry as seconds since the epoch; it must be in the future."""
    if told is None:
        return now + default_s
    expires_s = instant(told, "expiry")
    if expires_s <= now:
        raise bad_request("expiry is past")
    return expires_s


def whole(text: str | None, name: str) -> int:
    """Return the whole number of a header."""
    if text is None or not text.isascii() or not text.isdigit():
        raise bad_request(f"{name} is a whole number, not negative")
    return int(text)


def origins(text: str | None) -> list[str]:
    """Return `allowedorigins` of `Upload-Metadata`: a JSON list, or names separated by commas."""
    if not text:
        return []
    try:
        told = json.loads(text)
    except ValueError:
        told = text.split(",")
    if not isinstance(told, list):
        raise bad_request("allowedorigins is a list")
    return [str(each).strip() for each in told]


def share(value: object) -> float:
    """Return `thumbnailTimestampPct`, between 0 and 1."""
    try:
        share = float(str(value))
    except ValueError:
        raise bad_request("thumbnailTimestampPct is a number") from None
    if not 0 <= share <= 1:
        raise bad_request("thumbnailTimestampPct is between 0 and 1")
    return share
