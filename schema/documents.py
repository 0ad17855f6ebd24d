"""The documents that clients read or write, field by field.

Written to `documents.json`, and to the tables of docs/api.md, by `make docs`. A field with a default may be absent, and
is then never null unless its type is `Nullable`. Never imported in the cloud.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from functions.edge.fields import Doc, HostName, ProviderName, Range, SessionId, Uid, VideoId, message
from functions.kaltura_session import Failure
from shared.deletions.model import DeletionState, Reason
from shared.erasure.model import ErasureState
from shared.hosts.model import CopyState
from shared.ports import Stage
from shared.sessions.model import BroadcastState, PairingState
from shared.sessions.session import Format, Status, Visibility
from shared.transfers.model import TransferState
from shared.videos.model import VideoState


class Null:
    """
    Mark an optional field that may be null as well as absent.
    """

    def __get_pydantic_json_schema__(self, schema: Any, handler: Callable[[Any], Any]) -> Any:
        return {**handler(schema), "nullable": True}


@message
class Timestamp:
    """A Firestore Timestamp."""

    seconds: int
    nanoseconds: Annotated[int, Range(0, 999_999_999)]


Nullable = Annotated[Timestamp | None, Null()]
Percent = Annotated[int, Range(0, 100), Doc("0 to 100, progress within the state")]
Counted = Annotated[int | None, Doc("still there when last counted")]

StateOfArchive = Literal["initial", "archived", "place_holder", "restoring"]
StateOfSession = Literal["requested", "preparing", "uploading", "processing", "retrying", "ready", "failed"]


@message
class Replacement:
    """A new file for a video that plays."""

    title: str
    state: StateOfSession
    stage: Stage | None
    percent: Percent
    failure: Failure | None = None


@message
class ArchiveOfVideo:
    """What happens to the original of a video that nobody watches."""

    state: Annotated[
        StateOfArchive, Doc("with the last two a placeholder plays; `restoring` until the original is back")
    ]
    isKept: Annotated[bool, Doc("whether the owner keeps the video out of the archive")]
    archivesAt: Annotated[Timestamp | None, Doc("when the placeholder takes its place, unless it is watched or kept")]
    availableAt: Annotated[Timestamp | None, Doc("while it is restored: when to expect the original, if that is known")]


@message
class VideoOfSession:
    """A video as its session shows it: the one that plays; if none does, the latest upload."""

    provider: ProviderName
    title: str
    order: Annotated[int | None, Doc("place in the session")]
    durationS: Annotated[float | None, Doc("seconds, once it is known")]
    state: StateOfSession
    stage: Stage | None
    percent: Percent
    failure: Failure | None = None
    replacement: Annotated[Replacement, Doc("a new file, while the earlier one plays")] | None = None
    keep: Annotated[Literal[True], Doc("if it is kept out of the archive")] | None = None
    archive: Annotated[ArchiveOfVideo, Doc("if its original is archived, or will be")] | None = None


@message
class LiveEvent:
    """A live event as its session shows it."""

    state: Literal["creating", "ready", "failed"]
    broadcast: Annotated[BroadcastState, Doc("with `ready`")] | None = None
    entryId: Annotated[str, Doc("its id at Kaltura; with `ready`")] | None = None
    virtualEventId: Annotated[str, Doc("its id at Kaltura; with `ready`")] | None = None
    notAvailable: Annotated[list[str], Doc("the parts that the account does not offer")] | None = None
    failure: Failure | None = None


@message
class Session:
    """A session: written by its owner, except for the fields from `videos` on, which the server writes."""

    ownerUid: Annotated[Uid, Doc("the owner's own uid; nobody can change it")]
    title: Annotated[str, Doc("one line of 1 to 200 characters")]
    status: Status
    format: Format
    visibility: Annotated[Visibility, Doc("to every signed-in user, or to those with an enrolment")]
    startsAt: Annotated[Nullable, Doc("a public live session needs both")] = None
    endsAt: Annotated[Nullable, Doc("after the start, by at most 3,660 days")] = None
    videoProvider: Annotated[ProviderName, Doc("`kaltura`, `cloudflare`; the default is `VIDEO_PROVIDER`")] | None = (
        None
    )
    app: Annotated[dict[str, Any], Doc("what your app keeps here: [up to ten values](#data-of-your-app)")] | None = None
    createdAt: Annotated[Timestamp, Doc("`serverTimestamp()` when it is created; nobody can change it")]
    updatedAt: Annotated[Timestamp, Doc("`serverTimestamp()` with every write")]
    videos: Annotated[dict[VideoId, VideoOfSession], Doc("each video")] | None = None
    kaltura: Annotated[LiveEvent, Doc("only in a public live session")] | None = None
    moderators: Annotated[dict[str, Literal[True]], Doc("each named moderator, by uid")] | None = None
    formerOwnerUids: Annotated[list[str], Doc("during a transfer")] | None = None
    kalturaSession: Annotated[Literal[True], Doc("if something was created for this session")] | None = None


@message
class Enrolment:
    """The permission of one student to watch one session."""

    sessionId: Annotated[SessionId, Doc("a session of the owner")]
    uid: Annotated[Uid, Doc("the student, 1 to 128 characters without a slash")]
    ownerUid: Annotated[Uid, Doc("the owner's own uid")]
    createdAt: Annotated[Timestamp, Doc("`serverTimestamp()`")]


@message
class Playable:
    """The version of a video that plays."""

    title: str
    durationS: float | None
    sizeBytes: int | None
    mediaType: str | None
    readyAt: Timestamp
    beganAt: Annotated[Timestamp | None, Doc("of a recording: the instant of its first picture")]


@message
class CopyOfVideo:
    """A copy as its video shows it."""

    state: Literal["copying", "ready", "failed"]


@message
class Moment:
    """A state, and when it began."""

    state: str
    at: Timestamp


@message
class Video:
    """The record of a video."""

    sessionId: Annotated[SessionId, Doc("whose it is")]
    ownerUid: Annotated[str, Doc("whose it is")]
    sessionCreatedAt: Annotated[Timestamp, Doc("`createdAt` of the session")]
    provider: ProviderName
    createdAt: Annotated[Timestamp, Doc("when the video was asked for")]
    askedAt: Annotated[Timestamp, Doc("when its latest upload was asked for")]
    title: Annotated[str, Doc("of the latest upload")]
    fileName: Annotated[str, Doc("of the latest upload")]
    declaredBytes: Annotated[int, Doc("of the latest upload")]
    order: Annotated[int | None, Doc("place in the session")]
    state: Annotated[VideoState, Doc("of the latest upload")]
    stage: Annotated[Stage | None, Doc("of the latest upload")]
    percent: Percent
    receivedBytes: Annotated[int | None, Doc("bytes that have arrived")]
    deadlineAt: Annotated[Timestamp | None, Doc("when the present state ends")]
    failure: Failure | None
    playable: Annotated[Playable | None, Doc("what plays")]
    hosts: Annotated[dict[HostName, CopyOfVideo], Doc("each copy")] | None = None
    history: Annotated[list[Moment], Doc("the last 20 states")]
    gone: Annotated[bool, Doc("nothing of it is left")]


@message
class Transfer:
    """The transfer of a session to another owner, while it lasts."""

    sessionId: SessionId
    ownerUid: Annotated[str, Doc("the new owner")]
    formerOwnerUids: Annotated[list[str], Doc("owners that something may still name")]
    askedAt: Timestamp
    state: Annotated[TransferState, Doc("with `rotating` only the stream key is left")]
    moved: Annotated[int, Doc("documents that follow")]
    failure: Failure | None


@message
class Erasure:
    """The progress of an erasure."""

    state: ErasureState
    askedAt: Timestamp
    doneAt: Annotated[Timestamp | None, Doc("null before")]
    sessions: Annotated[int, Doc("deleted")]
    enrolments: Annotated[int, Doc("deleted")]
    videos: Annotated[int, Doc("deleted")]
    videosLeft: Counted
    copiesLeft: Counted
    eventsLeft: Counted
    deletionsLeft: Counted
    deletionsDead: Annotated[int | None, Doc("refused by the provider for about a week")]
    uid: Annotated[str | None, Doc("the person, until it is done")]


@message
class KalturaSession:
    """The server's record of a session."""

    state: PairingState
    parts: Annotated[dict[str, str], Doc("the ids at Kaltura")]
    airing: Annotated[dict[str, Any], Doc("the broadcast, as last observed")]
    applied: Annotated[dict[str, Any] | None, Doc("what the event fulfils")]
    failure: Failure | None
    history: list[Moment]


@message
class Copy:
    """The copy of a video at a host."""

    host: HostName
    state: CopyState
    percent: Percent
    failures: int
    reason: Annotated[str | None, Doc("why it failed last")]
    retryAt: Timestamp | None


@message
class HostState:
    """The health of a host: whether playback works from it."""

    isHealthy: bool
    since: Timestamp
    checkedAt: Timestamp


@message
class Deletion:
    """A thing at a provider that is still to be deleted."""

    provider: str
    reference: str
    reason: Annotated[Reason, Doc("why it was released")]
    state: DeletionState
    createdAt: Timestamp
    failure: Failure | None


@message
class OrphansReport:
    """The result of the last search for orphans."""

    at: Timestamp
    held: bool
    strayCount: int
    strays: list[dict[str, Any]]
    missingCount: int
    missing: list[Any]
    unreadableCount: int
    unreadable: list[str]
    storedAfter: Annotated[dict[str, str], Doc("where the next search of the bucket continues, if it is large")]


@message
class ArchivedEntry:
    """The record of an original in the archive."""

    state: str
    videoId: Annotated[str, Doc("empty for an entry that Greenroom did not make")]
    original: Annotated[dict[str, Any] | None, Doc("the proof of what is stored: `sha256`, `bytes`, `storageClass`, …")]
    earlier: Annotated[list[Any], Doc("originals that were replaced after they were archived")]
    waitsUntil: Annotated[Timestamp | None, Doc("when the next try is due, or the original can be read")]
    lastError: Annotated[dict[str, Any] | None, Doc("the last failure: `code`, `message`, `retryAt`, …")]
    history: list[Moment]


@message
class ArchiveReport:
    """The result of the last check of archived entries that an operator kept."""

    at: Timestamp
    whole: Annotated[bool, Doc("whether every entry was checked")]
    healthyCount: int
    unhealthyCount: int
    problems: Annotated[dict[str, int], Doc("how many entries have each problem")]
    unhealthy: Annotated[list[dict[str, Any]], Doc("the first 100 of them")]


@message
class ArchiveSavings:
    """What archiving has saved, as an operator last kept it. Amounts are in dollars."""

    at: Timestamp
    pricesOf: Annotated[str, Doc("the day on which the prices of the store's class were noted")]
    providerPrice: Annotated[float | None, Doc("what the provider takes for a gigabyte and month")]
    entries: Annotated[int, Doc("entries whose original is in the cold store")]
    bytes: int
    goneEntries: Annotated[int, Doc("those of which the provider has a placeholder only")]
    goneBytes: int
    storeMonthly: float
    savedMonthly: float | None
    months: Annotated[list[dict[str, Any]], Doc("the same by the month of archiving")]


DOCUMENTS: Final[dict[str, type[Any]]] = {
    "sessions/{sessionId}": Session,
    "enrolments/{sessionId}_{uid}": Enrolment,
    "videos/{videoId}": Video,
    "transfers/{sessionId}": Transfer,
    "erasures/{erasureId}": Erasure,
    "kalturaSession/{sessionId}": KalturaSession,
    "copies/{videoId}-{host}": Copy,
    "hosts/{host}": HostState,
    "pendingDeletions/{deletionId}": Deletion,
    "archive/{entryId}": ArchivedEntry,
    "reports/orphans": OrphansReport,
    "reports/archive": ArchiveReport,
    "reports/archiveSavings": ArchiveSavings,
}
"""The class of each document, by its path."""


OPEN: Final = (Playable, CopyOfVideo, *list(DOCUMENTS.values())[2:])
"""What has further fields, which are the server's own and may change."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """
    What a state of a video means, and its stages.
    """

    text: str
    stages: tuple[Stage, ...] = ()


STATES: Final = {
    VideoState.REQUESTED: Meaning("a token was asked for"),
    VideoState.PREPARING: Meaning("the provider creates the empty video"),
    VideoState.UPLOADING: Meaning("bytes arrive", (Stage.AWAITING_BYTES, Stage.RECEIVING)),
    VideoState.PROCESSING: Meaning("the provider converts", (Stage.QUEUED, Stage.CONVERTING)),
    VideoState.RETRYING: Meaning("processing starts again"),
    VideoState.READY: Meaning("it plays"),
    VideoState.FAILED: Meaning("see `failure`"),
    VideoState.GONE: Meaning("it was deleted; the session does not show it"),
}
"""The meaning of each state of a video."""
