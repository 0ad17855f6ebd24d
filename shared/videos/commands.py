"""What a teacher may wish of a video that is there: that it go, that its upload end, that a failure be tried again,
that it have another title or place.

Called by the callables of `functions/`. A spec is written down and a task left; leaves to the reconciliation that it
comes true. Every one of them may be wished again without harm.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

from shared.core.callers import Caller
from shared.core.errors import BadRequest, Conflict, NotFound, WrongState
from shared.core.paths import RECONCILE_VIDEO, session_path, video_path
from shared.ports import Clock, Document, Documents, Queue, Update
from shared.reconcile import AT_ONCE
from shared.reconcile.slots import enqueue
from shared.sessions.access import require_owner
from shared.sessions.model import Session, session_with
from shared.videos.model import Spec, Video, VideoState
from shared.videos.policy import check_order, checked_title

WRITES_MAX: Final = 10
"""How often a spec is written again where the video moved on meanwhile."""


def owned_video(caller: Caller, video_id: str, documents: Documents) -> tuple[Document, Session]:
    """
    A video and its session, where the caller is their teacher.

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
    The teacher wants no such video any more: whatever it has goes, wherever its upload stands. One that was deleted and
    is gone makes no work.

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
    The teacher does not want the latest upload of a video: what played before plays on, where nothing did the video
    goes.

    Raises:
        NotAllowed, NotFound: As `owned_video` (never).
        WrongState: The upload is complete (never).
        Conflict: The video moved on every time (again).
    """
    for _ in range(WRITES_MAX):
        document, _ = owned_video(caller, video_id, documents)
        video, spec = Video.from_document(document), Spec.from_document(document)
        if video.state is VideoState.READY and video.serving == spec.number and spec.cancelled != spec.number:
            raise WrongState("This upload is complete. Delete the video, or replace it.", reason="UPLOAD_COMPLETE")
        try:
            _wish(document.path, "cancelled", spec.number, documents, document)
        except Conflict:
            continue
        enqueue(queue, RECONCILE_VIDEO, video_id, clock)
        return
    raise Conflict("The video was changed at every try. Try again.")


def retry_video(caller: Caller, video_id: str, documents: Documents, queue: Queue, clock: Clock) -> None:
    """
    The teacher wants a failure tried again. Where its bytes are kept they are processed anew; where it failed before
    there were any, the upload waits for them again, and `renewUploadToken` gives the token.

    Raises:
        NotAllowed, NotFound: As `owned_video` (never).
        WrongState: Nothing has failed, or not in a way that could end otherwise (never).
        Conflict: The video moved on every time (again).
    """
    for _ in range(WRITES_MAX):
        document, _ = owned_video(caller, video_id, documents)
        video = Video.from_document(document)
        if video.state is not VideoState.FAILED or video.ended is None:
            raise WrongState(
                "Nothing about this video has failed, so there is nothing to retry.", reason="NOTHING_FAILED"
            )
        if not video.ended.retryable:
            raise WrongState(f"A retry would not help: {video.ended.message}", reason="RETRY_USELESS")
        try:
            _wish(document.path, "retry", video.failures, documents, document)
        except Conflict:
            continue
        enqueue(queue, RECONCILE_VIDEO, video_id, clock)
        return
    raise Conflict("The video was changed at every try. Try again.")


@dataclass(frozen=True, slots=True)
class Correction:
    """
    What a teacher corrects of a video; `None` leaves it as it is.

    Attributes:
        title: What viewers will read, of what plays and of an upload that is on its way.
        order: The place among the session's videos.
    """

    title: str | None = None
    order: int | None = None


def update_video(
    caller: Caller, video_id: str, correction: Correction, documents: Documents, queue: Queue, clock: Clock
) -> None:
    """
    The teacher wants a video to have another title, or another place.

    Raises:
        NotAllowed, NotFound: As `owned_video`; also where the video was deleted (never).
        BadRequest: Title or place cannot be, or neither is given (never).
        Conflict: The video moved on every time (again).
    """
    if correction.title is None and correction.order is None:
        raise BadRequest("Give the video another title, or another order.", reason="NOTHING_TO_CHANGE")
    title = None if correction.title is None else checked_title(correction.title)
    check_order(correction.order)
    for _ in range(WRITES_MAX):
        document, _ = owned_video(caller, video_id, documents)
        spec = Spec.from_document(document)
        if spec.deleted or document.fields["gone"]:
            raise NotFound("There is no such video.", reason="VIDEO_NOT_FOUND")
        if title is not None:
            upload = replace(spec.upload, title=title)
            spec = replace(spec, upload=upload, new_title=title, corrections=spec.corrections + 1)
        if correction.order is not None:
            spec = replace(spec, new_order=correction.order)
        try:
            documents.commit(
                Update(document.path, {"wish": spec.to_fields(), "dueAt": AT_ONCE}, if_version=document.version)
            )
        except Conflict:
            continue
        enqueue(queue, RECONCILE_VIDEO, video_id, clock)
        return
    raise Conflict("The video was changed at every try. Try again.")


def upload_finished(caller: Caller, video_id: str, documents: Documents, queue: Queue, clock: Clock) -> None:
    """
    The client believes that all bytes are there: have a look. Nothing depends on it.

    Raises:
        NotAllowed, NotFound: As `owned_video` (never).
    """
    owned_video(caller, video_id, documents)
    enqueue(queue, RECONCILE_VIDEO, video_id, clock)


def _wish(path: str, name: str, value: Any, documents: Documents, seen: Document | None = None) -> None:
    """
    Write one wish, on condition that nothing has changed since the document was seen, where that matters.
    """
    changes: dict[tuple[str, ...], Any] = {("wish", name): value, ("dueAt",): AT_ONCE}
    documents.commit(Update(path, changes, if_version=None if seen is None else seen.version))
