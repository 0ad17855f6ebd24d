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
    One file that is about to be uploaded.

    Attributes:
        title: What viewers will read.
        file_name: Name of the file on the teacher's machine; already checked by `videos/policy.py`.
        size_bytes: As the client declared it.
        recording: The provider's ids of what is there already, where that is the video: what was recorded of a live
            event, or an orphan. Nothing is uploaded then, and name and size say nothing.
        stamp: Whose video it is, as the provider keeps it with the video (`SessionIdentity.stamp`).
    """

    title: str
    file_name: str
    size_bytes: int
    recording: ExternalIds | None = None
    stamp: str = field(default="", compare=False, repr=False)

    def nameless(self) -> UploadSpec:
        """
        Return what a tombstone keeps of it: ids only. Pure.
        """
        return UploadSpec("", "", 0, self.recording)


class MediaState(StrEnum):
    """
    What a provider says of one video, in our words.
    """

    AWAITING_UPLOAD = "awaitingUpload"
    PROCESSING = "processing"
    READY = "ready"
    ERROR = "error"
    REJECTED = "rejected"
    GONE = "gone"


class Stage(StrEnum):
    """
    What is being done within a state that lasts.
    """

    AWAITING_BYTES = "awaitingBytes"
    RECEIVING = "receiving"
    QUEUED = "queued"
    CONVERTING = "converting"


@dataclass(frozen=True, slots=True)
class Observation:
    """
    One look at a video at its provider.

    A provider must tell of a video that is ready its length, its size, that it has a moving picture, and its type: as
    it found it in the bytes, or, where it tells none, that it has verified the type by itself. What it does not tell
    counts as unknown, and nothing unknown is ever played (`videos/policy.py`).

    Attributes:
        state: In our words; `rejected` where a moderator at the provider has refused the video.
        percent: Progress within the state, 0 to 100; `None` where this look did not tell.
        stage: What is being done, in the states `awaitingUpload` and `processing`.
        received_bytes: How much of the upload has arrived without a gap, in state `awaitingUpload`; `None` where this
            look did not tell.
        duration_s: Length of the video, `None` while unknown.
        size_bytes: Size of the original, `None` while unknown.
        media_type: MIME type of the original, as the provider found it in the bytes; `None` where it found none.
        type_is_verified: Whether the provider takes films alone, and so has verified the type, whether it tells it or
            not.
        is_video: Whether it holds a moving picture; only meaningful in state `ready`.
        reason: A sentence that says why, in state `error`.
        retryable: Whether processing the same bytes again may end otherwise, in state `error`.
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


@dataclass(frozen=True, slots=True)
class Change:
    """
    "The video of this reference was changed at its provider at this instant, and stands like this."

    Providers count in seconds: two changes of one second differ in how the video stands alone. The list that tells of
    changes may lag behind what it tells of.

    Attributes:
        reference: Under which the video was made.
        parts: As many of its ids as the list tells.
        changed_at: When, by the provider's clock.
        observation: How it stands.
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
        uploads: How the uploads stand that were asked about with it, in the order asked.
    """

    items: tuple[Change, ...]
    more: bool
    uploads: tuple[Observation, ...] = ()


CHANGES_MAX: Final = 500
"""Changes on one page of `Media.changes` at the most."""


OBSERVED_MAX: Final = 500
"""Videos that one call of `Media.observe` asks about at the most."""


PROGRESS_TOLD: Final = 20
"""Of so many uploads at least `Media.changes` tells how far they have come."""


@dataclass(frozen=True, slots=True)
class Source:
    """
    From where the file of a ready video can be had, whole or in ranges, for a while.

    Attributes:
        url: The address; it holds the secret too.
        media_type: MIME type of what is there.
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
        Our name of the provider.
        """
        ...

    def prepare_upload(self, reference: str, spec: UploadSpec) -> ExternalIds:
        """
        Make an empty video bound to one upload. Not repeatable: find first when in doubt.
        """
        ...

    def find_upload(self, reference: str, spec: UploadSpec) -> ExternalIds:
        """
        The parts of the oldest video made under `reference`, completed where its preparation was cut short; empty
        where there is none. Repeatable, by one worker at a time.
        """
        ...

    def adopt_recording(self, reference: str, spec: UploadSpec) -> ExternalIds:
        """
        Take what is there already for the video of `reference`, private as all of them. Repeatable.

        Returns:
            Its parts, completed.
        """
        ...

    def observe(self, external_ids: Sequence[ExternalIds]) -> Sequence[Observation]:
        """
        Read how up to `OBSERVED_MAX` videos stand now, in the order asked and in one call: not from an index that may
        lag. Of many at once it may leave out how far they are (`percent`, `received_bytes`). Repeatable, changes
        nothing.
        """
        ...

    def rename(self, reference: str, external_ids: ExternalIds, spec: UploadSpec) -> None:
        """
        Give the video of `reference` another title at the provider; it keeps the mark of whose it is. One that is not
        there is no error. Repeatable.
        """
        ...

    def reprocess(self, external_ids: ExternalIds) -> None:
        """
        Have a video whose processing failed processed again, from the bytes that are there. Not repeatable: observe
        first when in doubt.
        """
        ...

    def delete_media(self, external_ids: ExternalIds) -> ExternalIds:
        """
        Delete the video with everything made for it. What is gone already counts as deleted. Repeatable.

        Returns:
            What of it is still there afterwards, as an administrator who sees everything is told; empty where all of it
            is gone.
        """
        ...

    def changes(self, since: datetime, page: int, pages: int = 1, uploads: Sequence[ExternalIds] = ()) -> Changes:
        """
        What of ours has changed at or after `since`, newest first, so that what changes while pages are read is read
        twice and nothing is passed over.

        Args:
            since: The instant.
            page: The first page to read; they count from 1.
            pages: So many are read, in one call.
            uploads: Up to `OBSERVED_MAX` videos that still wait for their bytes, and of which no list of changes tells.
                How they stand is told in the same call; of the first `PROGRESS_TOLD` at least how far they have come.
        """
        ...

    def requests_for(self, size_bytes: int) -> int:
        """
        How many requests it takes to send so many bytes, with as many again for those that fail; 0 where the provider
        does not count them. Pure.
        """
        ...

    def upload_grant(self, external_ids: ExternalIds, spec: UploadSpec, allowance: Allowance) -> UploadGrant:
        """
        Let a client send the bytes of this one upload and do nothing else. The same allowance gives the same token at a
        provider that counts requests, so that it counts them on. Local, no call.
        """
        ...

    def playback_grant(
        self, external_ids: ExternalIds, viewer_uid: str, lifetime_s: int, revocation_id: str | None = None
    ) -> Grant:
        """
        Let a client play this one video; addresses are among the grant's values as `ADDRESSES` names them. No call, but
        for what the account may need once.

        Args:
            parts: Of the video.
            viewer_uid: Who watches.
            lifetime_s: For so long.
            revocation_id: Under which what is given can be ended (`ViewerKeys.end`); `None` is never.
        """
        ...

    def source(self, external_ids: ExternalIds, lifetime_s: int) -> Source:
        """
        From where another host gets the file of a ready video. Repeatable.

        Raises:
            Transient: It is being made (again).
        """
        ...
