"""The keys of viewers' players, and how they are ended."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from shared.ports.grants import ExternalIds, Grant


class ViewerKeys(Protocol):
    """
    The viewers' keys of one provider account: keys for the provider's own player, and the ending of all grants.
    """

    def player_key(self, external_ids: ExternalIds, viewer_uid: str, lifetime_s: int, revocation_id: str) -> Grant:
        """
        Let the provider's own player load one video or one event. The key is among the grant's values, by the
        provider's name. No call, except for what the account may need once.

        Args:
            external_ids: Of the video or the event.
            viewer_uid: The viewer.
            lifetime_s: How long the key is valid at most, in seconds.
            revocation_id: The id under which it can be ended.

        Raises:
            WrongState: The account gives out no such keys (never, until its operator changes that).
            Transient: The account is being set up (again).
        """
        ...

    def is_ended(self, revocation_id: str) -> bool:
        """
        Tell whether the grants under an id were ended. One call.

        Raises:
            Transient, Doubtful, Permanent: As `Events` does.
        """
        ...

    def end(self, revocation_ids: Sequence[str]) -> None:
        """
        End all grants that were given, or will be given, under these ids; the provider forgets that after a day.
        Content that it serves without checking stays available until the grant expires. One call. Repeatable.

        Raises:
            Transient, Doubtful, Permanent: As `Events` does.
        """
        ...
