"""What a written record of a video says has happened, for the school's own app. Pure. Called by the Controller."""

from __future__ import annotations

from shared.publishing.model import EventType, Happening
from shared.videos.model import Video, VideoState


def happened(video_id: str, before: Video | None, record: Video) -> tuple[Happening, ...]:
    """
    Return what happened between two records of a video: another version plays, an upload failed, or it is gone. A
    cancelled replacement is no news, because the earlier version still plays.
    """
    session_id = record.session.session_id
    played = None if before is None or before.playable is None else before.playable.reference
    found = []
    if record.playable is not None and record.playable.reference != played:
        found.append(Happening(EventType.VIDEO_READY, session_id, video_id, record.playable.ready_at))
    if record.state is VideoState.FAILED and (before is None or before.failures != record.failures):
        found.append(Happening(EventType.VIDEO_FAILED, session_id, video_id, record.history[-1].at))
    if record.state is VideoState.GONE and (before is None or before.state is not VideoState.GONE):
        found.append(Happening(EventType.VIDEO_DELETED, session_id, video_id, record.history[-1].at))
    return tuple(found)
