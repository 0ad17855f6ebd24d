"""Make an orphan the content of its video again.

Called by `owned`. An orphan is taken over like the recording of a live event: the
existing content is the video, nothing is uploaded, and the ordinary reconciliation observes it until it is ready.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from shared.core.errors import WrongState
from shared.core.identity import SessionIdentity
from shared.core.paths import RECONCILE_DELETION, RECONCILE_VIDEO
from shared.core.references import Reference
from shared.deletions.model import Reason, deletion_id, given_up
from shared.ports import Create, Document, ExternalIds, InventoryItem, Task, Update, UploadSpec, Write
from shared.reconcile import Progress
from shared.reconcile.deployment import Deployment
from shared.reconcile.owned import Claimed
from shared.sessions.adopting import require_present, session_of
from shared.sessions.pairing import retrieve_or_create
from shared.videos.model import Video, VideoState, named
from shared.videos.spec import Spec
from shared.videos.transitions import requested

BUSY = (VideoState.PREPARING, VideoState.RETRYING)
"""The states in which a call to the provider is under way."""


def adopt_video(deployment: Deployment, orphan: Claimed, external_ids: ExternalIds, session_id: str | None) -> None:
    """
    Make an orphan the content of its video; see `Owned.adopt`.
    """
    item, reference, documents = orphan.item, orphan.reference, deployment.documents
    (document,) = documents.read(reference.path)
    now = deployment.clock()
    if document is None:
        session = session_of(documents, item, session_id)
        identity = retrieve_or_create(documents, session)
        documents.commit(new_video(identity, session.title, item, reference, external_ids, now))
        deployment.queue.put(Task(RECONCILE_VIDEO, reference.key))
        return
    identity = Video.from_document(document).session
    require_present(documents, identity)
    if session_id is not None and session_id != identity.session_id:
        raise WrongState(f"This video belongs to the session {identity.session_id}.", reason="ORPHAN_NOT_ADOPTABLE")
    writes, tasks = taken_back(document, item, reference, external_ids, now)
    documents.commit(*writes)
    for task in tasks:
        deployment.queue.put(task)


def new_video(
    identity: SessionIdentity,
    title: str,
    item: InventoryItem,
    reference: Reference,
    external_ids: ExternalIds,
    now: datetime,
) -> Create:
    """
    Return the write of a video whose document was lost; it is due at once.

    Args:
        identity: Of the session that it belongs to.
        title: The session's title, used if the orphan has none.
        item: The orphan that has the content.
        reference: Its reference.
        external_ids: The ids of all its parts.
        now: This instant.
    """
    upload = UploadSpec(item.title or title, "", 0, external_ids)
    video = Video(
        identity,
        item.provider,
        item.created_at,
        # Its place is given in a turn of its teacher, who may be uploading at this moment.
        None,
        upload,
        asked_at=now,
        # It names the orphan from the beginning, because no other document does.
        generation=reference.generation,
        reference=str(reference),
        external_ids=external_ids,
        progress=Progress(due_at=now),
    )
    return Create(reference.path, {**video.to_fields(), "wish": Spec(upload, now).to_fields()})


def taken_back(
    document: Document, item: InventoryItem, reference: Reference, external_ids: ExternalIds, now: datetime
) -> tuple[tuple[Write, ...], tuple[Task, ...]]:
    """
    Return the writes that make an orphan the latest upload of an existing video, and the tasks for them. An upload that
    is under way is released; the playable version plays until the orphan does.

    Raises:
        WrongState: The video was deleted, plays something later, or another worker holds its claim (again, later).
    """
    video, spec = Video.from_document(document), Spec.from_document(document)
    if video.state is VideoState.GONE or spec.deleted:
        raise WrongState("The video was deleted. Delete the rest of it with --delete-content.", reason="VIDEO_DELETED")
    if video.progress.claim is not None or video.state in BUSY:
        raise WrongState("A task is working on this video. Try again in a few minutes.", reason="ORPHAN_BUSY")
    if video.playable is not None and reference.generation <= video.generation:
        raise WrongState(
            "The video plays a newer file. Delete this one with --delete-content.", reason="ORPHAN_NOT_ADOPTABLE"
        )
    number = max(spec.number, video.serving) + 1
    upload = UploadSpec(item.title or video.upload.title, "", 0, external_ids)
    record = replace(
        requested(video, now),
        upload=upload,
        asked_at=now,
        serving=number,
        generation=max(video.generation, reference.generation),
        reference=str(reference),
        external_ids=external_ids,
        progress=Progress(due_at=now),
    )
    spec = replace(spec, upload=upload, asked_at=now, number=number)
    dropped: Mapping[str, ExternalIds] = {
        name: one for name, one in named(video).items() if name not in named(record) or named(record)[name] != one
    }
    writes: list[Write] = [
        Update(document.path, {**record.to_fields(), "wish": spec.to_fields()}, if_version=document.version),
        *(given_up(video.provider, name, one, Reason.CANCELLED, now, video.session) for name, one in dropped.items()),
    ]
    tasks = [Task(RECONCILE_DELETION, deletion_id(name, one)) for name, one in dropped.items()]
    return tuple(writes), (Task(RECONCILE_VIDEO, document.id), *tasks)
