"""Bring back what was played while a placeholder stood in for it, as the provider counts plays: every hour.

Called by the sweep. A play through `issuePlayback` is noticed at once; this finds those through any other player.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from typing import Final

from shared.archive.commands import Restores
from shared.archive.model import FLAVORS_DELETED_TAG, ArchivedEntry, ArchiveState
from shared.archive.resource import PLAYS
from shared.core.errors import Conflict
from shared.core.paths import archive_path
from shared.ports import Clock, Create, Document, Documents, Entry, Originals, Selection, Update, pages_of

EVERY: Final = timedelta(hours=1)

WITHIN: Final = timedelta(days=2)
"""How far back plays are looked for: the provider's list may lag, and sweeps may be left out."""

PAGE: Final = 100
PAGES_MAX: Final = 20
"""The most pages that one sweep reads. Later entries are seen once the first ones are restored."""


@dataclass(frozen=True, slots=True)
class Plays:
    """
    The plays of placeholders.

    Attributes:
        documents: Where the documents are stored.
        clock: Returns the present time, in UTC.
        originals: The provider's entries.
        restores: Bring originals back.
    """

    documents: Documents
    clock: Clock
    originals: Originals
    restores: Restores

    def begin(self) -> None:
        """
        Have sweeps look for plays from now on. Repeatable.

        Raises:
            Transient: The documents could not be reached (again).
        """
        if self.documents.read(PLAYS)[0] is None:
            with suppress(Conflict):
                self.documents.commit(Create(PLAYS, {"dueAt": self.clock() + EVERY}))

    def look(self, operations: Sequence[Document]) -> None:
        """
        Look for plays, if that is due.

        Args:
            operations: The documents of bookkeeping that are due.

        Raises:
            Transient: Documents or provider could not be reached (again).
        """
        for document in operations:
            if document.path == PLAYS:
                self._look()
                with suppress(Conflict):
                    self.documents.commit(Update(PLAYS, {"dueAt": self.clock() + EVERY}, if_version=document.version))

    def _look(self) -> None:
        selection = Selection(tag=FLAVORS_DELETED_TAG, played_since=self.clock() - WITHIN)
        for page in islice(pages_of(self.originals, selection, PAGE), PAGES_MAX):
            records = self.documents.read(*(archive_path(one.id) for one in page)) if page else ()
            for entry, document in zip(page, records, strict=True):
                if document is not None and is_played(entry, ArchivedEntry.from_document(document)):
                    with suppress(Conflict):
                        self.restores.restore(entry.id)


def is_played(entry: Entry, record: ArchivedEntry) -> bool:
    """
    Tell whether an entry was played since the upload of its placeholder began: the placeholder plays some time before
    that is recorded. The provider tells whole seconds. Pure.
    """
    states = (ArchiveState.REPLACING, ArchiveState.PLACE_HOLDER)
    moments = (one.at for state in states for one in reversed(record.history) if one.state == state)
    since = next(moments, None)
    return (
        since is not None and entry.last_played_at is not None and entry.last_played_at >= since.replace(microsecond=0)
    )
