"""The spec of a video: the teacher's last request, stored under `wish` in `videos/{videoId}`, and what a reconciliation
reads beside the record.

Called by the other files of this folder. Callables write the request; reconciliations only read it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final, Self

from shared.core.identity import SessionIdentity
from shared.hosts.model import Shown
from shared.ports import Document, Fields, UploadSpec
from shared.videos.budget import Granted
from shared.videos.turns import Place

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
        keep: Whether the video stays out of the archive, however long nobody watches it.
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
    keep: bool = False

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
            "recording": recording_fields(self.upload),
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
            "keep": self.keep,
        }

    @classmethod
    def from_document(cls, document: Document) -> Self:
        """
        Parse this half of a document. Pure.
        """
        fields = document.fields["wish"]
        return cls(
            upload=upload_from(fields),
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
            # An earlier release had no archive.
            keep=fields.get("keep", False),
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
        archive: What the video's document shows of its archiving; `None` for nothing.
        identity: The identity of that session; `None` if it does not exist.
        told: Whether the worker already has an observation that is not recorded yet.
        place: A place for the video, if it has none yet.
    """

    spec: Spec | None
    has_session: bool
    shown: Fields | None = None
    copies: Mapping[str, Shown] = field(default_factory=dict)
    archive: Fields | None = None
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


def upload_from(fields: Fields) -> UploadSpec:
    """
    Parse an upload from either half of a document. Pure.
    """
    recording = fields.get("recording")
    return UploadSpec(
        fields["title"],
        fields["fileName"],
        fields["declaredBytes"],
        None if recording is None else dict(recording),
    )


def recording_fields(upload: UploadSpec) -> Fields | None:
    """
    Return the document form of the recording that an upload takes over; `None` if it takes over none. Pure.
    """
    return None if upload.recording is None else dict(upload.recording)
