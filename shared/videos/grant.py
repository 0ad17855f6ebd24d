"""What a caller may get for a video: a token to upload one, a token to play one.

Called by the callables of `functions/`. Leaves to `shared/access.py` who may, to `policy` what may, to the visit that
it comes to exist, and to the provider what a token looks like.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import timedelta

from shared.access import Caller, require_owner, require_viewer
from shared.errors import Conflict, NotFound, TooMany, Transient, WrongState
from shared.paths import VIDEOS, enrolment_path, session_path, video_path
from shared.ports import Clock, Condition, Create, Documents, Grant, Operator, Query, Queue, UploadWish
from shared.reconcile import LEASE_S, Progress, visit
from shared.sessions.model import Session
from shared.sessions.pairing import retrieve_or_create
from shared.videos import Videos
from shared.videos.feed import Feed
from shared.videos.model import NOT_SHOWN, PENDING, Video, VideoState
from shared.videos.policy import check_size, checked_file_name, checked_title

UPLOAD_GRANT_MAX_S = 2 * 3600
PLAYBACK_MARGIN_S = 30 * 60


@dataclass(frozen=True, slots=True)
class UploadRequest:
    """
    What a teacher asks for.

    Attributes:
        session_id: Of his session.
        request_id: Chosen by the client, the same when it repeats the request.
        file_name: Of the file on his machine.
        size_bytes: Of the file.
        title: What viewers will read; `None` takes the file's name.
    """

    session_id: str
    request_id: str
    file_name: str
    size_bytes: int
    title: str | None


@dataclass(frozen=True, slots=True)
class UploadToken:
    """
    The answer: which video it is, and the grant to send its bytes.
    """

    video_id: str
    grant: Grant


def issue_upload_token(
    caller: Caller, request: UploadRequest, videos: Videos, feed: Feed, documents: Documents, queue: Queue, clock: Clock
) -> UploadToken:
    """
    Make the empty video at the provider and let the caller send its bytes. Repeatable: the same request gets the same
    video.

    Raises:
        NotAllowed: The caller is no teacher, or not this session's (never).
        NotFound: There is no such session (never).
        BadRequest: Name, title or size are not allowed (never).
        TooMany: Too many uploads are open (once one of them has ended).
        WrongState: The request was used for another file, or its video has failed (never).
        Transient: The provider is not ready yet; the same request goes on where it was (again).
    """
    (document,) = documents.read(session_path(request.session_id))
    session = require_owner(caller, None if document is None else Session.from_document(document))
    wish = UploadWish(
        title=checked_title(request.title if request.title is not None else request.file_name),
        file_name=checked_file_name(request.file_name),
        size_bytes=request.size_bytes,
        owner_uid=caller.uid,
    )
    check_size(wish.size_bytes, videos.policy)
    video_id = _digest(session.id, caller.uid, request.request_id)[:20]
    digest = _digest(wish.title, wish.file_name, wish.size_bytes)
    (existing,) = documents.read(video_path(video_id))
    if existing is None:
        _require_room(caller, videos, documents)
        retrieve_or_create(documents, session.id)
        now = clock()
        # Due from the beginning: should we die before the visit, the sweep goes on with it.
        due = Progress(due_at=now + timedelta(seconds=LEASE_S))
        video = Video(session.id, videos.media.name, wish, digest, now, progress=due)
        try:
            documents.commit(Create(video_path(video_id), video.to_fields()))
        except Conflict:
            (existing,) = documents.read(video_path(video_id))
    if existing is not None and existing.fields["requestDigest"] != digest:
        raise WrongState("This request id was used for another file. Choose a new one.")
    look = visit(videos, video_id, documents, queue, clock)
    if look.record is None or not look.wish.wanted:
        raise NotFound("There is no such session.")
    _require_uploadable(look.record)
    feed.wake()
    return UploadToken(video_id, videos.media.upload_grant(look.record.parts, wish, UPLOAD_GRANT_MAX_S))


def issue_playback(caller: Caller, video_id: str, videos: Videos, documents: Documents) -> Grant:
    """
    Let the caller play one video for as long as watching it takes.

    Raises:
        NotFound: There is no such video for this caller (never).
        WrongState: It is not ready (again, once it is).
    """
    unknown = NotFound("There is no such video, or you are not enrolled in its session.")
    (document,) = documents.read(video_path(video_id))
    if document is None:
        raise unknown
    video = Video.from_document(document)
    session, enrolment = documents.read(session_path(video.session_id), enrolment_path(video.session_id, caller.uid))
    try:
        require_viewer(caller, None if session is None else Session.from_document(session), enrolment)
    except NotFound:
        raise unknown from None
    if video.state is not VideoState.READY:
        raise WrongState("This video is not ready to play.")
    return videos.media.playback_grant(video.parts, caller.uid, playback_lifetime_s(video.duration_s or 0.0))


def playback_lifetime_s(duration_s: float) -> int:
    """
    For how long a grant to play a video lasts: its length, and for pauses half of it or half an hour. Pure.
    """
    return int(duration_s + max(PLAYBACK_MARGIN_S, duration_s / 2))


def _require_room(caller: Caller, videos: Videos, documents: Documents) -> None:
    most = videos.policy.uploads_in_flight_max
    open_states = [VideoState.REQUESTED.value, VideoState.PREPARING.value, VideoState.UPLOADING.value]
    conditions = (
        Condition("ownerUid", Operator.EQUAL, caller.uid),
        Condition("state", Operator.IN, open_states),
    )
    if len(documents.select(Query(VIDEOS, conditions, limit=most))) >= most:
        raise TooMany(f"You have {most} uploads open. Finish one of them first.")


def _require_uploadable(video: Video) -> None:
    """
    Raises:
        WrongState: The video does not wait for bytes any more, and never will (never).
        Transient: It does not wait for them yet (again).
    """
    if video.state is VideoState.UPLOADING:
        return
    failure = video.failure()
    if video.state in NOT_SHOWN:
        raise WrongState("This upload was deleted. Choose a new request id.")
    if video.state in PENDING or video.state is VideoState.READY:
        raise WrongState("This upload is complete.")
    if video.state is VideoState.FAILED and failure is not None:
        raise WrongState(f"This upload has failed: {failure['message']} Start a new one.")
    raise Transient(
        "The video provider is not ready for this upload yet. Try again in a moment.",
        provider=video.provider,
        operation="prepare",
        code="NOT_READY" if failure is None else str(failure["code"]),
    )


def _digest(*values: str | int) -> str:
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()
