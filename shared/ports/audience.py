"""The people: their Firebase accounts, and the viewers whom a provider of live events lets in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from shared.ports.documents import Fields
from shared.ports.grants import ExternalIds, Grant


@dataclass(frozen=True, slots=True)
class Attendee:
    """
    A person who enters a live event.

    Attributes:
        uid: Their Firebase Auth user id.
        name: Their display name; may be empty.
        is_moderator: Whether they moderate the event.
    """

    uid: str
    name: str
    is_moderator: bool


@dataclass(frozen=True, slots=True)
class Admission:
    """
    The grants of a person in a live event.

    Attributes:
        user_id: The provider's id of the person.
        player: To watch.
        chat: To chat; `None` if there is no chat.
        room: To enter the event's room; `None` if it has none.
        refreshable_at: Set if a refresh was forced but parts of it were checked only a moment before: when everything
            can be checked again.
    """

    user_id: str
    player: Grant
    chat: Grant | None
    room: Grant | None
    refreshable_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Account:
    """
    A person's Firebase Auth account, as it is now.

    Attributes:
        uid: Its user id.
        is_enabled: Whether the person may sign in.
        claims: Its custom claims.
        display_name: The name that the person or the app has set; may be empty.
    """

    uid: str
    is_enabled: bool
    claims: Fields
    display_name: str = ""


class Accounts(Protocol):
    """
    The Firebase Auth accounts of this project.
    """

    def find(self, uid: str) -> Account | None:
        """
        Return the account of a user id; `None` if there is none.

        Raises:
            Transient: Firebase Auth could not be asked (again).
        """
        ...


class Audience(Protocol):
    """
    The people who enter the live events of one provider account. Raises as `Events` does.
    """

    def knows(self, uid: str) -> bool:
        """
        Tell whether the provider is known to have this user, because the person was admitted or found there recently.
        No call.
        """
        ...

    def forget(self, uid: str | None) -> bool:
        """
        Delete the provider's user for a person if this deployment created it; a user that was created elsewhere stays.
        `None` stands for all users, as many as one call takes. Repeatable.

        Returns:
            Whether none is left to delete.
        """
        ...

    def admit(
        self,
        external_ids: ExternalIds,
        attendee: Attendee,
        lifetime_s: int,
        *,
        revocation_id: str | None = None,
        force_refresh: bool = False,
    ) -> Admission:
        """
        Admit a person to an event. One call if the provider does not know them yet, none if it does. Repeatable.

        Args:
            external_ids: Of the event.
            attendee: The person who enters.
            lifetime_s: How long they may watch and be in the room, in seconds. A moderator's way into the room is an
                exception: it is for immediate use. The provider's setting decides how long they may chat.
            revocation_id: See `Media.playback_grant`.
            force_refresh: The provider has refused what they were given before. Everything that is only remembered
                about it is checked again, except for what was checked a moment ago.
        """
        ...
