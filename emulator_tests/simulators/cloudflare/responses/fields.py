"""The forms of Cloudflare's JSON: the envelope, a video, and what requests may hold.

Called by every room that answers.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from starlette.responses import JSONResponse, Response

from emulator_tests.simulators.cloudflare.errors import ApiError, bad_request
from emulator_tests.simulators.cloudflare.models.account import State, Video, World

MAX_DURATION_S = 21_600
CREATOR_MAX = 64


def done(result: Any, status: int = 200, **more: Any) -> Response:
    """An answer that all went well."""
    return JSONResponse({"result": result, "success": True, "errors": [], "messages": [], **more}, status)


def refused(error: ApiError) -> Response:
    """An answer that it did not."""
    body = {
        "result": None,
        "success": False,
        "errors": [{"code": error.code, "message": error.message}],
        "messages": [],
    }
    return JSONResponse(body, error.status, error.headers)


def video(world: World, one: Video) -> dict[str, Any]:
    """A video as the API tells it."""
    root = f"{world.base_url}/{one.uid}"
    prefix = world.settings.reason_prefix
    status: dict[str, Any] = {
        "state": one.state.value,
        "pctComplete": f"{one.percent:.6f}" if one.state in (State.IN_PROGRESS, State.READY) else "",
        f"{prefix}Code": one.error_code,
        f"{prefix}Text": one.error_text,
    }
    if one.state in (State.IN_PROGRESS, State.ERROR):
        status["step"] = "encoding"
    return {
        "uid": one.uid,
        "creator": one.creator,
        "thumbnail": f"{root}/thumbnails/thumbnail.jpg",
        "thumbnailTimestampPct": one.thumbnail_timestamp_pct,
        "readyToStream": one.plays,
        "readyToStreamAt": world.instant(one.modified_s) if one.plays else None,
        "status": status,
        "meta": one.meta,
        "created": world.instant(one.created_s),
        "modified": world.instant(one.modified_s),
        "scheduledDeletion": one.scheduled_deletion,
        "size": one.size_bytes,
        "preview": f"{root}/watch",
        "allowedOrigins": one.allowed_origins,
        "requireSignedURLs": one.require_signed_urls,
        "uploaded": None if one.uploaded_s is None else world.instant(one.uploaded_s),
        "uploadExpiry": None if one.upload_expires_s is None else world.instant(one.upload_expires_s),
        "maxSizeBytes": None,
        "maxDurationSeconds": one.max_duration_s,
        "duration": one.duration_s,
        "input": {"width": one.width, "height": one.height},
        "playback": {"hls": f"{root}/manifest/video.m3u8", "dash": f"{root}/manifest/video.mpd"},
        "watermark": None,
        "liveInput": None,
        "clippedFrom": None,
    }


def metadata(header: str) -> dict[str, str]:
    """What an `Upload-Metadata` header holds.

    Raises:
        ApiError: It is none.
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
    """A limit of an upload's length.

    Raises:
        ApiError: It is none.
    """
    try:
        seconds = int(str(value))
    except ValueError:
        raise bad_request("maxDurationSeconds is a whole number") from None
    if not 1 <= seconds <= MAX_DURATION_S:
        raise bad_request(f"maxDurationSeconds is between 1 and {MAX_DURATION_S}")
    return seconds


def instant(text: object, name: str) -> float:
    """A point of time in a request.

    Raises:
        ApiError: It is none.
    """
    try:
        at = datetime.fromisoformat(str(text))
    except ValueError:
        raise bad_request(f"{name} is a date and time of RFC 3339") from None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


def creator(value: object) -> str | None:
    """A creator.

    Raises:
        ApiError: It is too long.
    """
    if value is None:
        return None
    if not isinstance(value, str) or len(value) > CREATOR_MAX:
        raise bad_request(f"a creator has at most {CREATOR_MAX} characters")
    return value


def flag(sent: Mapping[str, Any], name: str) -> bool:
    """A yes or no in a body.

    Raises:
        ApiError: It is neither.
    """
    value = sent.get(name, False)
    if not isinstance(value, bool):
        raise bad_request(f"{name} is true or false")
    return value
