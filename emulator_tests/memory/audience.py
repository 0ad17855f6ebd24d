"""The accounts port and the audience port in memory."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from emulator_tests.memory.effect import Effect, undisturbed
from emulator_tests.memory.grants import make_grant
from shared.ports import Account, Admission, Attendee, Clock, ExternalIds, Grant


class MemoryAccounts:
    """
    The accounts port in memory.
    """

    def __init__(self, effect: Effect = undisturbed) -> None:
        self._effect = effect
        self._kept: dict[str, Account] = {}

    def write(self, uid: str, *, is_enabled: bool = True, display_name: str = "", **claims: object) -> None:
        """
        Create a user's account, or change it.
        """
        self._kept[uid] = Account(uid, is_enabled, claims, display_name)

    def delete(self, uid: str) -> None:
        """
        Delete a user's account.
        """
        del self._kept[uid]

    def find(self, uid: str) -> Account | None:
        return self._effect("find", lambda: self._kept.get(uid))


class MemoryAudience:
    """
    The audience port in memory.

    Attributes:
        chat: Whether the account has a chat.
        names: Display names of the users that were made there, by uid.
    """

    PAUSE: Final = timedelta(seconds=60)
    """A user who was made less than this ago is not made again."""

    def __init__(self, clock: Clock, effect: Effect = undisturbed) -> None:
        self.chat = True
        self.names: dict[str, str] = {}
        self._clock = clock
        self._effect = effect
        self._known: dict[str, datetime] = {}

    def known(self) -> frozenset[str]:
        """
        Return the uids of the users that exist.
        """
        return frozenset(self._known)

    def knows(self, uid: str) -> bool:
        return uid in self._known

    def forget(self, uid: str | None) -> bool:
        def do() -> bool:
            gone = set(self._known) if uid is None else {uid}
            self._known = {known: at for known, at in self._known.items() if known not in gone}
            self.names = {known: name for known, name in self.names.items() if known not in gone}
            return True

        return self._effect("forget", do)

    def admit(
        self,
        external_ids: ExternalIds,
        attendee: Attendee,
        lifetime_s: int,
        *,
        revocation_id: str | None = None,
        force_refresh: bool = False,
    ) -> Admission:
        now, learned_at = self._clock(), self._known.get(attendee.uid)
        is_fresh = learned_at is not None and now < learned_at + self.PAUSE
        if learned_at is None or (force_refresh and not is_fresh):
            self._effect("admit", lambda: self._make(attendee))

        def grant(what: str) -> Grant:
            given = {"for": what, "entryId": external_ids["entryId"], "revocationId": revocation_id or ""}
            return make_grant(now, lifetime_s, given)

        refreshable_at = learned_at + self.PAUSE if force_refresh and is_fresh and learned_at is not None else None
        chat = grant("chat") if self.chat else None
        return Admission(attendee.uid, grant("player"), chat, grant("room"), refreshable_at)

    def _make(self, attendee: Attendee) -> None:
        if attendee.uid not in self._known:
            self.names[attendee.uid] = attendee.name
        self._known[attendee.uid] = self._clock()
