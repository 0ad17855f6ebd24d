"""A teacher's commands for an existing video: delete it, cancel its upload, retry a failure, change its title or place.

Called by the callables of `functions/`. A command writes the spec and enqueues a task; the reconciliation carries it
out. Every command can be repeated without harm.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

from shared.core.callers import Caller
from shared.core.errors import BadRequest, NotFound, WrongState
from shared.core.paths import RECONCILE_VIDEO, session_path, video_path
from shared.core.retry import RetryOnConflict
from shared.ports import Clock, Document, Documents, Queue, Update
from shared.reconcile import AT_ONCE
from shared.reconcile.slots import enqueue
from shared.sessions.access import require_owner
from shared.sessions.session import Session, session_with
from shared.videos.model import Video, VideoState
from shared.videos.policy import check_order, checked_title
from shared.videos.spec import Spec

_CHANGED: Final = "The video was changed at every try. Try again."


def owned_video(caller: Caller, video_id: str, documents: Documents) -> tuple[Document, Session]:
    """
    Return a video and its session if the caller is their teacher.

    Raises:
        NotAllowed: The caller is no teacher, or not this session's (never).
        NotFound: There is no such video (never).
    """
    (document,) = documents.read(video_path(video_id))
    session = None
    if document is not None:
        identity = Video.from_document(document).session
        (found,) = documents.read(session_path(identity.session_id))
        session = session_with(identity, found)
    try:
        known = require_owner(caller, session)
    except NotFound:
        raise NotFound("There is no such video.", reason="VIDEO_NOT_FOUND") from None
    assert document is not None
    return document, known


def delete_video(caller: Caller, video_id: str, documents: Documents, queue: Queue, clock: Clock) -> None:
    """
    Delete a video with everything it has, in any state of its upload. A video that is deleted and gone already causes
    no work.

    Raises:
        NotAllowed, NotFound: As `owned_video` (never).
    """
    document, _ = owned_video(caller, video_id, documents)
    is_deleted = Spec.from_document(document).deleted
    if is_deleted and document.fields["gone"]:
        return
    if not is_deleted:
        _wish(document.path, "deleted", True, documents)
    enqueue(queue, RECONCILE_VIDEO, video_id, clock)


def cancel_upload(caller: Caller, video_id: str, documents: Documents, queue: Queue, clock: Clock) -> None:
    """
    Cancel the latest upload of a video. An earlier playable version stays; without one, the video is deleted.

    Raises:
        NotAllowed, NotFound: As `owned_video` (never).
        WrongState: The upload is complete (never).
        Conflict: The video changed every time (again).
    """
    retry = RetryOnConflict(_CHANGED)
    while True:
        document, _ = owned_video(caller, video_id, documents)
        video, spec = Video.from_document(document), Spec.from_document(document)
        if video.state is VideoState.READY and video.serving == spec.number and spec.cancelled != spec.number:
            raise WrongState("This upload is complete. Delete the video, or replace it.", reason="UPLOAD_COMPLETE")
        with retry:
            _wish(document.path, "cancelled", spec.number, documents, document)
            enqueue(queue, RECONCILE_VIDEO, video_id, clock)
            return


def retry_video(caller: Caller, video_id: str, documents: Documents, queue: Queue, clock: Clock) -> None:
    """
    Retry after a failure. If the bytes are kept they are processed again. If it failed before there were any, the
    upload waits for them again, and `renewUploadToken` gives the token.

    Raises:
        NotAllowed, NotFound: As `owned_video` (never).
        WrongState: Nothing has failed, or a retry could not help (never).
        Conflict: The video changed every time (again).
    """
    retry = RetryOnConflict(_CHANGED)
    while True:
        document, _ = owned_video(caller, video_id, documents)
        video = Video.from_document(document)
        if video.state is not VideoState.FAILED or video.ended is None:
            raise WrongState(
                "Nothing about this video has failed, so there is nothing to retry.", reason="NOTHING_FAILED"
            )
        if not video.ended.retryable:
            raise WrongState(f"A retry would not help: {video.ended.message}", reason="RETRY_USELESS")
        with retry:
            _wish(document.path, "retry", video.failures, documents, document)
            enqueue(queue, RECONCILE_VIDEO, video_id, clock)
            return


@dataclass(frozen=True, slots=True)
class Correction:
    """
    A teacher's correction of a video; `None` leaves a value as it is.

    Attributes:
        title: The title that viewers read, of the playable version and of an upload that is under way.
        order: The place among the session's videos.
    """

    title: str | None = None
    order: int | None = None


def update_video(
    caller: Caller, video_id: str, correction: Correction, documents: Documents, queue: Queue, clock: Clock
) -> None:
    """
    Give a video another title, or another place.

    Raises:
        NotAllowed, NotFound: As `owned_video`; also if the video was deleted (never).
        BadRequest: Title or place is invalid, or neither is given (never).
        Conflict: The video changed every time (again).
    """
    if correction.title is None and correction.order is None:
        raise BadRequest("Give the video another title, or another order.", reason="NOTHING_TO_CHANGE")
    title = None if correction.title is None else checked_title(correction.title)
    check_order(correction.order)
    retry = RetryOnConflict(_CHANGED)
    while True:
        document, _ = owned_video(caller, video_id, documents)
        spec = Spec.from_document(document)
        if spec.deleted or document.fields["gone"]:
            raise NotFound("There is no such video.", reason="VIDEO_NOT_FOUND")
        if title is not None:
            upload = replace(spec.upload, title=title)
            spec = replace(spec, upload=upload, new_title=title, corrections=spec.corrections + 1)
        if correction.order is not None:
            spec = replace(spec, new_order=correction.order)
        with retry:
            documents.commit(
                Update(document.path, {"wish": spec.to_fields(), "dueAt": AT_ONCE}, if_version=document.version)
            )
            enqueue(queue, RECONCILE_VIDEO, video_id, clock)
            return


def keep_video(caller: Caller, video_id: str, documents: Documents, queue: Queue, clock: Clock, *, keep: bool) -> None:
    """
    Keep a video out of the archive, or no longer.

    Raises:
        NotAllowed, NotFound: As `owned_video`; also if the video was deleted (never).
        Conflict: The video changed every time (again).
    """
    retry = RetryOnConflict(_CHANGED)
    while True:
        document, _ = owned_video(caller, video_id, documents)
        if Spec.from_document(document).deleted or document.fields["gone"]:
            raise NotFound("There is no such video.", reason="VIDEO_NOT_FOUND")
        with retry:
            _wish(document.path, "keep", keep, documents, document)
            enqueue(queue, RECONCILE_VIDEO, video_id, clock)
            return


def upload_finished(caller: Caller, video_id: str, documents: Documents, queue: Queue, clock: Clock) -> None:
    """
    Reconcile a video because the client believes that all bytes have arrived. Nothing depends on it.

    Raises:
        NotAllowed, NotFound: As `owned_video` (never).
    """
    owned_video(caller, video_id, documents)
    enqueue(queue, RECONCILE_VIDEO, video_id, clock)


def _wish(path: str, name: str, value: Any, documents: Documents, seen: Document | None = None) -> None:
    """
    Write one field of the spec; if `seen` is given, on condition that the document is unchanged since.
    """
    changes: dict[tuple[str, ...], Any] = {("wish", name): value, ("dueAt",): AT_ONCE}
    documents.commit(Update(path, changes, if_version=None if seen is None else seen.version))
