"""Cloudflare Stream's words and ours. Pure.

Called by the other files of this folder. Names of the API's fields and values stand here and nowhere else.

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
"""`status.state` of a video. One that is not known counts as processing, so that its deadline ends it."""

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
"""The longest creator that Cloudflare takes."""

REFERENCE: Final = "greenroom"
"""The key in a video's `meta` under which our whole reference stands, with the deployment's namespace before it."""

NAME: Final = "name"
"""The key there under which the title stands."""

STAMP: Final = "greenroomsession"
"""The key there under which it stands whose video it is."""

LIST_MAX: Final = 1000
"""The most videos that a list gives at once."""

IDS_MAX: Final = 200
"""So many ids go into one question: an address of more than 16 KB is refused on its way."""

DURATION_MAX_S: Final = 21_600
"""The longest that Cloudflare takes as the limit of an upload."""


def theirs(namespace: str, reference: str) -> str:
    """
    What stands in the `meta` of what is made under a reference of ours.
    """
    return f"{namespace}:{reference}"


def creator_of(namespace: str, reference: str) -> str:
    """
    The creator of what is made under a reference: the only field by which a list can be asked for it exactly.
    """
    whole = theirs(namespace, reference)
    if len(whole) <= CREATOR_MAX:
        return whole
    return f"sha256:{hashlib.sha256(whole.encode()).hexdigest()}"[:CREATOR_MAX]


def namespace_and_reference(video: Mapping[str, Any]) -> tuple[str, str] | None:
    """
    Of which deployment, and of which of its things, a video is, as it stands there; `None` where it is of none.
    """
    meta = video.get("meta")
    whole = meta.get(REFERENCE) if isinstance(meta, Mapping) else None
    if not isinstance(whole, str):
        # Somebody has edited the meta: the creator still says it, unless it was too long for that.
        whole = video.get("creator")
    namespace, colon, reference = whole.partition(":") if isinstance(whole, str) else ("", "", "")
    return (namespace, reference) if colon else None


def ours(namespace: str, video: Mapping[str, Any]) -> str | None:
    """
    Our reference of a video; `None` where it is not this deployment's.
    """
    told = namespace_and_reference(video)
    return told[1] if told is not None and told[0] == namespace else None


def of_meta(video: Mapping[str, Any], key: str) -> str:
    """
    A text of a video's `meta`, empty where there is none.
    """
    meta = video.get("meta")
    value = meta.get(key) if isinstance(meta, Mapping) else None
    return value if isinstance(value, str) else ""


def metadata(values: Mapping[str, str | None]) -> str:
    """
    An `Upload-Metadata` header: keys with their values in base64, a key alone where there is no value.

    Source: https://tus.io/protocols/resumable-upload, Upload-Metadata
    """
    return ",".join(
        key if value is None else f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in values.items()
    )


def instant(text: object) -> datetime | None:
    """
    A point of time as the API tells it; `None` where it tells none.
    """
    try:
        return datetime.fromisoformat(text).astimezone(UTC) if isinstance(text, str) else None
    except ValueError:
        return None


def told_instant(at: datetime) -> str:
    """
    A point of time as the API reads it.
    """
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def state_of(video: Mapping[str, Any]) -> str:
    """
    `status.state` of a video, empty where it has none.
    """
    return str(_status(video).get("state") or "")


def percent_of(video: Mapping[str, Any]) -> int | None:
    """
    `status.pctComplete`, which is text with decimals, as a whole number from 0 to 100; `None` where there is none.
    """
    try:
        return max(0, min(100, int(float(str(_status(video).get("pctComplete"))))))
    except ValueError:
        return None


def reason_of(video: Mapping[str, Any]) -> str:
    """
    Why a video is in state `error`, in a sentence. Cloudflare spells the field in two ways.
    """
    status = _status(video)
    code = status.get("errorReasonCode") or status.get("errReasonCode")
    return REASONS.get(str(code), UNKNOWN_REASON)


def _status(video: Mapping[str, Any]) -> Mapping[str, Any]:
    status = video.get("status")
    return status if isinstance(status, Mapping) else {}
