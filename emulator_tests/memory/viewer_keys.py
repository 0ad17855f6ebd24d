"""The viewer keys port in memory."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from emulator_tests.memory.effect import Effect, undisturbed
from emulator_tests.memory.grants import make_grant
from shared.core.errors import WrongState
from shared.ports import Clock, ExternalIds, Grant


class MemoryViewerKeys:
    """
    The viewer keys port in memory.

    Attributes:
        has_player: Whether the account issues keys for its player.
        ended: The revocation ids that were ended.
    """

    def __init__(self, clock: Clock, effect: Effect = undisturbed) -> None:
        self.has_player = True
        self.ended: set[str] = set()
        self._clock = clock
        self._effect = effect

    def player_key(self, external_ids: ExternalIds, viewer_uid: str, lifetime_s: int, revocation_id: str) -> Grant:
        if not self.has_player:
            raise WrongState("This account gives out no such keys.", reason="NO_PLAYER_KEY")
        return make_grant(self._clock(), lifetime_s, {"ks": secrets.token_urlsafe(), "revocationId": revocation_id})

    def is_ended(self, revocation_id: str) -> bool:
        return self._effect("is_ended", lambda: revocation_id in self.ended)

    def end(self, revocation_ids: Sequence[str]) -> None:
        self._effect("end", lambda: self.ended.update(revocation_ids))
