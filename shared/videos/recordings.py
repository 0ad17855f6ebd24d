"""Make the recordings of a live event videos of its session. Pure.

Called by the reconciliation of sessions, which knows recordings but not videos. The reconciliation of videos observes
the recording until it is ready, like any upload.
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
from shared.sessions.spec import SessionSpec
from shared.videos.decide import reference_of
from shared.videos.model import Video
from shared.videos.spec import Spec

GENERATION: Final = 1
"""The generation of a recording: it is made only once, by the provider."""


@dataclass(frozen=True, slots=True)
class Recordings:
    """
    The implementation of `shared.sessions.Recorder`.

    Attributes:
        provider: Our name of the provider that recorded.
    """

    provider: str

    def write(self, identity: SessionIdentity, spec: SessionSpec, recording: ExternalIds, now: datetime) -> Create:
        """
        Return the write of a new video, due at once; if its session is gone, the write of the recording's deletion.
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
            # Its place is given in a turn of its teacher, who may be uploading at this moment.
            None,
            upload,
            asked_at=now,
            # It names the recording from the beginning, because no other document does any more.
            generation=GENERATION,
            reference=reference,
            external_ids=recording,
            progress=due,
        )
        return Create(video_path(video_id), {**video.to_fields(), "wish": Spec(upload, now).to_fields()})

    def task(self, session_id: str, spec: SessionSpec, recording: ExternalIds) -> Task:
        """
        Return the task for the document that `write` writes.
        """
        video_id = recorded_video_id(session_id, recording)
        if not spec.exists:
            return Task(RECONCILE_DELETION, deletion_id(reference_of(video_id, GENERATION), recording))
        return Task(RECONCILE_VIDEO, video_id)


def recorded_video_id(session_id: str, recording: ExternalIds) -> str:
    """
    Return the id of the video that a recording becomes. It is the same each time the recording is taken over.
    """
    return hashlib.sha256(json.dumps([session_id, sorted(recording.items())]).encode()).hexdigest()[:20]
