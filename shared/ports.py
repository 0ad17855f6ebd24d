"""Every outside thing the domain needs, as a Protocol, with the values that cross the border.

Called by the domain folders and by `functions/wiring.py`; filled by `cloud/` (documents, queue) and `providers/`
(events, media), and by the in-memory parts of `emulator_tests/fakes.py`, which pass the same contract suites.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Protocol, TypeVar

from shared.errors import Transient

Fields = Mapping[str, Any]
Parts = Mapping[str, str]
"""A provider's own ids of one thing of ours, by the names that the documents use (`entryId`, `eventId`, …)."""

Version = object
"""What a document store says of a document's state; only ever handed back to the same store."""

Clock = Callable[[], datetime]


# --- documents ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Document:
    """
    One document as it was read.

    Attributes:
        path: `collection/id[/collection/id]`.
        fields: Its content; instants are aware datetimes in UTC.
        version: To make a later write conditional on nothing having changed.
        created_at: When the store created it; later than that where it was imported or restored.
    """

    path: str
    fields: Fields
    version: Version
    created_at: datetime

    @property
    def id(self) -> str:
        """
        The last part of the path.
        """
        return self.path.rpartition("/")[2]


class Remove:
    """
    As a value of `Update.changes`: the field goes.
    """


REMOVE: Final = Remove()


@dataclass(frozen=True, slots=True)
class Create:
    """
    Write a document that must not exist yet.
    """

    path: str
    fields: Fields


@dataclass(frozen=True, slots=True)
class Update:
    """
    Change fields of a document that must exist, and, where `if_version` is given, must not have changed since.

    `changes` is keyed by top-level names, or by field paths: tuples of names from the top (`("videos", "v1")`).
    """

    path: str
    changes: Mapping[str, Any] | Mapping[tuple[str, ...], Any]
    if_version: Version | None = None


@dataclass(frozen=True, slots=True)
class Delete:
    """
    Delete a document; one that is gone already is no error unless `if_version` is given.
    """

    path: str
    if_version: Version | None = None


Write = Create | Update | Delete


class Operator(StrEnum):
    """
    The comparisons a query may make.
    """

    EQUAL = "=="
    IN = "in"
    AT_MOST = "<="
    LESS = "<"
    GREATER = ">"
    CONTAINS = "array_contains"


@dataclass(frozen=True, slots=True)
class Condition:
    """
    One comparison of a query.

    Attributes:
        field: Its name, or the names on the way to it from the top.
        operator: The comparison; `CONTAINS` is of a list and one of its members.
        value: With which it is compared.
    """

    field: str | tuple[str, ...]
    operator: Operator
    value: Any


@dataclass(frozen=True, slots=True)
class Total:
    """
    How many documents meet a query, and what one of their fields adds up to.
    """

    count: int
    sum: int


@dataclass(frozen=True, slots=True)
class Query:
    """
    Documents of one top-level collection that meet all conditions.

    Attributes:
        collection: Its name.
        conditions: All must hold.
        order_by: A field; `None` orders by document id.
        after_id: Only ids after this one; goes with no `order_by`.
        limit: At most so many documents.
    """

    collection: str
    conditions: tuple[Condition, ...] = ()
    order_by: str | None = None
    after_id: str | None = None
    limit: int = 500


class Documents(Protocol):
    """
    The document store.

    Raises, from every method:
        Transient: the store could not be reached (again).
    """

    def read(self, *paths: str) -> tuple[Document | None, ...]:
        """
        Read documents in one round trip, `None` for each that does not exist, in the order of `paths`.
        """
        ...

    def select(self, query: Query) -> Sequence[Document]:
        """
        The documents that meet a query, in its order.
        """
        ...

    def count(self, query: Query) -> int:
        """
        Count the documents that meet a query, whatever its limit; a read for each 1,000 of them.
        """
        ...

    def total(self, query: Query, field: str) -> Total:
        """
        How many documents meet a query and have one field, and the sum of that field, which holds whole numbers;
        counted by the store. A document with something else in it counts and adds nothing. The query's limit does not
        matter.
        """
        ...

    def commit(self, *writes: Write) -> tuple[Version, ...]:
        """
        Write all or nothing.

        Returns:
            The new version of each written document, in order; a deleted one's is without meaning.

        Raises:
            Conflict: A condition did not hold; nothing was written by this call (again, after another look).
        """
        ...


# --- queue -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Note:
    """
    "Something may have changed: look at this key."

    Attributes:
        queue: The public name of the worker that will look, e.g. `visitSession`.
        key: What to look at; never what happened.
        at: Not before this instant; `None` is now.
        once: Notes of one queue and key with the same `once` may be merged by the queue. `None` never merges.
    """

    queue: str
    key: str
    at: datetime | None = None
    once: str | None = None


class Queue(Protocol):
    """
    Notes for workers; at least once, in no order.
    """

    def put(self, note: Note) -> bool:
        """
        Leave a note. One that merges with an earlier one is no error.

        Returns:
            `False` where it merged: a note of its `once` waits, or existed a short while ago and may have come already.
            Also where the call was repeated because its answer was lost. A note without `once` is always new.

        Raises:
            Transient: The queue could not be reached (again).
        """
        ...


# --- providers ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class EventWish:
    """
    What a live event at a provider should look like.

    Attributes:
        title: As the teacher wrote it; any text.
        starts_at: When it is planned to begin; `None` where nobody has said.
        ends_at: When it is planned to end; likewise.
        moderators: The uids of those who keep order in it, sorted.
        stamp: Whose event it is, as the provider keeps it with the event (`SessionIdentity.stamp`); no part of what it
            looks like.
    """

    title: str
    starts_at: datetime | None
    ends_at: datetime | None
    moderators: tuple[str, ...] = ()
    stamp: str = field(default="", compare=False, repr=False)


NOT_AVAILABLE: Final = ""
"""In place of the id of a part that the provider's account does not offer."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """
    Why a provider will never make one part of an event as it is wished.

    Attributes:
        code: The provider's.
        message: One sentence: what is wrong, and what to change.
    """

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class EventParts:
    """
    An event as far as there is one.

    Attributes:
        parts: The provider's ids of its parts; one that the account does not offer is `NOT_AVAILABLE`. Empty where
            there is no event.
        refused: The parts that are not there, or not as they are wished, because the provider refuses that for good, by
            the names of `parts`. The event does without them until it is wished otherwise.
    """

    parts: Parts
    refused: Mapping[str, Refusal] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Broadcast:
    """
    One look at what is sent to a live event.

    Attributes:
        is_live: Whether something can be seen at this moment.
        recordings: Of each thing that was recorded the provider's ids, the oldest first.
    """

    is_live: bool
    recordings: tuple[Parts, ...] = ()


@dataclass(frozen=True, slots=True)
class Ingest:
    """
    Where an encoder sends its picture, and the key that lets it: for the owner alone.

    Attributes:
        url: Of the main entrance; it holds the key too.
        backup_url: Of the second one, `None` where there is none.
        stream_name: What the encoder calls its stream.
        stream_key: The secret.
        values: What else an encoder may need by the provider's names.
    """

    url: str = field(repr=False)
    backup_url: str | None = field(repr=False)
    stream_name: str
    stream_key: str = field(repr=False)
    values: Mapping[str, str] = field(default_factory=dict, repr=False)


class Events(Protocol):
    """
    Live events of one provider account.

    Raises, from every method:
        Transient: It did not happen (again).
        Doubtful: It may have happened (again, look first).
        Permanent: It never will (never).
    """

    @property
    def name(self) -> str:
        """
        Our name of the provider.
        """
        ...

    def create_event(self, reference: str, wish: EventWish) -> EventParts:
        """
        Make the event with everything that belongs to it, findable by `reference` from the moment it exists. Not
        repeatable: find first when in doubt.

        Returns:
            What there is of it; the refusal of any part but the first hinders no other.

        Raises:
            Permanent: The event itself is refused (never).
        """
        ...

    def find_event(self, reference: str) -> Parts:
        """
        The parts of the oldest event made under `reference`; empty where there is none.
        """
        ...

    def update_event(self, reference: str, parts: Parts, wish: EventWish) -> EventParts:
        """
        Bring an event into the wished form, and make a part that is missing. Repeatable.

        Returns:
            What there is of it afterwards; no parts where the event itself was deleted behind our back, and then
            nothing of it is left.
        """
        ...

    def observe_broadcast(self, parts: Parts) -> Broadcast | None:
        """
        Whether something is being sent to the event now, and what was recorded; `None` where the event is not there.
        Repeatable, changes nothing.
        """
        ...

    def delete_event(self, parts: Parts) -> Broadcast:
        """
        Delete every part, what others point at after what points at it. What is gone already counts as deleted, and
        while something is being sent to it the event stays (again). Repeatable.

        Returns:
            What it leaves: its recordings are not deleted with it.
        """
        ...

    def ingest(self, parts: Parts) -> Ingest:
        """
        Where to send the picture. Repeatable, changes nothing.
        """
        ...

    def rotate_stream_key(self, parts: Parts) -> Ingest:
        """
        Make a new stream key; the old one opens nothing from then on. Where the answer is lost, it may be done again.
        """
        ...

    def playback_grant(self, parts: Parts, viewer_uid: str, lifetime_s: int, revocation_id: str | None = None) -> Grant:
        """
        Let a client play this one event while it is live; see `Media.playback_grant`.
        """
        ...


@dataclass(frozen=True, slots=True)
class UploadWish:
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
    recording: Parts | None = None
    stamp: str = field(default="", compare=False, repr=False)

    def nameless(self) -> UploadWish:
        """
        Return what a tombstone keeps of it: ids only. Pure.
        """
        return UploadWish("", "", 0, self.recording)


@dataclass(frozen=True, slots=True)
class Attendee:
    """
    Somebody who enters a live event.

    Attributes:
        uid: Of Firebase Auth.
        name: As he wants to be called; may be empty.
        is_moderator: Whether he keeps order in it.
    """

    uid: str
    name: str
    is_moderator: bool


@dataclass(frozen=True, slots=True)
class Admission:
    """
    What somebody needs in a live event.

    Attributes:
        user_id: As whom the provider knows him.
        player: To watch.
        chat: To talk, `None` where there is no chat.
        room: To enter its room, `None` where it has none.
        refreshable_at: Where everything was to be looked at again, and some of it was a moment before: when all of it
            can be.
    """

    user_id: str
    player: Grant
    chat: Grant | None
    room: Grant | None
    refreshable_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Account:
    """
    Somebody's account, as it is now.

    Attributes:
        uid: Of Firebase Auth.
        is_enabled: Whether its holder may sign in.
        claims: Its custom claims.
        display_name: As its holder, or the app, has written it; may be empty.
    """

    uid: str
    is_enabled: bool
    claims: Fields
    display_name: str = ""


class Accounts(Protocol):
    """
    The accounts of those who may sign in.
    """

    def find(self, uid: str) -> Account | None:
        """
        Return somebody's account, `None` where there is none.

        Raises:
            Transient: It could not be asked (again).
        """
        ...


class Audience(Protocol):
    """
    Those who enter the live events of one provider account. Raises as `Events` does.
    """

    def knows(self, uid: str) -> bool:
        """
        Tell whether somebody was let in, or found there, so short a time ago that the provider is not asked. No call.
        """
        ...

    def forget(self, uid: str | None) -> bool:
        """
        Delete the user by whom the provider knows somebody, where this deployment made it; one that somebody else made
        stays. `None` is everybody, as many as one call takes. Repeatable.

        Returns:
            Whether that was all.
        """
        ...

    def admit(
        self,
        parts: Parts,
        attendee: Attendee,
        lifetime_s: int,
        *,
        revocation_id: str | None = None,
        force_refresh: bool = False,
    ) -> Admission:
        """
        Let somebody in. One call for who is new to the provider, none for who is known to it. Repeatable.

        Args:
            parts: Of the event.
            attendee: Who enters.
            lifetime_s: For so long they may watch and be in the room, a moderator's way into the room aside, which is
                for using at once; how long they may talk is the provider's setting.
            revocation_id: As of `Media.playback_grant`.
            force_refresh: The provider has refused what they were given before: all that is only remembered of it is
                looked at again, but for what was looked at a moment ago.
        """
        ...


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
class Allowance:
    """
    How much one token to upload allows.

    Attributes:
        requests: So many requests, at a provider that counts them.
        expires_at: Until then.
    """

    requests: int
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Grant:
    """
    A short-lived permission for a client.

    Attributes:
        url: Where to go with it; it may hold the secret too.
        token: The secret; goes to the one caller and nowhere else.
        expires_at: When it ends.
        values: What the client needs besides by the provider's names, the secret among it where it does not stand in
            the address, e.g. `ks`.
        bare_url: The same address without its permission, at which nothing may be had; empty where there is none.
    """

    url: str = field(repr=False)
    token: str = field(repr=False)
    expires_at: datetime
    values: Mapping[str, str | int] = field(default_factory=dict, repr=False)
    bare_url: str = ""


@dataclass(frozen=True, slots=True)
class UploadGrant:
    """
    A short-lived permission for a client to send the bytes of one upload.

    A client that speaks the protocol needs the address and the values, and nothing else.

    Attributes:
        protocol: How the bytes are sent, e.g. `tus`. Clients choose by it how they send, whatever the provider.
        url: Where they are sent; it may hold the secret too.
        token: The secret; goes to the one caller and nowhere else.
        expires_at: When it ends.
        values: What else the protocol needs, by the names that clients read; the secret is among it where it does not
            stand in the address. No name is `protocol` or `url`.
        renewable_until: When the provider ends the upload, however often the grant is given anew; `None` where the
            provider sets no such end.
    """

    protocol: str
    url: str = field(repr=False)
    token: str = field(repr=False)
    expires_at: datetime
    values: Mapping[str, str | int] = field(default_factory=dict, repr=False)
    renewable_until: datetime | None = None


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
    parts: Parts
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


@dataclass(frozen=True, slots=True)
class Stray:
    """
    A provider object made by us: perhaps nobody recorded it.

    Attributes:
        provider: Our name of the provider that has it.
        reference: Under which it was made.
        parts: Its ids, to delete it by.
        created_at: When.
        has_content: Whether it has bytes that were received, or was on the air; a part of a larger thing, whether that
            has. `None` where the list does not tell: then `Strays.has_content` does.
        is_part: Whether it hangs on another thing of the same reference, and is nothing without that.
        stamp: Whose it is, as it was kept there when it was made; empty where nothing was.
        title: What viewers read, where it has content.
    """

    provider: str
    reference: str
    parts: Parts
    created_at: datetime
    has_content: bool | None = None
    is_part: bool = False
    stamp: str = ""
    title: str = ""


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

    def prepare_upload(self, reference: str, wish: UploadWish) -> Parts:
        """
        Make an empty video bound to one upload. Not repeatable: find first when in doubt.
        """
        ...

    def find_upload(self, reference: str, wish: UploadWish) -> Parts:
        """
        The parts of the oldest video made under `reference`, completed where its preparation was cut short; empty
        where there is none. Repeatable, by one visitor at a time.
        """
        ...

    def adopt_recording(self, reference: str, wish: UploadWish) -> Parts:
        """
        Take what is there already for the video of `reference`, private as all of them. Repeatable.

        Returns:
            Its parts, completed.
        """
        ...

    def observe(self, parts: Sequence[Parts]) -> Sequence[Observation]:
        """
        Read how up to `OBSERVED_MAX` videos stand now, in the order asked and in one call: not from an index that may
        lag. Of many at once it may leave out how far they are (`percent`, `received_bytes`). Repeatable, changes
        nothing.
        """
        ...

    def rename(self, reference: str, parts: Parts, wish: UploadWish) -> None:
        """
        Give the video of `reference` another title at the provider; it keeps the mark of whose it is. One that is not
        there is no error. Repeatable.
        """
        ...

    def reprocess(self, parts: Parts) -> None:
        """
        Have a video whose processing failed processed again, from the bytes that are there. Not repeatable: observe
        first when in doubt.
        """
        ...

    def delete_media(self, parts: Parts) -> Parts:
        """
        Delete the video with everything made for it. What is gone already counts as deleted. Repeatable.

        Returns:
            What of it is still there afterwards, as an administrator who sees everything is told; empty where all of it
            is gone.
        """
        ...

    def changes(self, since: datetime, page: int, pages: int = 1, uploads: Sequence[Parts] = ()) -> Changes:
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

    def upload_grant(self, parts: Parts, wish: UploadWish, allowance: Allowance) -> UploadGrant:
        """
        Let a client send the bytes of this one upload and do nothing else. The same allowance gives the same token at a
        provider that counts requests, so that it counts them on. Local, no call.
        """
        ...

    def playback_grant(self, parts: Parts, viewer_uid: str, lifetime_s: int, revocation_id: str | None = None) -> Grant:
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

    def source(self, parts: Parts, lifetime_s: int) -> Source:
        """
        From where another host gets the file of a ready video. Repeatable.

        Raises:
            Transient: It is being made (again).
        """
        ...


class Strays(Protocol):
    """
    Everything of ours at one provider account, by age. Raises as `Events` does.
    """

    def strays(self, since: datetime, until: datetime) -> Sequence[Stray]:
        """
        What was created by us in [since, until), oldest first, at most 500. References are as they stand there: whoever
        administers the account may have written anything.
        """
        ...

    def has_content(self, stray: Stray) -> bool:
        """
        Return whether a thing has content at this moment, as `Stray.has_content` says it: not from a list that may lag.
        What cannot be told counts as content, what is gone has none. Repeatable, changes nothing.
        """
        ...

    def delete_stray(self, stray: Stray) -> Parts:
        """
        Delete it. What is gone already counts as deleted. Repeatable.

        Returns:
            What of it is still there afterwards, as `Media.delete_media`.
        """
        ...


class ViewerKeys(Protocol):
    """
    Keys that people hold at one provider account: those for its own player, and the end of all of them.
    """

    def player_key(self, parts: Parts, viewer_uid: str, lifetime_s: int, revocation_id: str) -> Grant:
        """
        Let the provider's own player load one video, or one event; the key is among the grant's values, by the
        provider's name. No call, but for what the account may need once.

        Args:
            parts: Of the video, or of the event.
            viewer_uid: Who watches.
            lifetime_s: For so long at the most.
            revocation_id: Under which it can be ended.

        Raises:
            WrongState: The account gives out no such keys (never, until its operator changes that).
            Transient: The account is being set up (again).
        """
        ...

    def is_ended(self, revocation_id: str) -> bool:
        """
        Tell whether what is given under an id was ended. One call.

        Raises:
            Transient, Doubtful, Permanent: As `Events` does.
        """
        ...

    def end(self, revocation_ids: Sequence[str]) -> None:
        """
        End whatever was given, or will be given, under these ids; the provider forgets that after a day. What it serves
        without asking goes on until it expires. One call. Repeatable.

        Raises:
            Transient, Doubtful, Permanent: As `Events` does.
        """
        ...


@dataclass(frozen=True, slots=True)
class Holder:
    """
    One provider account that holds videos.

    Attributes:
        media: The videos.
        strays: Everything of ours there.
        viewer_keys: The keys that people hold there; `None` where nothing that is given out can be ended.
    """

    media: Media
    strays: Strays
    viewer_keys: ViewerKeys | None = None


Holders = Mapping[str, Holder]
"""The accounts of one deployment, by our names of their providers."""


class Host(Strays, Protocol):
    """
    Where ready videos are copied to, so that they play from there too. Raises as `Events` does.
    """

    @property
    def name(self) -> str:
        """
        Our name of the host.
        """
        ...

    def begin_copy(self, reference: str, source: Source) -> Parts:
        """
        Begin the copy of a video, findable by `reference` from the moment it exists. Not repeatable: find first when in
        doubt.
        """
        ...

    def find_copy(self, reference: str) -> Parts:
        """
        The parts of the oldest copy begun under `reference`; empty where there is none.
        """
        ...

    def observe_copy(self, parts: Parts) -> Observation:
        """
        How a copy stands. In state `awaitingUpload` the host waits for us to send it bytes. Repeatable, changes
        nothing.
        """
        ...

    def send_more(self, parts: Parts, source: Source) -> Observation:
        """
        Send the next bytes from the source to a host that waits for them, as many as a function can carry. Repeatable,
        by one visitor at a time.

        Returns:
            How the copy stands then.
        """
        ...

    def delete_media(self, parts: Parts) -> Parts:
        """
        Delete a copy, finished or not; see `Media.delete_media`.
        """
        ...

    def playback_grant(self, parts: Parts, lifetime_s: int) -> Grant:
        """
        Let a client play this one copy; see `Media.playback_grant`.
        """
        ...


Hosts = Mapping[str, Host]
"""The hosts of one deployment that take copies, by their names; none has the name of a provider."""

MANIFEST_URL: Final = "manifestUrl"
PROGRESSIVE_URL: Final = "progressiveUrl"
THUMBNAIL_URL: Final = "thumbnailUrl"
ADDRESSES: Final = (MANIFEST_URL, PROGRESSIVE_URL, THUMBNAIL_URL)
"""What a grant to play may name among its values: HLS, one file, a still picture."""


class Keeper(Protocol):
    """
    Whoever has videos, or copies of them, and can delete them.
    """

    def delete_media(self, parts: Parts) -> Parts:
        """
        See `Media.delete_media`.
        """
        ...


@dataclass(frozen=True, slots=True)
class Place:
    """
    One account that something may be left at.

    Attributes:
        keeper: What is recorded there.
        strays: Everything of ours there.
    """

    keeper: Keeper
    strays: Strays


Places = Mapping[str, Place]
"""All of them, providers and hosts, by our names."""


def places(holders: Holders, hosts: Hosts) -> Places:
    """
    Everywhere that something of ours may be. Pure.
    """
    at_providers = {name: Place(holder.media, holder.strays) for name, holder in holders.items()}
    return at_providers | {name: Place(host, host) for name, host in hosts.items()}


Plays = Callable[[str], bool]
"""Whether something can be had from an address at this moment; says no where nobody answers."""

A = TypeVar("A")


def holder_of(holders: Mapping[str, A], provider: str) -> A:
    """
    The account that has something, by what is recorded of it. Pure.

    Raises:
        Transient: This deployment has no such account at the moment (again, once it has).
    """
    holder = holders.get(provider)
    if holder is None:
        raise Transient(
            f"This deployment has no account at {provider}. Set it up again, or restore the video elsewhere.",
            provider=provider,
            operation="choose",
            code="NO_SUCH_PROVIDER",
        )
    return holder


@dataclass(frozen=True, slots=True)
class Heard:
    """
    Of what a provider's request speaks.

    Attributes:
        references: Of our things.
        elsewhere: The namespace of another deployment on the same account, where it speaks of that.
    """

    references: tuple[str, ...] = ()
    elsewhere: str | None = None


class Hook(Protocol):
    """
    What one provider account tells by itself.
    """

    def heard(self, headers: Mapping[str, str], body: bytes) -> Heard:
        """
        Of what a request from the provider speaks, as far as its signature proves that it is from the provider at all.
        Where the provider alone knows what signs, that is asked for once.

        Args:
            headers: Of the request, by lower-case names.
            body: Exactly as it came.

        Raises:
            NotAllowed: It is not from the provider (never).
            BadRequest: It cannot be understood (never).
            Transient: The provider could not be asked what signs (again).
        """
        ...

    def install(self, url: str, algorithm: str | None = None) -> Sequence[str]:
        """
        Have the provider tell that address of changes, signed by the algorithm that is named, or by its best.
        Repeatable. Raises as `Events` does.

        Returns:
            What there is at the provider for it now, by its names.

        Raises:
            BadRequest: The provider does not sign with that algorithm, or tells somebody else already (never).
            NotFound: The account does not offer it (never).
        """
        ...

    def remove(self) -> Sequence[str]:
        """
        Have the provider tell nothing any more. Repeatable. Raises as `Events` does.

        Returns:
            What there was at the provider for it, by its names.
        """
        ...


class Health(StrEnum):
    """
    How something stands that an account needs.
    """

    OK = "ok"
    MADE = "made"
    ABSENT = "absent"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Finding:
    """
    What was found of one thing that an account needs.

    Attributes:
        what: Its name, as an operator knows it.
        health: There, just made, not there and can be done without, not there and needed.
        sentence: What follows, and what creates it; empty where all is well.
    """

    what: str
    health: Health
    sentence: str = ""


class Setup(Protocol):
    """
    One provider account, as an operator sets it up. Raises as `Events` does where the provider cannot be asked at all.
    """

    def check(self) -> Sequence[Finding]:
        """
        What of all that is needed is there. Repeatable, changes nothing.
        """
        ...

    def make(self) -> Sequence[Finding]:
        """
        Make what can be made from here. Repeatable, by one operator at a time.

        Returns:
            What was found and made of that.
        """
        ...
