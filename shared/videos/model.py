"""One video of a session from its first upload to its end, with its document form in `videos/{videoId}`.

Called by the other files of this folder. `decide` chooses what follows from the values. Only the server writes the
document, in two halves that never mix: callables write the teacher's last request under `wish`, and reconciliations
write all other fields. Clients read a part of it as a ref in the session document, see `shown`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Self

from shared.core.history import History, history_fields, history_from
from shared.core.identity import SessionIdentity
from shared.hosts.model import Shown
from shared.ports import Document, ExternalIds, Fields, Stage, UploadSpec
from shared.reconcile import Progress
from shared.videos.budget import Granted
from shared.videos.turns import Place


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
    """

    reference: str
    external_ids: ExternalIds
    title: str
    duration_s: float | None
    size_bytes: int | None
    media_type: str | None
    ready_at: datetime
    trouble: Ending | None = None

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
            "recording": _recording_fields(self.upload),
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
            upload=_upload(fields),
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


def _upload(fields: Fields) -> UploadSpec:
    recording = fields.get("recording")
    return UploadSpec(
        fields["title"],
        fields["fileName"],
        fields["declaredBytes"],
        None if recording is None else dict(recording),
    )


def _recording_fields(upload: UploadSpec) -> Fields | None:
    return None if upload.recording is None else dict(upload.recording)


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


REQUESTS_MAX: Final = 20
"""The number of upload requests that one video remembers, so that a late repetition of one is recognized."""


@dataclass(frozen=True, slots=True)
class Asked:
    """
    One accepted request for an upload.

    Attributes:
        key: Fingerprint of the caller and the request id.
        digest: Fingerprint of the requested file.
        number: The number of the upload that it made.
    """

    key: str
    digest: str
    number: int


@dataclass(frozen=True, slots=True)
class Spec:
    """
    The teacher's last request for a video: the half of its document that callables write, under `wish`.

    Attributes:
        upload: The upload that is to be the video.
        asked_at: When it was requested.
        number: The number of that upload.
        requests: The requests so far, the oldest first.
        cancelled: The number of the upload that was cancelled; 0 for none.
        retry: Which of the failures (`Video.failures`) is to be retried; 0 for none.
        deleted: Whether the video is to be deleted.
        corrections: How often the title was corrected.
        new_title: The title of the last correction, for the playable version and for the upload of that time.
        new_order: The place that was last chosen for the video; `None` if none was.
        granted: The limits of the upload's last token, and of all its tokens together.
    """

    upload: UploadSpec
    asked_at: datetime
    number: int = 1
    requests: tuple[Asked, ...] = ()
    cancelled: int = 0
    retry: int = 0
    deleted: bool = False
    corrections: int = 0
    new_title: str | None = None
    new_order: int | None = None
    granted: Granted | None = None

    def nameless(self) -> Spec:
        """
        Return the part that a tombstone keeps: enough to recognize a late repetition of a request. Pure.
        """
        return replace(self, upload=self.upload.nameless(), new_title=None)

    def to_fields(self) -> dict[str, Any]:
        """
        Return the document form of this half. Pure.
        """
        return {
            "title": self.upload.title,
            "fileName": self.upload.file_name,
            "declaredBytes": self.upload.size_bytes,
            "recording": _recording_fields(self.upload),
            "askedAt": self.asked_at,
            "number": self.number,
            "requests": [{"key": one.key, "digest": one.digest, "number": one.number} for one in self.requests],
            "cancelled": self.cancelled,
            "retry": self.retry,
            "deleted": self.deleted,
            "corrections": self.corrections,
            "newTitle": self.new_title,
            "newOrder": self.new_order,
            "granted": None if self.granted is None else self.granted.to_fields(),
        }

    @classmethod
    def from_document(cls, document: Document) -> Self:
        """
        Parse this half of a document. Pure.
        """
        fields = document.fields["wish"]
        return cls(
            upload=_upload(fields),
            asked_at=fields["askedAt"],
            number=fields["number"],
            requests=tuple(Asked(one["key"], one["digest"], one["number"]) for one in fields["requests"]),
            cancelled=fields["cancelled"],
            retry=fields["retry"],
            deleted=fields["deleted"],
            # An earlier release had no corrections, and did not record grants.
            corrections=fields.get("corrections", 0),
            new_title=fields.get("newTitle"),
            new_order=fields.get("newOrder"),
            granted=Granted.from_fields(fields.get("granted")),
        )


@dataclass(frozen=True, slots=True)
class VideoSpec:
    """
    The input of a reconciliation beside the record.

    Attributes:
        spec: The teacher's last request; `None` if there is no such video.
        has_session: Whether the video's session exists; another session of the same id does not count.
        is_held: Whether the session's owner was changed without a transfer.
        is_waiting: Whether the session does not exist while deletions are held: it may come back.
        shown: What the session document shows of the video now.
        copies: What the video's document shows of its copies, by host.
        identity: The identity of that session; `None` if it does not exist.
        told: Whether the worker already has an observation that is not recorded yet.
        place: A place for the video, if it has none yet.
    """

    spec: Spec | None
    has_session: bool
    shown: Fields | None = None
    copies: Mapping[str, Shown] = field(default_factory=dict)
    identity: SessionIdentity | None = None
    is_held: bool = False
    is_waiting: bool = False
    told: bool = False
    place: Place | None = None

    @property
    def wanted(self) -> bool:
        """
        Tell whether the video should exist at all.
        """
        return self.has_session and self.spec is not None and not self.spec.deleted


def shown(video: Video) -> dict[str, Any] | None:
    """
    Return what the session document should show of a video under `videos.{videoId}`; `None` for nothing. Pure.

    While a version plays, that version is shown as the video, and a later upload as its `replacement`.
    """
    if video.state is VideoState.GONE:
        return None
    failure = video.failure()
    latest = {
        "state": video.state.value,
        "percent": video.percent,
        "stage": None if video.stage is None else video.stage.value,
        **({} if failure is None else {"failure": failure}),
    }
    told: dict[str, Any] = {"provider": video.provider, "order": video.order}
    plays = video.playable
    if plays is None:
        return {**told, "title": video.upload.title, "durationS": None, **latest}
    if plays.trouble is not None:
        told |= {"state": VideoState.FAILED.value, "failure": plays.trouble.to_fields()}
    else:
        told |= {"state": VideoState.READY.value}
    told |= {"title": plays.title, "durationS": plays.duration_s, "percent": 100, "stage": None}
    return told if video.state is VideoState.READY else {**told, "replacement": {"title": video.upload.title, **latest}}
