"""Translate between Cloudflare Stream's terms and ours. Pure.

Called by the other files of this folder. The names of the API's fields and values are here and nowhere else.

Source: cloudflare/cloudflare-docs, src/content/docs/stream; the types of the SDK (cloudflare/types/stream).
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from shared.ports import MediaState, Stage

NO_ROOM: Final = "NO_ROOM"

PENDING_UPLOAD: Final = "pendingupload"

MEDIA_STATES: Final = {
    PENDING_UPLOAD: MediaState.AWAITING_UPLOAD,
    "downloading": MediaState.PROCESSING,
    "queued": MediaState.PROCESSING,
    "inprogress": MediaState.PROCESSING,
    "ready": MediaState.READY,
    "error": MediaState.ERROR,
    "live-inprogress": MediaState.PROCESSING,
}
"""`status.state` of a video. An unknown state counts as processing, so that its deadline ends it."""

STAGES: Final = {
    "downloading": Stage.RECEIVING,
    "queued": Stage.QUEUED,
    "inprogress": Stage.CONVERTING,
    "live-inprogress": Stage.RECEIVING,
}

REASONS: Final = {
    "ERR_NON_VIDEO": "The file is not a video.",
    "ERR_DURATION_EXCEED_CONSTRAINT": "The video is longer than is allowed.",
    "ERR_FETCH_ORIGIN_ERROR": "The file could not be fetched by the video provider. Upload it again.",
    "ERR_MALFORMED_VIDEO": "The file is damaged. Upload it again, or another copy of it.",
    "ERR_DURATION_TOO_SHORT": "The video is too short: it has less than a tenth of a second.",
}
UNKNOWN_REASON: Final = "The video provider could not convert the file. Upload it again, or another copy of it."
EXPIRED: Final = "The upload was not finished before its address expired. Start it again."

CREATOR_MAX: Final = 64
"""The longest creator that Cloudflare accepts."""

REFERENCE: Final = "greenroom"
"""The key in a video's `meta` for our whole reference, with the deployment's namespace before it."""

NAME: Final = "name"
"""The key in `meta` for the title."""

STAMP: Final = "greenroomsession"
"""The key in `meta` for the stamp, which says whose video it is."""

LIST_MAX: Final = 1000
"""The maximum number of videos in one list."""

IDS_MAX: Final = 200
"""The maximum number of ids in one request: an address of more than 16 KB is refused on its way."""

DURATION_MAX_S: Final = 21_600
"""The longest limit of an upload's duration that Cloudflare accepts."""


def theirs(namespace: str, reference: str) -> str:
    """
    Return what is in the `meta` of things created under our reference.
    """
    return f"{namespace}:{reference}"


def creator_of(namespace: str, reference: str) -> str:
    """
    Return the creator of things created under a reference. It is the only field that a list can be filtered by exactly.
    """
    whole = theirs(namespace, reference)
    if len(whole) <= CREATOR_MAX:
        return whole
    return f"sha256:{hashlib.sha256(whole.encode()).hexdigest()}"[:CREATOR_MAX]


def namespace_and_reference(video: Mapping[str, Any]) -> tuple[str, str] | None:
    """
    Return the namespace of a video's deployment and its reference, as recorded in the video; `None` if it has none.
    """
    meta = video.get("meta")
    whole = meta.get(REFERENCE) if isinstance(meta, Mapping) else None
    if not isinstance(whole, str):
        # The meta was edited by hand. The creator still has the reference, unless it was too long for that field.
        whole = video.get("creator")
    namespace, colon, reference = whole.partition(":") if isinstance(whole, str) else ("", "", "")
    return (namespace, reference) if colon else None


def ours(namespace: str, video: Mapping[str, Any]) -> str | None:
    """
    Return our reference of a video; `None` if it is not this deployment's.
    """
    told = namespace_and_reference(video)
    return told[1] if told is not None and told[0] == namespace else None


def of_meta(video: Mapping[str, Any], key: str) -> str:
    """
    Return a text of a video's `meta`, empty if there is none.
    """
    meta = video.get("meta")
    value = meta.get(key) if isinstance(meta, Mapping) else None
    return value if isinstance(value, str) else ""


def metadata(values: Mapping[str, str | None]) -> str:
    """
    Return an `Upload-Metadata` header: keys with their values in base64, a key alone if it has no value.

    Source: https://tus.io/protocols/resumable-upload, Upload-Metadata
    """
    return ",".join(
        key if value is None else f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in values.items()
    )


def instant(text: object) -> datetime | None:
    """
    Return an instant as the API sends it; `None` if it is not one.
    """
    try:
        return datetime.fromisoformat(text).astimezone(UTC) if isinstance(text, str) else None
    except ValueError:
        return None


def told_instant(at: datetime) -> str:
    """
    Return the text of an instant for the API.
    """
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def state_of(video: Mapping[str, Any]) -> str:
    """
    Return `status.state` of a video, empty if it has none.
    """
    return str(_status(video).get("state") or "")


def percent_of(video: Mapping[str, Any]) -> int | None:
    """
    Return `status.pctComplete`, which is text with decimals, as a whole number from 0 to 100; `None` if there is none.
    """
    try:
        return max(0, min(100, int(float(str(_status(video).get("pctComplete"))))))
    except ValueError:
        return None


def reason_of(video: Mapping[str, Any]) -> str:
    """
    Return a sentence that says why a video is in state `error`. Cloudflare spells the field in two ways.
    """
    status = _status(video)
    code = status.get("errorReasonCode") or status.get("errReasonCode")
    return REASONS.get(str(code), UNKNOWN_REASON)


def _status(video: Mapping[str, Any]) -> Mapping[str, Any]:
    status = video.get("status")
    return status if isinstance(status, Mapping) else {}
