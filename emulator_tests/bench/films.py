"""Films that are ready, as the simulations of a large school record them without uploading each."""

from __future__ import annotations

from datetime import datetime

from shared.identity import SessionIdentity
from shared.ports import Parts, UploadWish
from shared.videos.model import Playable, Video, VideoState


def ready_film(
    session: SessionIdentity,
    provider: str,
    number: int,
    upload: UploadWish,
    reference: str,
    parts: Parts,
    at: datetime,
) -> Video:
    """
    Return the record of a film that is ready since then, as the first that was uploaded for it. Pure.
    """
    playable = Playable(reference, parts, upload.title, 60.0, 1000, "video/mp4", at)
    return Video(
        session,
        provider,
        at,
        number,
        upload,
        asked_at=at,
        state=VideoState.READY,
        generation=1,
        percent=100,
        playable=playable,
    )
