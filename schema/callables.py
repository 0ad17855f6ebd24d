"""The errors of each callable, and an example of a call.

Written to `callables.json`, with the requests and answers that `functions/` declares, and to docs/api.md, by `make
docs`. Never imported in the cloud.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

COMMON: Final = (
    "BODY_NOT_JSON",
    "BODY_TOO_LARGE",
    "CONTENT_TYPE_NOT_JSON",
    "DATA_NOT_AN_OBJECT",
    "ENVELOPE_INVALID",
    "FIELD_INVALID",
    "FIELD_MISSING",
    "FIELD_UNKNOWN",
    "LENGTH_REQUIRED",
    "METHOD_NOT_ALLOWED",
    "SIGN_IN_REQUIRED",
    "SIGN_IN_INVALID",
    "SIGN_IN_ENDED",
    "SIGN_IN_UNCHECKED",
    "ACCOUNT_ID_UNUSABLE",
    "APP_CHECK_FAILED",
    "CALLS_TOO_MANY",
    "CONFLICT",
    "PROVIDER_UNAVAILABLE",
    "PROVIDER_REFUSED",
    "NOT_SET_UP",
    "INTERNAL",
)
"""The codes of every callable."""

_UPLOAD: Final = (
    "TEACHER_ONLY SESSION_NOT_FOUND FILE_NAME_INVALID FILE_TYPE_NOT_SUPPORTED FILE_EMPTY FILE_TOO_LARGE TITLE_INVALID "
    "QUOTA_USED_UP UPLOADS_OPEN_TOO_MANY UPLOAD_TOKENS_TOO_MANY UPLOAD_NOT_READY UPLOAD_TIME_TOO_SHORT "
    "UPLOAD_REQUESTS_TOO_MANY PAUSED REQUEST_ID_USED"
)
_ENDED: Final = "VIDEO_DELETED UPLOAD_REPLACED UPLOAD_CANCELLED UPLOAD_COMPLETE UPLOAD_FAILED UPLOAD_EXPIRED"
_INGEST: Final = (
    "TEACHER_ONLY SESSION_NOT_FOUND NO_LIVE_EVENT EVENT_NOT_READY EVENT_FAILED LIVE_EVENTS_NOT_OFFERED PAUSED"
)
_JOIN: Final = (
    "SESSION_NOT_FOUND NO_LIVE_EVENT EVENT_NOT_READY EVENT_FAILED SESSION_NOT_OPEN_YET SESSION_OVER "
    "ANONYMOUS_NOT_ADMITTED LIVE_EVENTS_NOT_OFFERED NO_PLAYER_KEY"
)

_VIDEO: Final = {"videoId": "9f86d081884c7d659a2f"}
_LIVE: Final = {"sessionId": "questions-1"}
_TOKEN: Final = {
    "videoId": "9f86d081884c7d659a2f",
    "provider": "kaltura",
    "issuedAt": "2026-11-29T12:00:00Z",
    "expiresAt": "2026-11-29T14:00:00Z",
    "uploadUntil": "2026-12-06T12:00:00Z",
    "minKbps": 1,
    "receivedBytes": 0,
    "upload": {
        "protocol": "kaltura",
        "url": "https://www.kaltura.com/api_v3/service/uploadtoken/action/upload",
        "ks": "djJ8…",
        "uploadTokenId": "0_5a6b7c8d",
        "chunkSizeBytes": 5000000,
    },
}
_INGESTED: Final = {
    **_LIVE,
    "url": "rtmp://…",
    "backupUrl": "rtmp://…",
    "streamName": "0_9a8b7c6d_%i",
    "streamKey": "5f2e…",
}
_ERASED: Final = {
    "erasureId": "2c26b46b68ffc68ff99b",
    "state": "marking",
    "sessions": 0,
    "enrolments": 0,
    "videos": 0,
    **dict.fromkeys(("videosLeft", "copiesLeft", "eventsLeft", "deletionsLeft", "deletionsDead")),
}
_ISSUED: Final = {"issuedAt": "2026-11-29T12:00:00Z"}
_UNTIL: Final = {"expiresAt": "2026-11-29T13:00:00Z", "renewAt": "2026-11-29T12:50:00Z"}


@dataclass(frozen=True, slots=True)
class Described:
    """
    What the code of a callable does not say of it.

    Attributes:
        errors: The codes that it can answer, without those of every callable.
        request: An example.
        answer: The answer to it.
    """

    errors: tuple[str, ...]
    request: Mapping[str, Any]
    answer: Mapping[str, Any]


def _described(errors: str, request: Mapping[str, Any], answer: Mapping[str, Any]) -> Described:
    return Described(tuple(errors.split()), request, answer)


DESCRIBED: Final = {
    "issueUploadToken": _described(
        f"{_UPLOAD} ORDER_INVALID PROVIDER_NOT_AVAILABLE {_ENDED}",
        {
            "sessionId": "fractions-1",
            "requestId": "4f1c",
            "fileName": "halves.mp4",
            "fileSizeBytes": 640000,
            "title": "Halves",
        },
        _TOKEN,
    ),
    "replaceVideo": _described(
        f"VIDEO_NOT_FOUND {_UPLOAD} {_ENDED}",
        {**_VIDEO, "requestId": "4f1d", "fileName": "halves-2.mp4", "fileSizeBytes": 650000},
        _TOKEN,
    ),
    "renewUploadToken": _described(
        "TEACHER_ONLY VIDEO_NOT_FOUND SESSION_NOT_FOUND UPLOAD_TOKENS_TOO_MANY UPLOAD_NOT_READY UPLOAD_TIME_TOO_SHORT "
        f"UPLOAD_REQUESTS_TOO_MANY PAUSED {_ENDED}",
        _VIDEO,
        _TOKEN,
    ),
    "uploadFinished": _described("TEACHER_ONLY VIDEO_NOT_FOUND", _VIDEO, _VIDEO),
    "cancelUpload": _described("TEACHER_ONLY VIDEO_NOT_FOUND UPLOAD_COMPLETE", _VIDEO, _VIDEO),
    "deleteVideo": _described("TEACHER_ONLY VIDEO_NOT_FOUND", _VIDEO, _VIDEO),
    "retryVideo": _described("TEACHER_ONLY VIDEO_NOT_FOUND NOTHING_FAILED RETRY_USELESS", _VIDEO, _VIDEO),
    "updateVideo": _described(
        "TEACHER_ONLY VIDEO_NOT_FOUND NOTHING_TO_CHANGE TITLE_INVALID ORDER_INVALID",
        {**_VIDEO, "title": "Halves and quarters", "order": 2},
        _VIDEO,
    ),
    "keepVideo": _described("TEACHER_ONLY VIDEO_NOT_FOUND", {**_VIDEO, "keep": True}, _VIDEO),
    "issuePlayback": _described(
        f"FIELDS_CONFLICT VIDEO_NOT_FOUND VIDEO_NOT_READY VIDEO_FAILED VIDEO_NOT_PLAYABLE {_JOIN}",
        _VIDEO,
        {
            **_VIDEO,
            "host": "kaltura",
            "playUrl": "https://www.kaltura.com/p/…/a.m3u8?ks=djJ8…",
            "manifestUrl": "https://www.kaltura.com/p/…/a.m3u8?ks=djJ8…",
            "progressiveUrl": "https://www.kaltura.com/p/…/a.mp4?ks=djJ8…",
            "thumbnailUrl": "https://www.kaltura.com/p/…/width/640?ks=djJ8…",
            "slides": {
                "timeline": "sessions/optics-1/slideTimelines",
                "startedAt": "2026-11-29T10:00:00Z",
                "token": "eyJ…",
                **_UNTIL,
            },
            **_ISSUED,
            **_UNTIL,
        },
    ),
    "joinSession": _described(
        _JOIN,
        _LIVE,
        {
            **_LIVE,
            "userId": "aB3…",
            "entryId": "0_9a8b7c6d",
            "virtualEventId": "41",
            "isModerator": False,
            "broadcast": "live",
            "player": {"manifestUrl": "https://…", "thumbnailUrl": "https://…", **_UNTIL},
            "chat": {"jwt": "eyJ…", **_UNTIL},
            "room": None,
            "slides": {"token": "eyJ…", **_UNTIL, "chat": None},
            "refreshableAt": None,
            **_ISSUED,
        },
    ),
    "setModerator": _described(
        "TEACHER_ONLY SESSION_NOT_FOUND OWNER_MODERATES MODERATORS_TOO_MANY USER_ID_UNUSABLE PAUSED",
        {**_LIVE, "uid": "aB3…", "isModerator": True},
        {**_LIVE, "uid": "aB3…", "isModerator": True, "isSettled": True},
    ),
    "getStreamIngest": _described(_INGEST, _LIVE, _INGESTED),
    "rotateStreamKey": _described(_INGEST, _LIVE, _INGESTED),
    "getKalturaSession": _described(
        "SESSION_NOT_FOUND PAUSED",
        _LIVE,
        {**_LIVE, "state": "ready", "broadcast": "offline", "entryId": "0_9a8b7c6d", "virtualEventId": "41"},
    ),
    "transferSession": _described(
        "TEACHER_ONLY SESSION_NOT_FOUND NEW_OWNER_UNABLE SESSION_OWNED_ALREADY SESSION_BUSY QUOTA_USED_UP "
        "UPLOADS_OPEN_TOO_MANY PAUSED",
        {"sessionId": "fractions-1", "uid": "cD4…"},
        {"sessionId": "fractions-1", "uid": "cD4…", "state": "moving"},
    ),
    "eraseContent": _described(
        "FIELDS_CONFLICT ADMIN_ONLY SIGN_IN_NOT_RECENT REQUEST_ID_USED PAUSED",
        {"requestId": "leaving-2026", "uid": "aB3…"},
        _ERASED,
    ),
    "getErasure": _described("ERASURE_NOT_FOUND", {"erasureId": _ERASED["erasureId"]}, _ERASED),
    "exportContent": _described(
        "ADMIN_ONLY",
        {"uid": "aB3…"},
        {
            "uid": "aB3…",
            "things": [
                {
                    "section": "enrolments",
                    "path": "enrolments/fractions-1_aB3…",
                    "fields": {"sessionId": "fractions-1", "uid": "aB3…", "createdAt": "2026-11-29T12:00:00Z"},
                }
            ],
            "after": None,
        },
    ),
    "requeueDeletion": _described(
        "ADMIN_ONLY DELETION_NOT_FOUND DELETION_NOT_GIVEN_UP",
        {"deletionId": "video:9f86d081:1:0f1e2d3c4b5a"},
        {"deletionId": "video:9f86d081:1:0f1e2d3c4b5a"},
    ),
}
"""Each callable, by its public name, in the order of docs/api.md."""
