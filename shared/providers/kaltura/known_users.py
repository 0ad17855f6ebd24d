"""Remember which of our users exist at Kaltura, so that a viewer who comes back needs no call.

Called by `audience.py`, which creates users, through `KalturaAccount.users`.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from shared.core.errors import Conflict
from shared.core.paths import known_user_path
from shared.ports import Clock, Create, Delete, Documents, Update

USERS_REMEMBERED_MAX: Final = 20_000
"""The maximum number of users that an instance remembers. Their documents remember all."""


@dataclass(frozen=True, slots=True)
class KnownUsers:
    """
    One instance's memory of users, and the documents that all instances share, one for each user.

    Attributes:
        documents: The documents that all instances share.
        clock: Now, in UTC.
        known_s: How long the document of a user is kept.
    """

    documents: Documents
    clock: Clock
    known_s: int
    _known_at: dict[str, datetime] = field(default_factory=dict, repr=False, compare=False)

    def knows(self, user_id: str, known_s: int) -> bool:
        """
        Tell whether a user was created, or found, within that many seconds: by this instance, or by another one, which
        recorded it since.
        """
        known_at = self.learned_at(user_id, known_s)
        return known_at is not None and self.clock() - known_at < timedelta(seconds=known_s)

    def learned_at(self, user_id: str, known_s: int) -> datetime | None:
        """
        Return when a user was last created, or found; `None` if no instance remembers.

        Args:
            user_id: The user's id at Kaltura.
            known_s: If this instance learned it longer ago, the document is read, because another may have learned it
                since.
        """
        known_at = self._known_at.get(user_id)
        if known_at is not None and self.clock() - known_at < timedelta(seconds=known_s):
            return known_at
        (document,) = self.documents.read(known_user_path(user_id))
        if document is None:
            self._known_at.pop(user_id, None)
            return None
        self._remember(user_id, document.fields["knownAt"])
        return self._known_at[user_id]

    def learn(self, user_id: str) -> None:
        """
        Remember that a user exists, in this instance and in a document for all others.
        """
        now, path = self.clock(), known_user_path(user_id)
        fields = {"knownAt": now, "expiresAt": now + timedelta(seconds=self.known_s)}
        try:
            self.documents.commit(Create(path, fields))
        except Conflict:
            with suppress(Conflict):
                # If the document is deleted in between, the user is only asked for once more.
                self.documents.commit(Update(path, fields))
        self._remember(user_id, now)

    def forget(self, user_id: str) -> None:
        """
        Forget that a user exists. Other instances remember it for as long as they run.
        """
        self.documents.commit(Delete(known_user_path(user_id)))
        self._known_at.pop(user_id, None)

    def _remember(self, user_id: str, known_at: datetime) -> None:
        if len(self._known_at) >= USERS_REMEMBERED_MAX:
            self._known_at.clear()
        self._known_at[user_id] = known_at
