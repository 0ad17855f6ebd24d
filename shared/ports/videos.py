"""The provider of videos."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final, Protocol

from shared.ports.grants import Allowance, ExternalIds, Grant, UploadGrant


@dataclass(frozen=True, slots=True)
class UploadSpec:
    """
    The spec of one upload.

    Attributes:
        title: The title that viewers read.
        file_name: The name of the file on the teacher's machine; already checked by `videos/policy.py`.
        size_bytes: As the client declared it.
        recording: The provider's ids of existing content that becomes the video: a recording of a live event, or an
            orphan. Nothing is uploaded then, and name and size have no meaning.
        stamp: The stamp that the provider stores with the video (`SessionIdentity.stamp`).
    """

    title: str
    file_name: str
    size_bytes: int
    recording: ExternalIds | None = None
    stamp: str = field(default="", compare=False, repr=False)

    def nameless(self) -> UploadSpec:
        """
        Return the part that a tombstone keeps: ids only. Pure.
        """
        return UploadSpec("", "", 0, self.recording)


class MediaState(StrEnum):
    """
    The state of one video at its provider, in our words.
    """

    AWAITING_UPLOAD = "awaitingUpload"
    PROCESSING = "processing"
    READY = "ready"
    ERROR = "error"
    REJECTED = "rejected"
    GONE = "gone"


class Stage(StrEnum):
    """
    The current activity within a state that takes time.
    """

    AWAITING_BYTES = "awaitingBytes"
    RECEIVING = "receiving"
    QUEUED = "queued"
    CONVERTING = "converting"


@dataclass(frozen=True, slots=True)
class Observation:
    """
    The state of a video at its provider, as observed once.

    For a ready video a provider must report its length, its size, that it has a moving picture, and its type. The type
    is what the provider found in the bytes; a provider that reports no type must have verified it itself. Whatever it
    does not report counts as unknown, and a video with anything unknown is never played (`videos/policy.py`).

    Attributes:
        state: In our words; `rejected` if a moderator at the provider has refused the video.
        percent: Progress within the state, 0 to 100; `None` if not reported this time.
        stage: The current activity, in the states `awaitingUpload` and `processing`.
        received_bytes: How much of the upload has arrived without a gap, in state `awaitingUpload`; `None` if not
            reported this time.
        duration_s: Length of the video; `None` while unknown.
        size_bytes: Size of the original; `None` while unknown.
        media_type: MIME type of the original, as the provider found it in the bytes; `None` if it found none.
        type_is_verified: Whether the provider accepts only videos and so has verified the type, whether it reports it
            or not.
        is_video: Whether it has a moving picture; only meaningful in state `ready`.
        reason: A sentence that says why, in state `error`.
        retryable: Whether processing the same bytes again may succeed, in state `error`.
        began_at: The instant of the first picture of a live event's recording, to half a second, in state `ready`;
            `None` if it is no recording, or the provider does not know.
    """

    state: MediaState
    percent: int | None = None
    stage: Stage | None = None
    received_bytes: int | None = None
    duration_s: float | None = None
    size_bytes: int | None = None
    media_type: str | None = None
    is_video: bool = True
    reason: str | None = None
    retryable: bool = False
    type_is_verified: bool = False
    began_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """
    A change of one video at its provider: its reference, when it changed, and its state now.

    Providers count in seconds, so two changes of one second differ only in the observation. The list of changes may
    lag.

    Attributes:
        reference: The reference under which the video was made.
        external_ids: As many of its ids as the list contains.
        changed_at: When it changed, by the provider's clock.
        observation: Its state.
    """

    reference: str
    external_ids: ExternalIds
    changed_at: datetime
    observation: Observation


@dataclass(frozen=True, slots=True)
class Changes:
    """
    One page of a provider's changes, newest first.

    Attributes:
        items: The changes.
        more: Whether there is another page.
        uploads: The state of the uploads that the call asked about, in the order asked.
    """

    items: tuple[Change, ...]
    more: bool
    uploads: tuple[Observation, ...] = ()


CHANGES_MAX: Final = 500
"""The most changes on one page of `Media.changes`."""


OBSERVED_MAX: Final = 500
"""The most videos in one call of `Media.observe`."""


PROGRESS_TOLD: Final = 20
"""The number of uploads for which `Media.changes` reports progress, at least."""


@dataclass(frozen=True, slots=True)
class Source:
    """
    The address from which the file of a ready video can be downloaded, whole or in ranges, for a while.

    Attributes:
        url: The address; it contains the secret too.
        media_type: MIME type of the file.
    """

    url: str = field(repr=False)
    media_type: str = "video/mp4"


class Media(Protocol):
    """
    Uploaded videos of one provider account. Raises as `Events` does.
    """

    @property
    def name(self) -> str:
        """
        Return our name of the provider.
        """
        ...

    def prepare_upload(self, reference: str, spec: UploadSpec) -> ExternalIds:
        """
        Create an empty video bound to one upload. Not repeatable: find first when in doubt.
        """
        ...

    def find_upload(self, reference: str, spec: UploadSpec) -> ExternalIds:
        """
        Return the external ids of the oldest video made under `reference`, and complete it if its preparation was
        interrupted; empty if there is none. Repeatable, by one worker at a time.
        """
        ...

    def adopt_recording(self, reference: str, spec: UploadSpec) -> ExternalIds:
        """
        Make existing content the video of `reference`, private like all videos. Repeatable.

        Returns:
            Its external ids, completed.
        """
        ...

    def observe(self, external_ids: Sequence[ExternalIds]) -> Sequence[Observation]:
        """
        Return the current state of up to `OBSERVED_MAX` videos, in the order asked and in one call, and not from an
        index that may lag. If many are asked about at once, progress (`percent`, `received_bytes`) may be left out.
        Repeatable, changes nothing.
        """
        ...

    def rename(self, reference: str, external_ids: ExternalIds, spec: UploadSpec) -> None:
        """
        Change the title of the video of `reference` at the provider; its stamp stays. A missing video is not an error.
        Repeatable.
        """
        ...

    def reprocess(self, external_ids: ExternalIds) -> None:
        """
        Process a video again whose processing failed, from the bytes that were uploaded. Not repeatable: observe first
        when in doubt.
        """
        ...

    def delete_media(self, external_ids: ExternalIds) -> ExternalIds:
        """
        Delete the video with everything made for it. What is gone already counts as deleted. Repeatable.

        Returns:
            The external ids of what still exists afterwards, as an administrator with full access sees it; empty if
            nothing does.
        """
        ...

    def changes(self, since: datetime, page: int, pages: int = 1, uploads: Sequence[ExternalIds] = ()) -> Changes:
        """
        Return the changes of our videos at or after `since`, newest first. A video that changes while pages are read is
        read twice; none is missed.

        Args:
            since: The instant.
            page: The first page to read, counted from 1.
            pages: The number of pages to read, in one call.
            uploads: Up to `OBSERVED_MAX` videos that still wait for their bytes, which no list of changes contains. The
                same call reports their state, with progress for at least the first `PROGRESS_TOLD`.
        """
        ...

    def requests_for(self, size_bytes: int) -> int:
        """
        Return the number of requests that sending so many bytes takes, doubled to allow for failures; 0 if the provider
        does not count requests. Pure.
        """
        ...

    def upload_grant(self, external_ids: ExternalIds, spec: UploadSpec, allowance: Allowance) -> UploadGrant:
        """
        Let a client send the bytes of this one upload and do nothing else. At a provider that counts requests, the same
        allowance gives the same token, so that the count continues. Local, no call.
        """
        ...

    def playback_grant(
        self, external_ids: ExternalIds, viewer_uid: str, lifetime_s: int, revocation_id: str | None = None
    ) -> Grant:
        """
        Let a client play this one video. The addresses are among the grant's values, by the names in `ADDRESSES`. No
        call, except for what the account may need once.

        Args:
            external_ids: Of the video.
            viewer_uid: The viewer.
            lifetime_s: How long the grant is valid, in seconds.
            revocation_id: The id under which the grant can be ended (`ViewerKeys.end`); `None` if never.
        """
        ...

    def source(self, external_ids: ExternalIds, lifetime_s: int) -> Source:
        """
        Return where another host can download the file of a ready video. Repeatable.

        Raises:
            Transient: The file is being made (again).
        """
        ...
