"""The provider of live events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol

from shared.ports.grants import ExternalIds, Grant


@dataclass(frozen=True, slots=True)
class EventSpec:
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
class EventIds:
    """
    An event as far as there is one.

    Attributes:
        parts: The provider's ids of its parts; one that the account does not offer is `NOT_AVAILABLE`. Empty where
            there is no event.
        refused: The parts that are not there, or not as they are wished, because the provider refuses that for good, by
            the names of `parts`. The event does without them until it is wished otherwise.
    """

    external_ids: ExternalIds
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
    recordings: tuple[ExternalIds, ...] = ()


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

    def create_event(self, reference: str, spec: EventSpec) -> EventIds:
        """
        Make the event with everything that belongs to it, findable by `reference` from the moment it exists. Not
        repeatable: find first when in doubt.

        Returns:
            What there is of it; the refusal of any part but the first hinders no other.

        Raises:
            Permanent: The event itself is refused (never).
        """
        ...

    def find_event(self, reference: str) -> ExternalIds:
        """
        The parts of the oldest event made under `reference`; empty where there is none.
        """
        ...

    def update_event(self, reference: str, external_ids: ExternalIds, spec: EventSpec) -> EventIds:
        """
        Bring an event into the wished form, and make a part that is missing. Repeatable.

        Returns:
            What there is of it afterwards; no parts where the event itself was deleted behind our back, and then
            nothing of it is left.
        """
        ...

    def observe_broadcast(self, external_ids: ExternalIds) -> Broadcast | None:
        """
        Whether something is being sent to the event now, and what was recorded; `None` where the event is not there.
        Repeatable, changes nothing.
        """
        ...

    def delete_event(self, external_ids: ExternalIds) -> Broadcast:
        """
        Delete every part, what others point at after what points at it. What is gone already counts as deleted, and
        while something is being sent to it the event stays (again). Repeatable.

        Returns:
            What it leaves: its recordings are not deleted with it.
        """
        ...

    def ingest(self, external_ids: ExternalIds) -> Ingest:
        """
        Where to send the picture. Repeatable, changes nothing.
        """
        ...

    def rotate_stream_key(self, external_ids: ExternalIds) -> Ingest:
        """
        Make a new stream key; the old one opens nothing from then on. Where the answer is lost, it may be done again.
        """
        ...

    def playback_grant(
        self, external_ids: ExternalIds, viewer_uid: str, lifetime_s: int, revocation_id: str | None = None
    ) -> Grant:
        """
        Let a client play this one event while it is live; see `Media.playback_grant`.
        """
        ...
