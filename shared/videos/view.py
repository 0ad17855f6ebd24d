"""What clients see of a video: the ref in the session document.

Called by the reconciliations of videos, and by the checks that compare the two.
"""

from __future__ import annotations

from typing import Any

from shared.ports import ENTRY_PART
from shared.videos.model import Video, VideoState
from shared.videos.spec import VideoSpec


def shown(video: Video, spec: VideoSpec | None = None) -> dict[str, Any] | None:
    """
    Return what the session document should show of a video under `videos.{videoId}`; `None` for nothing. Pure.

    While a version plays, that version is shown as the video, and a later upload as its `replacement`.

    Args:
        video: The record.
        spec: What its document and its session say besides; `None` shows none of it.
    """
    if video.state is VideoState.GONE:
        return None
    failure = video.failure()
    latest = {
        "state": video.state.value,
        "percent": video.percent,
        "stage": None if video.stage is None else video.stage.value,
        **({} if failure is None else {"failure": failure}),
    }
    told: dict[str, Any] = {"provider": video.provider, "order": video.order}
    if spec is not None and spec.spec is not None and spec.spec.keep:
        told["keep"] = True
    plays = video.playable
    if plays is None:
        return {**told, "title": video.upload.title, "durationS": None, **latest}
    if plays.trouble is not None:
        told |= {"state": VideoState.FAILED.value, "failure": plays.trouble.to_fields()}
    else:
        told |= {"state": VideoState.READY.value}
    archive = None if spec is None else spec.archive
    if archive is not None and archive["entryId"] == plays.external_ids.get(ENTRY_PART):
        told["archive"] = {name: value for name, value in archive.items() if name != "entryId"}
    told |= {"title": plays.title, "durationS": plays.duration_s, "percent": 100, "stage": None}
    return told if video.state is VideoState.READY else {**told, "replacement": {"title": video.upload.title, **latest}}
