"""Check whether an upload still waits for its bytes, before a token for it is given. Pure.

Called by `upload_tokens`. The reconciliation brings the upload to that state, and `budget` limits the requests of a
token.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from shared.core.errors import NotFound, Transient, WrongState
from shared.videos.model import PENDING, Video, VideoState
from shared.videos.spec import Spec, VideoSpec

UPLOAD_GRANT_MAX_S: Final = 2 * 3600


def upload_ends_at(record: Video, now: datetime) -> datetime:
    """
    Return when an upload token ends at the latest: with its upload. Pure.

    Raises:
        WrongState: That is over (never).
    """
    until = record.deadline_at or now + timedelta(seconds=UPLOAD_GRANT_MAX_S)
    if until < now + timedelta(seconds=1):
        raise WrongState("The time for this upload is over. Start a new one.", reason="UPLOAD_EXPIRED")
    return until


def repeated(spec: Spec, key: str, digest: str) -> int:
    """
    Return the number of the upload that an earlier, identical request asked for.

    Raises:
        WrongState: The request id was used for another file, or that upload is no longer wanted (never).
    """
    asked = next((one for one in spec.requests if one.key == key), None)
    if asked is not None and asked.digest != digest:
        raise WrongState("This requestId was used for another file. Choose a new one.", reason="REQUEST_ID_USED")
    number = 0 if asked is None else asked.number
    require_wanted(spec, number)
    return number


def require_wanted(spec: Spec, number: int) -> None:
    """
    Refuse an upload that is no longer wanted.

    Raises:
        WrongState: It is not (never).
    """
    if spec.deleted:
        raise WrongState("This video was deleted. Choose a new requestId.", reason="VIDEO_DELETED")
    if number != spec.number:
        raise WrongState("This upload was replaced by a later one.", reason="UPLOAD_REPLACED")
    if spec.cancelled == number:
        raise WrongState("This upload was cancelled. Choose a new requestId.", reason="UPLOAD_CANCELLED")


def uploadable(video: Video | None, spec: VideoSpec, number: int, now: datetime) -> Video:
    """
    Return the video if it waits for the bytes of this upload.

    Raises:
        NotFound: Its session is gone (never).
        WrongState: It no longer waits for them, and never will (never).
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
