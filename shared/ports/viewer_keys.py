"""The keys of viewers' players, and how they are ended."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from shared.ports.grants import ExternalIds, Grant


class ViewerKeys(Protocol):
    """
    Keys that people hold at one provider account: those for its own player, and the end of all of them.
    """

    def player_key(self, external_ids: ExternalIds, viewer_uid: str, lifetime_s: int, revocation_id: str) -> Grant:
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
