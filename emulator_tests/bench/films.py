"""Sessions with ready videos, written directly for simulations of a large school, without an upload for each."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from emulator_tests.memory import MemoryMedia
from shared.core.identity import SessionIdentity
from shared.core.paths import pairing_path, session_path, video_path
from shared.ports import Create, Documents, ExternalIds, MediaState, Observation, UploadSpec
from shared.sessions.model import Pairing
from shared.videos.decide import reference_of
from shared.videos.model import Playable, Video, VideoState
from shared.videos.spec import Spec
from shared.videos.view import shown

READY: Final = Observation(MediaState.READY, 100, duration_s=60.0, size_bytes=1000, media_type="video/mp4")
VIDEO_ID_DIGITS: Final = 20


UploadFilm = Callable[[str, UploadSpec], ExternalIds]
"""Returns an upload's external ids, given its reference and its spec."""


def uploading(media: MemoryMedia) -> UploadFilm:
    """
    Return a function that makes an upload ready at the provider.
    """

    def upload_film(reference: str, upload: UploadSpec) -> ExternalIds:
        external_ids = media.prepare_upload(reference, upload)
        media.show(external_ids, READY)
        return external_ids

    return upload_film


def write_session(
    documents: Documents,
    session: SessionIdentity,
    provider: str,
    videos: int,
    upload_film: UploadFilm,
) -> list[str]:
    """
    Write a public on-demand session, its pairing, and ready videos.

    Args:
        documents: Where they are written, in one commit.
        session: The session. Everything in it is created at the same time as the session.
        provider: The videos' provider.
        videos: The number of videos.
        upload_film: Uploads each of them.

    Returns:
        The ids of the videos, in their order.
    """
    at = session.created_at
    assert at is not None
    refs: dict[str, Any] = {}
    writes = []
    for number in range(videos):
        video_id = f"{session.session_id}{number:03}".encode().hex()[-VIDEO_ID_DIGITS:]
        upload = UploadSpec(f"Film {number}", "film.mp4", 1000)
        reference = reference_of(video_id, 1)
        video = _ready_film(session, provider, number, upload, reference, upload_film(reference, upload), at)
        refs[video_id] = shown(video)
        writes.append(Create(video_path(video_id), {**video.to_fields(), "wish": Spec(upload, at).to_fields()}))
    fields = {
        "ownerUid": session.owner_uid,
        "createdAt": at,
        "updatedAt": at,
        "title": "Algebra",
        "status": "public",
        "format": "onDemand",
        "visibility": "open",
        "kalturaSession": True,
        "videos": refs,
    }
    record = Create(pairing_path(session.session_id), Pairing(session).to_fields())
    documents.commit(Create(session_path(session.session_id), fields), record, *writes)
    return list(refs)


def _ready_film(
    session: SessionIdentity,
    provider: str,
    number: int,
    upload: UploadSpec,
    reference: str,
    external_ids: ExternalIds,
    at: datetime,
) -> Video:
    """
    Return the document of a video whose first upload has been ready since then. Pure.
    """
    playable = Playable(reference, external_ids, upload.title, 60.0, 1000, "video/mp4", at)
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
