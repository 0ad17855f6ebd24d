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
    The spec of a live event at a provider.

    Attributes:
        title: As the teacher wrote it; any text.
        starts_at: The planned start; `None` if none is given.
        ends_at: The planned end; `None` if none is given.
        moderators: The uids of its moderators, sorted.
        stamp: The stamp that the provider stores with the event (`SessionIdentity.stamp`); does not count when specs
            are compared.
    """

    title: str
    starts_at: datetime | None
    ends_at: datetime | None
    moderators: tuple[str, ...] = ()
    stamp: str = field(default="", compare=False, repr=False)


NOT_AVAILABLE: Final = ""
"""A value in place of the id of a part that the provider's account does not offer."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """
    The reason why a provider will never make one part of an event as the spec asks.

    Attributes:
        code: The provider's code.
        message: One sentence: what is wrong, and what to change.
    """

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class EventIds:
    """
    The parts of an event that exist.

    Attributes:
        external_ids: The provider's ids of its parts; one that the account does not offer is `NOT_AVAILABLE`. Empty if
            there is no event.
        refused: The parts that are missing, or differ from the spec, because the provider refuses them for good, by the
            names in `external_ids`. The event goes without them until the spec changes.
    """

    external_ids: ExternalIds
    refused: Mapping[str, Refusal] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Broadcast:
    """
    The state of a live event's broadcast, as observed once.

    Attributes:
        is_live: Whether viewers can see something at this moment.
        recordings: The external ids of each recording, the oldest first.
    """

    is_live: bool
    recordings: tuple[ExternalIds, ...] = ()


@dataclass(frozen=True, slots=True)
class Ingest:
    """
    The address that an encoder sends its stream to, and the stream key: for the owner only.

    Attributes:
        url: The main address; it contains the key too.
        backup_url: The second address; `None` if there is none.
        stream_name: The encoder's name of the stream.
        stream_key: The secret.
        values: What else an encoder may need, by the provider's names.
    """

    url: str = field(repr=False)
    backup_url: str | None = field(repr=False)
    stream_name: str
    stream_key: str = field(repr=False)
    values: Mapping[str, str] = field(default_factory=dict, repr=False)


class Events(Protocol):
    """
    The live events of one provider account.

    Raises, from every method:
        Transient: It did not happen (again).
        Doubtful: It may have happened (again, search first).
        Permanent: It will never happen (never).
    """

    @property
    def name(self) -> str:
        """
        Return our name of the provider.
        """
        ...

    def create_event(self, reference: str, spec: EventSpec) -> EventIds:
        """
        Create the event with all its parts; it can be found by `reference` from the moment it exists. Not repeatable:
        find first when in doubt.

        Returns:
            The parts that exist. If the provider refuses a part other than the event itself, the other parts are still
            made.

        Raises:
            Permanent: The event itself is refused (never).
        """
        ...

    def find_event(self, reference: str) -> ExternalIds:
        """
        Return the external ids of the oldest event made under `reference`; empty if there is none.
        """
        ...

    def update_event(self, reference: str, external_ids: ExternalIds, spec: EventSpec) -> EventIds:
        """
        Update an event to its spec, and make parts that are missing. Repeatable.

        Returns:
            The parts that exist afterwards; none if the event itself was deleted outside Greenroom, and then nothing of
            it is left.
        """
        ...

    def observe_broadcast(self, external_ids: ExternalIds) -> Broadcast | None:
        """
        Tell whether something is being sent to the event now, and what was recorded; `None` if the event does not
        exist. Repeatable, changes nothing.
        """
        ...

    def delete_event(self, external_ids: ExternalIds) -> Broadcast:
        """
        Delete every part; a part that others point at goes after those. Parts that are gone already count as deleted.
        While something is being sent to it, the event stays (again). Repeatable.

        Returns:
            The recordings that it leaves, which are not deleted with it.
        """
        ...

    def ingest(self, external_ids: ExternalIds) -> Ingest:
        """
        Return where to send the stream. Repeatable, changes nothing.
        """
        ...

    def rotate_stream_key(self, external_ids: ExternalIds) -> Ingest:
        """
        Make a new stream key; the old one is invalid from then on. It may be repeated if the answer is lost.
        """
        ...

    def playback_grant(
        self, external_ids: ExternalIds, viewer_uid: str, lifetime_s: int, revocation_id: str | None = None
    ) -> Grant:
        """
        Let a client play this one event while it is live; see `Media.playback_grant`.
        """
        ...
