"""The reference of an orphan that is kept stays taken: nothing else is made under it.

Called by the search for orphans. A database that was restored counts on from an older generation than its provider has
seen: the next thing would get the orphan's own reference, and whoever looks for it would find the orphan.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Final

from shared.core.errors import Conflict
from shared.core.identity import TOMBSTONE_S, SessionIdentity
from shared.core.references import Kind
from shared.operations.orphans.claims import Claimed
from shared.ports import Create, Documents, Update
from shared.sessions.model import Pairing, PairingState

NO_SESSION: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""In place of a session's creation: no session that there is has it."""


def keep_taken(documents: Documents, orphan: Claimed, now: datetime) -> None:
    """
    Have the generations of a record go on after that of an orphan that is kept. Where a session has no record, it gets
    one of a session that is gone, as if the orphan's had been deleted. Repeatable.

    Raises:
        Transient: The documents could not be reached (again).
    """
    reference, document = orphan.reference, orphan.document
    if reference.kind is Kind.COPY:
        # A copy is made of what plays, and then an orphan of it is not kept.
        return
    with suppress(Conflict):
        # Whoever writes the record at this moment leaves it for the next search.
        if document is not None:
            is_behind = document.fields["generation"] < reference.generation
            if is_behind and document.fields["claim"] is None:
                changes = {"generation": reference.generation}
                documents.commit(Update(document.path, changes, if_version=document.version))
        elif reference.kind is Kind.SESSION:
            gone = Pairing(
                SessionIdentity(reference.key, "", NO_SESSION),
                has_session=False,
                state=PairingState.GONE,
                generation=reference.generation,
                expires_at=now + timedelta(seconds=TOMBSTONE_S),
            )
            documents.commit(Create(reference.path, gone.to_fields()))
