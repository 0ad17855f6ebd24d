"""One uploaded video from its upload to its end, with its document form in `videos/{videoId}`.

Called by the other rooms of this folder. Leaves to `decide` what follows from the values. The document is written by
the server alone; what clients may read of it stands as a ref in the session document, see `shown`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Self

from shared.history import History, history_fields, history_from
from shared.ports import Document, Fields, UploadWish
from shared.reconcile import Progress


class VideoState(StrEnum):
    """
    `state` of a video.
    """

    REQUESTED = "requested"
    PREPARING = "preparing"
    UPLOADING = "uploading"
    PROCESSING = "processing"
    READY = "ready"
    FAILED = "failed"
    DELETING = "deleting"
    GONE = "gone"


PENDING: Final = (VideoState.UPLOADING, VideoState.PROCESSING)
"""The states in which only the provider can bring a video further."""

NOT_SHOWN: Final = (VideoState.DELETING, VideoState.GONE)
"""The states in which a session's document no longer names the video."""


@dataclass(frozen=True, slots=True)
class Ending:
    """
    Why a video failed for good.
    """

    code: str
    message: str

    def shown(self) -> dict[str, Any]:
        """
        The form in which clients read it. Pure.
        """
        return {"code": self.code, "message": self.message, "retryable": False}


@dataclass(frozen=True, slots=True)
class Video:
    """
    One document of `videos`.

    Attributes:
        session_id: Whose session it belongs to.
        provider: Our name of the provider that holds it.
        upload: What the teacher declared.
        request_digest: Fingerprint of the request that made it, to tell a repetition from another request.
        created_at: When it was requested.
        state: Where it stands.
        generation: Grows with every object that is made for it at the provider.
        reference: Under which that object was, or is about to be, made.
        tried_at: When its making was begun; in state PREPARING only.
        parts: The provider's ids.
        percent: Progress within the state, 0 to 100.
        duration_s: Its length, once known.
        size_bytes: The size of what arrived, once known.
        deadline_at: When the present state ends as a failure.
        ended: Why it failed.
        history: States so far.
        progress: The visit's own part.
    """

    session_id: str
    provider: str
    upload: UploadWish
    request_digest: str
    created_at: datetime
    state: VideoState = VideoState.REQUESTED
    generation: int = 0
    reference: str | None = None
    tried_at: datetime | None = None
    parts: Mapping[str, str] = field(default_factory=dict)
    percent: int = 0
    duration_s: float | None = None
    size_bytes: int | None = None
    deadline_at: datetime | None = None
    ended: Ending | None = None
    history: History = ()
    progress: Progress = field(default_factory=Progress)

    def failure(self) -> dict[str, Any] | None:
        """
        What clients may read of the last failure: `{code, message, retryable}`. Pure.
        """
        if self.ended is not None:
            return self.ended.shown()
        return None if self.progress.failure is None else self.progress.failure.shown()

    def to_fields(self) -> dict[str, Any]:
        """
        The document form; `gone` and `pending` repeat the state in the words that queries need. Pure.
        """
        return {
            "sessionId": self.session_id,
            "ownerUid": self.upload.owner_uid,
            "provider": self.provider,
            "title": self.upload.title,
            "fileName": self.upload.file_name,
            "declaredBytes": self.upload.size_bytes,
            "requestDigest": self.request_digest,
            "createdAt": self.created_at,
            "state": self.state.value,
            "gone": self.state is VideoState.GONE,
            "pending": self.state in PENDING,
            "generation": self.generation,
            "reference": self.reference,
            "triedAt": self.tried_at,
            "parts": dict(self.parts),
            "percent": self.percent,
            "durationS": self.duration_s,
            "sizeBytes": self.size_bytes,
            "deadlineAt": self.deadline_at,
            "ended": None if self.ended is None else {"code": self.ended.code, "message": self.ended.message},
            "failure": self.failure(),
            "history": history_fields(self.history),
            **self.progress.to_fields(),
        }

    @classmethod
    def from_document(cls, document: Document) -> Self:
        """
        Read back what `to_fields` wrote. Pure.
        """
        fields = document.fields
        ended = fields["ended"]
        return cls(
            session_id=fields["sessionId"],
            provider=fields["provider"],
            upload=UploadWish(fields["title"], fields["fileName"], fields["declaredBytes"], fields["ownerUid"]),
            request_digest=fields["requestDigest"],
            created_at=fields["createdAt"],
            state=VideoState(fields["state"]),
            generation=fields["generation"],
            reference=fields["reference"],
            tried_at=fields["triedAt"],
            parts=dict(fields["parts"]),
            percent=fields["percent"],
            duration_s=fields["durationS"],
            size_bytes=fields["sizeBytes"],
            deadline_at=fields["deadlineAt"],
            ended=None if ended is None else Ending(ended["code"], ended["message"]),
            history=history_from(fields["history"]),
            progress=Progress.from_fields(fields),
        )


@dataclass(frozen=True, slots=True)
class VideoWish:
    """
    What a visit reads beside the video's own document.

    Attributes:
        wanted: Whether the session that it belongs to is there.
        shown: What the session document shows of it now.
    """

    wanted: bool
    shown: Fields | None = None


def shown(video: Video) -> dict[str, Any] | None:
    """
    What the session document should show of a video under `videos.{videoId}`; `None` is nothing. Pure.
    """
    if video.state in NOT_SHOWN:
        return None
    failure = video.failure()
    return {
        "provider": video.provider,
        "title": video.upload.title,
        "state": video.state.value,
        "percent": video.percent,
        "durationS": video.duration_s,
        **({} if failure is None else {"failure": failure}),
    }
