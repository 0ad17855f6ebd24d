"""What was recorded of a live event becomes a video of its session.

Called by the reconciliation of sessions, which knows of recordings and nothing of videos. Leaves to the reconciliation
of videos that the recording is watched until it is ready, like any upload. Pure.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from shared.core.identity import SessionIdentity
from shared.core.paths import RECONCILE_DELETION, RECONCILE_VIDEO, video_path
from shared.deletions.model import Reason, deletion_id, given_up
from shared.ports import Create, ExternalIds, Task, UploadSpec
from shared.reconcile import Progress
from shared.sessions.model import SessionSpec
from shared.videos.decide import reference_of
from shared.videos.model import Spec, Video

GENERATION: Final = 1
"""A recording is made once, and not by us."""


@dataclass(frozen=True, slots=True)
class Recordings:
    """
    Fills `shared.sessions.Recorder`.

    Attributes:
        provider: Our name of the provider that recorded.
    """

    provider: str

    def write(self, identity: SessionIdentity, spec: SessionSpec, recording: ExternalIds, now: datetime) -> Create:
        """
        The write of a new video, due at once; where its session is gone, of the recording's deletion.
        """
        video_id = recorded_video_id(identity.session_id, recording)
        reference = reference_of(video_id, GENERATION)
        if not spec.exists:
            return given_up(self.provider, reference, recording, Reason.DELETED, now, identity)
        upload = UploadSpec(spec.title, "", 0, recording)
        due = Progress(due_at=now)
        video = Video(
            identity,
            self.provider,
            now,
            # It is given its place in a turn of its teacher, who may be uploading at this moment.
            None,
            upload,
            asked_at=now,
            # It names the recording from the beginning: nobody else does any more.
            generation=GENERATION,
            reference=reference,
            external_ids=recording,
            progress=due,
        )
        return Create(video_path(video_id), {**video.to_fields(), "wish": Spec(upload, now).to_fields()})

    def task(self, session_id: str, spec: SessionSpec, recording: ExternalIds) -> Task:
        """
        The task for what `write` writes.
        """
        video_id = recorded_video_id(session_id, recording)
        if not spec.exists:
            return Task(RECONCILE_DELETION, deletion_id(reference_of(video_id, GENERATION), recording))
        return Task(RECONCILE_VIDEO, video_id)


def recorded_video_id(session_id: str, recording: ExternalIds) -> str:
    """
    The id of the video that a recording becomes: the same whoever takes it over, however often.
    """
    return hashlib.sha256(json.dumps([session_id, sorted(recording.items())]).encode()).hexdigest()[:20]
