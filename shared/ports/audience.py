"""The people: their accounts in this project, and the viewers whom a provider of live events lets in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from shared.ports.documents import Fields
from shared.ports.grants import ExternalIds, Grant


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
        external_ids: ExternalIds,
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
