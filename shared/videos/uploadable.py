"""Whether an upload still waits for its bytes, for whoever asks for a token of it. Pure.

Called by `grant`. Leaves to the reconciliation that it comes to wait for them, and to `budget` how many requests a
token allows.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from shared.core.errors import NotFound, Transient, WrongState
from shared.videos.model import PENDING, Spec, Video, VideoSpec, VideoState

UPLOAD_GRANT_MAX_S: Final = 2 * 3600


def upload_ends_at(record: Video, now: datetime) -> datetime:
    """
    When an upload token ends at the latest: with its upload. Pure.

    Raises:
        WrongState: That is over (never).
    """
    until = record.deadline_at or now + timedelta(seconds=UPLOAD_GRANT_MAX_S)
    if until < now + timedelta(seconds=1):
        raise WrongState("The time for this upload is over. Start a new one.", reason="UPLOAD_EXPIRED")
    return until


def repeated(spec: Spec, key: str, digest: str) -> int:
    """
    The number of the upload that a request had asked for before.

    Raises:
        WrongState: It was used for another file, or what it asked for is not wanted any more (never).
    """
    asked = next((one for one in spec.requests if one.key == key), None)
    if asked is not None and asked.digest != digest:
        raise WrongState("This requestId was used for another file. Choose a new one.", reason="REQUEST_ID_USED")
    number = 0 if asked is None else asked.number
    require_wanted(spec, number)
    return number


def require_wanted(spec: Spec, number: int) -> None:
    """
    Raises:
        WrongState: That upload is not wanted any more (never).
    """
    if spec.deleted:
        raise WrongState("This video was deleted. Choose a new requestId.", reason="VIDEO_DELETED")
    if number != spec.number:
        raise WrongState("This upload was replaced by a later one.", reason="UPLOAD_REPLACED")
    if spec.cancelled == number:
        raise WrongState("This upload was cancelled. Choose a new requestId.", reason="UPLOAD_CANCELLED")


def uploadable(video: Video | None, spec: VideoSpec, number: int, now: datetime) -> Video:
    """
    The video, where it waits for the bytes of that upload.

    Raises:
        NotFound: Its session is gone (never).
        WrongState: It does not wait for them any more, and never will (never).
        Transient: It does not wait for them yet (again).
    """
    if video is None or spec.spec is None or not spec.has_session:
        raise NotFound("There is no such session.", reason="SESSION_NOT_FOUND")
    require_wanted(spec.spec, number)
    if video.state is VideoState.GONE:
        raise WrongState("This video was deleted. Choose a new requestId.", reason="VIDEO_DELETED")
    failure = video.failure()
    if video.serving == number:
        if video.state is VideoState.UPLOADING:
            return video
        if video.state in PENDING or video.state is VideoState.READY:
            raise WrongState("This upload is complete. There is nothing left to send.", reason="UPLOAD_COMPLETE")
        if video.state is VideoState.FAILED and failure is not None:
            raise WrongState(f"This upload has failed: {failure['message']} Start a new one.", reason="UPLOAD_FAILED")
    retry_at = None if video.progress.failure is None else video.progress.failure.retry_at
    raise Transient(
        "The video provider is not ready for this upload yet. Try again in a moment.",
        provider=video.provider,
        operation="prepare",
        code="NOT_READY" if failure is None else str(failure["code"]),
        reason="UPLOAD_NOT_READY",
        retry_after_s=None if retry_at is None else max(0.0, (retry_at - now).total_seconds()),
    )
