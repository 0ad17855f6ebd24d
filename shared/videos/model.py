"""One video of a session from its first upload to its end, with its document form in `videos/{videoId}`.

Called by the other files of this folder. `decide` chooses what follows from the values. Only the server writes the
document, in two halves that never mix: callables write the teacher's last request under `wish`, see `spec`, and
reconciliations write all other fields. Clients read a part of it as a ref in the session document, see `view`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Self

from shared.core.history import History, history_fields, history_from
from shared.core.identity import SessionIdentity
from shared.ports import Document, ExternalIds, Fields, Stage, UploadSpec
from shared.reconcile import Progress
from shared.videos.spec import recording_fields, upload_from


class VideoState(StrEnum):
    """
    The `state` of a video's latest upload. `playable` tells whether an earlier version plays meanwhile.
    """

    REQUESTED = "requested"
    PREPARING = "preparing"
    UPLOADING = "uploading"
    PROCESSING = "processing"
    RETRYING = "retrying"
    READY = "ready"
    FAILED = "failed"
    GONE = "gone"


PENDING: Final = (VideoState.UPLOADING, VideoState.PROCESSING)
"""The states in which only the provider can advance a video."""

OPEN: Final = (VideoState.REQUESTED, VideoState.PREPARING, VideoState.UPLOADING)
"""The states in which an upload still waits for bytes."""


@dataclass(frozen=True, slots=True)
class Ending:
    """
    The reason why an upload failed, or why a video that was ready no longer plays.
    """

    code: str
    message: str
    retryable: bool = False

    def to_fields(self) -> dict[str, Any]:
        """
        Return the document form, which clients read too. Pure.
        """
        return {"code": self.code, "message": self.message, "retryable": self.retryable}

    @classmethod
    def from_fields(cls, fields: Fields | None) -> Self | None:
        """
        Parse the document form that `to_fields` wrote. Pure.
        """
        return None if fields is None else cls(fields["code"], fields["message"], fields["retryable"])


UPLOAD_NOT_FINISHED: Final = Ending("UPLOAD_NOT_FINISHED", "The upload was not finished in time. Start it again.")
PROCESSING_TOO_LONG: Final = Ending(
    "PROCESSING_TOO_LONG",
    "The provider did not finish processing the video in time. If it still does, the video plays after all; otherwise "
    "retry it, or upload it again.",
    retryable=True,
)
_TOO_LATE: Final = frozenset({UPLOAD_NOT_FINISHED.code, PROCESSING_TOO_LONG.code})
"""The failures caused by a deadline. While the bytes are kept, the provider may still finish such a video."""


@dataclass(frozen=True, slots=True)
class Playable:
    """
    The version of a video that viewers play.

    Attributes:
        reference: The reference under which it was made.
        external_ids: The provider's ids.
        title: The title that viewers read.
        duration_s: Its length.
        size_bytes: Size of the original.
        media_type: MIME type of the original, as found in its bytes.
        ready_at: When it became ready.
        trouble: Why it cannot be played at the moment; it is kept, because it may play again.
        began_at: The instant of its first picture; `None` if it is no recording of a live event.
    """

    reference: str
    external_ids: ExternalIds
    title: str
    duration_s: float | None
    size_bytes: int | None
    media_type: str | None
    ready_at: datetime
    trouble: Ending | None = None
    began_at: datetime | None = None

    def to_fields(self) -> dict[str, Any]:
        """
        Return the document form. Pure.
        """
        return {
            "reference": self.reference,
            "parts": dict(self.external_ids),
            "title": self.title,
            "durationS": self.duration_s,
            "sizeBytes": self.size_bytes,
            "mediaType": self.media_type,
            "readyAt": self.ready_at,
            "trouble": None if self.trouble is None else self.trouble.to_fields(),
            "beganAt": self.began_at,
        }

    @classmethod
    def from_fields(cls, fields: Fields | None) -> Self | None:
        """
        Parse the document form that `to_fields` wrote. Pure.
        """
        if fields is None:
            return None
        return cls(
            reference=fields["reference"],
            external_ids=dict(fields["parts"]),
            title=fields["title"],
            duration_s=fields["durationS"],
            size_bytes=fields["sizeBytes"],
            media_type=fields["mediaType"],
            ready_at=fields["readyAt"],
            trouble=Ending.from_fields(fields["trouble"]),
            # An earlier release did not record it.
            began_at=fields.get("beganAt"),
        )


@dataclass(frozen=True, slots=True)
class Video:
    """
    The record of a video: its latest upload, and what plays.

    Attributes:
        session: The identity of its session.
        provider: Our name of the provider that holds it.
        created_at: When it was first requested.
        order: Its place among the videos of its session; `None` until it was given one.
        upload: The teacher's declaration of the upload that is being served.
        asked_at: When they requested that upload.
        serving: The number of that upload among all that were requested for this video.
        state: The state of that upload.
        generation: Grows with every object that is made for the video at the provider.
        reference: The reference under which the upload's object was, or is about to be, made.
        tried_at: When its creation or its reprocessing was begun; in states PREPARING and RETRYING only.
        external_ids: The provider's ids of the upload's object.
        percent: Progress within the state, 0 to 100.
        stage: The current activity in the state.
        received_bytes: How much of the upload has arrived, as far as the provider has reported.
        looks: How often this upload was observed.
        looked_at: When it was last observed.
        deadline_at: When the present state ends.
        unknown_since: Since when the provider calls the upload ready and does not report everything that must be known
            of it.
        ended: Why the upload failed.
        failures: How many uploads of this video have failed.
        corrections: How many corrections of its title are recorded.
        rename_at: When its things at the provider are to be renamed; `None` if they have its title.
        playable: The version that plays; `None` if none does.
        expires_at: When the tombstone of a deleted video may be removed (Firestore TTL).
        history: Its states so far.
        progress: The reconciler's part.
    """

    session: SessionIdentity
    provider: str
    created_at: datetime
    order: int | None
    upload: UploadSpec
    asked_at: datetime
    serving: int = 1
    state: VideoState = VideoState.REQUESTED
    generation: int = 0
    reference: str | None = None
    tried_at: datetime | None = None
    external_ids: Mapping[str, str] = field(default_factory=dict)
    percent: int = 0
    stage: Stage | None = None
    received_bytes: int | None = None
    looks: int = 0
    looked_at: datetime | None = None
    deadline_at: datetime | None = None
    unknown_since: datetime | None = None
    ended: Ending | None = None
    failures: int = 0
    corrections: int = 0
    rename_at: datetime | None = None
    playable: Playable | None = None
    expires_at: datetime | None = None
    history: History = ()
    progress: Progress = field(default_factory=Progress)

    def failure(self) -> dict[str, Any] | None:
        """
        Return what clients may read of the last failure: `{code, message, retryable}`. Pure.
        """
        if self.ended is not None:
            return self.ended.to_fields()
        return None if self.progress.failure is None else self.progress.failure.shown()

    def kept_bytes(self) -> int:
        """
        Return the bytes that count for the teacher's quota: those of the playable version, and those of an upload that
        is under way. Of the latter the larger counts of what was declared and what has arrived. Pure.
        """
        on_its_way = self.state in OPEN or bool(self.external_ids)
        plays = 0 if self.playable is None else self.playable.size_bytes or 0
        return plays + (max(self.upload.size_bytes, self.received_bytes or 0) if on_its_way else 0)

    @property
    def is_pending(self) -> bool:
        """
        Tell whether only the provider can advance it, in time or late.
        """
        is_late = self.ended is not None and self.ended.code in _TOO_LATE
        return self.state in PENDING or (self.state is VideoState.FAILED and bool(self.external_ids) and is_late)

    def to_fields(self) -> dict[str, Any]:
        """
        Return the recorded half of the document. The fields `gone`, `pending` and `bytes` follow from the others and
        exist for queries. Pure.
        """
        return {
            **self.session.to_fields(),
            "provider": self.provider,
            "createdAt": self.created_at,
            "order": self.order,
            "title": self.upload.title,
            "fileName": self.upload.file_name,
            "declaredBytes": self.upload.size_bytes,
            "recording": recording_fields(self.upload),
            "askedAt": self.asked_at,
            "serving": self.serving,
            "state": self.state.value,
            "gone": self.state is VideoState.GONE,
            "pending": self.is_pending,
            "bytes": self.kept_bytes(),
            "generation": self.generation,
            "reference": self.reference,
            "triedAt": self.tried_at,
            "parts": dict(self.external_ids),
            "percent": self.percent,
            "stage": None if self.stage is None else self.stage.value,
            "receivedBytes": self.received_bytes,
            "looks": self.looks,
            "lookedAt": self.looked_at,
            "deadlineAt": self.deadline_at,
            "unknownSince": self.unknown_since,
            "ended": None if self.ended is None else self.ended.to_fields(),
            "failures": self.failures,
            "corrections": self.corrections,
            "renameAt": self.rename_at,
            "failure": self.failure(),
            "playable": None if self.playable is None else self.playable.to_fields(),
            "expiresAt": self.expires_at,
            "history": history_fields(self.history),
            **self.progress.to_fields(),
        }

    @classmethod
    def from_document(cls, document: Document) -> Self:
        """
        Parse the document form that `to_fields` wrote. Pure.
        """
        fields = document.fields
        stage = fields["stage"]
        return cls(
            session=SessionIdentity.from_fields(fields["sessionId"], fields),
            provider=fields["provider"],
            created_at=fields["createdAt"],
            order=fields["order"],
            upload=upload_from(fields),
            asked_at=fields["askedAt"],
            serving=fields["serving"],
            state=VideoState(fields["state"]),
            generation=fields["generation"],
            reference=fields["reference"],
            tried_at=fields["triedAt"],
            external_ids=dict(fields["parts"]),
            percent=fields["percent"],
            stage=None if stage is None else Stage(stage),
            received_bytes=fields["receivedBytes"],
            looks=fields["looks"],
            looked_at=fields["lookedAt"],
            deadline_at=fields["deadlineAt"],
            # An earlier release recorded neither this nor corrections.
            unknown_since=fields.get("unknownSince"),
            ended=Ending.from_fields(fields["ended"]),
            failures=fields["failures"],
            corrections=fields.get("corrections", 0),
            rename_at=fields.get("renameAt"),
            playable=Playable.from_fields(fields["playable"]),
            # An earlier release did not let tombstones of videos expire.
            expires_at=fields.get("expiresAt"),
            history=history_from(fields["history"]),
            progress=Progress.from_fields(fields),
        )


def named(video: Video) -> dict[str, ExternalIds]:
    """
    Return everything at the provider that a record names, by the reference under which it was made. Pure.
    """
    found: dict[str, ExternalIds] = {}
    if video.playable is not None:
        found[video.playable.reference] = video.playable.external_ids
    if video.external_ids and video.reference is not None:
        found[video.reference] = video.external_ids
    return found
