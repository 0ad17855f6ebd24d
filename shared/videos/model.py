"""One video of a session from its first upload to its end, with its document form in `videos/{videoId}`.

Called by the other rooms of this folder. Leaves to `decide` what follows from the values. The document is written by
the server alone, in two halves that never mix: under `wish` what a teacher last asked of it, written by callables; all
else is what is recorded, written by reconciles. What clients may read of it stands as a ref in the session document
too, see `shown`.
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
    `state` of a video: of its latest upload. Whether something plays meanwhile is for `playable` to say.
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
"""The states in which only the provider can bring a video further."""

OPEN: Final = (VideoState.REQUESTED, VideoState.PREPARING, VideoState.UPLOADING)
"""The states in which an upload still waits for bytes."""


@dataclass(frozen=True, slots=True)
class Ending:
    """
    Why an upload failed, or why a video that was ready plays no more.
    """

    code: str
    message: str
    retryable: bool = False

    def to_fields(self) -> dict[str, Any]:
        """
        The document form, and the one in which clients read it. Pure.
        """
        return {"code": self.code, "message": self.message, "retryable": self.retryable}

    @classmethod
    def from_fields(cls, fields: Fields | None) -> Self | None:
        """
        Read back what `to_fields` wrote. Pure.
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
"""The failures that the clock alone has brought: while its bytes are kept, the provider may finish such a video."""


@dataclass(frozen=True, slots=True)
class Playable:
    """
    What viewers play.

    Attributes:
        reference: Under which it was made.
        parts: The provider's ids.
        title: What viewers read.
        duration_s: Its length.
        size_bytes: Of the original.
        media_type: MIME type of the original, as found in its bytes.
        ready_at: Since when.
        trouble: Why it cannot be played at the moment; it is kept, for it may come back.
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
        The document form. Pure.
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
        Read back what `to_fields` wrote. Pure.
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
    What is recorded of a video: its latest upload, and what plays.

    Attributes:
        session: The session that it belongs to.
        provider: Our name of the provider that holds it.
        created_at: When it was first asked for.
        order: Its place among the videos of its session; `None` until it was given one.
        upload: What the teacher declared of the upload that is served.
        asked_at: When he asked for that upload.
        serving: The number of that upload among all that were asked for this video.
        state: Where that upload stands.
        generation: Grows with every object that is made for the video at the provider.
        reference: Under which the upload's object was, or is about to be, made.
        tried_at: When its making, or its processing anew, was begun; in states PREPARING and RETRYING only.
        parts: The provider's ids of the upload's object.
        percent: Progress within the state, 0 to 100.
        stage: What is being done in it.
        received_bytes: How much of the upload has arrived, as far as the provider has told.
        looks: How often the provider was asked for this upload.
        looked_at: When it last was.
        deadline_at: When the present state ends.
        unknown_since: Since when the provider calls the upload ready and does not tell all that must be known of it.
        ended: Why the upload failed.
        failures: How many uploads of this video have failed.
        corrections: How many corrections of its title are recorded.
        rename_at: When its things at the provider are to be given its title, `None` where they have it.
        playable: What plays, `None` while nothing does.
        expires_at: When the tombstone of a video that is gone may go (Firestore TTL).
        history: States so far.
        progress: The reconciliation's own part.
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
        What clients may read of the last failure: `{code, message, retryable}`. Pure.
        """
        if self.ended is not None:
            return self.ended.to_fields()
        return None if self.progress.failure is None else self.progress.failure.shown()

    def kept_bytes(self) -> int:
        """
        What it takes of its teacher's quota: what plays, and what is on its way, of which the larger counts of what was
        declared and what has arrived. Pure.
        """
        on_its_way = self.state in OPEN or bool(self.external_ids)
        plays = 0 if self.playable is None else self.playable.size_bytes or 0
        return plays + (max(self.upload.size_bytes, self.received_bytes or 0) if on_its_way else 0)

    @property
    def is_pending(self) -> bool:
        """
        Whether only the provider can bring it further, in time or late.
        """
        is_late = self.ended is not None and self.ended.code in _TOO_LATE
        return self.state in PENDING or (self.state is VideoState.FAILED and bool(self.external_ids) and is_late)

    def to_fields(self) -> dict[str, Any]:
        """
        The recorded half of the document; `gone`, `pending` and `bytes` say in the words of queries what follows from
        the rest. Pure.
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
        Read back what `to_fields` wrote. Pure.
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
            # An earlier release recorded neither this, nor corrections.
            unknown_since=fields.get("unknownSince"),
            ended=Ending.from_fields(fields["ended"]),
            failures=fields["failures"],
            corrections=fields.get("corrections", 0),
            rename_at=fields.get("renameAt"),
            playable=Playable.from_fields(fields["playable"]),
            # An earlier release let no tombstone of a video expire.
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
    Everything at the provider that a record names, by the reference under which it was made. Pure.
    """
    found: dict[str, ExternalIds] = {}
    if video.playable is not None:
        found[video.playable.reference] = video.playable.external_ids
    if video.external_ids and video.reference is not None:
        found[video.reference] = video.external_ids
    return found


REQUESTS_MAX: Final = 20
"""Requests for uploads that one video remembers, so that a late repetition of one is known for what it is."""


@dataclass(frozen=True, slots=True)
class Asked:
    """
    One request for an upload that was heeded.

    Attributes:
        key: Fingerprint of who asked under which request id.
        digest: Fingerprint of what he asked for.
        number: Of the upload that it made.
    """

    key: str
    digest: str
    number: int


@dataclass(frozen=True, slots=True)
class Spec:
    """
    What a teacher last asked of a video: the half of its document that callables write, under `wish`.

    Attributes:
        upload: The upload that he wants to be the video.
        asked_at: When he asked for it.
        number: Of that upload.
        requests: The requests so far, the oldest first.
        cancelled: The number of the upload that he does not want any more; 0 for none.
        retry: Which of the failures (`Video.failures`) is to be tried again; 0 for none.
        deleted: Whether he wants no video any more.
        corrections: How often the title was corrected.
        new_title: The title by the last of these corrections, of what plays and of the upload of that time.
        new_order: The place that was last chosen for the video, `None` where none was.
        granted: What the last token for the upload allows, and all of them together.
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
        Return what a tombstone keeps of it: enough to know a late repetition of a request for what it is. Pure.
        """
        return replace(self, upload=self.upload.nameless(), new_title=None)

    def to_fields(self) -> dict[str, Any]:
        """
        The document form of the half. Pure.
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
        Read the half back from a whole document. Pure.
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
            # An earlier release corrected nothing, and did not record what it granted.
            corrections=fields.get("corrections", 0),
            new_title=fields.get("newTitle"),
            new_order=fields.get("newOrder"),
            granted=Granted.from_fields(fields.get("granted")),
        )


@dataclass(frozen=True, slots=True)
class VideoSpec:
    """
    What a reconciliation reads beside what is recorded.

    Attributes:
        wish: What the teacher last asked; `None` where there is no such video.
        has_session: Whether the session that it belongs to is there; one that only has the same id is not.
        is_held: Whether the session's owner was changed by somebody who did not transfer it.
        is_waiting: Whether the session is not there, and deletions are held: it may come back.
        shown: What the session document shows of it now.
        copies: What the video's document shows of its copies, by host.
        identity: Of that session; `None` where it is not there.
        told: Whether the worker has been told how the video stands at its provider, and has not recorded it yet.
        place: The place for it, where it has none yet.
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
        Whether there is to be a video at all.
        """
        return self.has_session and self.spec is not None and not self.spec.deleted


def shown(video: Video) -> dict[str, Any] | None:
    """
    What the session document should show of a video under `videos.{videoId}`; `None` is nothing. Pure.

    While something plays, that is the video, and a later upload is its `replacement`.
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
