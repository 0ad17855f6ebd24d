"""The JSON form of a video, in answers and in webhooks."""

from __future__ import annotations

from typing import Any

from emulator_tests.simulators.cloudflare.models.account import Account
from emulator_tests.simulators.cloudflare.models.video import State, Video


def video_json(account: Account, video: Video) -> dict[str, Any]:
    """Return a video in the form of `GET /stream/{uid}`."""
    root = f"{account.base_url}/{video.uid}"
    prefix = account.settings.reason_prefix
    status: dict[str, Any] = {
        "state": video.state.value,
        "pctComplete": f"{video.percent:.6f}" if video.state in (State.IN_PROGRESS, State.READY) else "",
        f"{prefix}Code": video.error_code,
        f"{prefix}Text": video.error_text,
    }
    if video.state in (State.IN_PROGRESS, State.ERROR):
        status["step"] = "encoding"
    return {
        "uid": video.uid,
        "creator": video.creator,
        "thumbnail": f"{root}/thumbnails/thumbnail.jpg",
        "thumbnailTimestampPct": video.thumbnail_timestamp_pct,
        "readyToStream": video.plays,
        "readyToStreamAt": account.instant(video.modified_s) if video.plays else None,
        "status": status,
        "meta": video.meta,
        "created": account.instant(video.created_s),
        "modified": account.instant(video.modified_s),
        "scheduledDeletion": video.scheduled_deletion,
        "size": video.size_bytes,
        "preview": f"{root}/watch",
        "allowedOrigins": video.allowed_origins,
        "requireSignedURLs": video.require_signed_urls,
        "uploaded": None if video.uploaded_s is None else account.instant(video.uploaded_s),
        "uploadExpiry": None if video.upload_expires_s is None else account.instant(video.upload_expires_s),
        "maxSizeBytes": None,
        "maxDurationSeconds": video.max_duration_s,
        "duration": video.duration_s,
        "input": {"width": video.width, "height": video.height},
        "playback": {"hls": f"{root}/manifest/video.m3u8", "dash": f"{root}/manifest/video.mpd"},
        "watermark": None,
        "liveInput": None,
        "clippedFrom": None,
    }
