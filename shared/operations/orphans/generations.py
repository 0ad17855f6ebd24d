"""Keep the reference of an orphan taken, so that nothing else is made under it.

Called by the search for orphans. A restored database continues with an older generation than its provider has seen.
Without this, the next thing would get the orphan's own reference, and a search by it would find the orphan.
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
"""A value in place of a session's `createdAt`; no session has it."""


def keep_taken(documents: Documents, orphan: Claimed, now: datetime) -> None:
    """
    Raise the generation in a record to that of an orphan that is kept. If a session has no record, it gets the
    tombstone of a session, as if the orphan's session had been deleted. Repeatable.

    Raises:
        Transient: The documents could not be reached (again).
    """
    reference, document = orphan.reference, orphan.document
    if reference.kind is Kind.COPY:
        # A copy is made only of a video that plays, and then an orphan of the copy is not kept.
        return
    with suppress(Conflict):
        # If another writer writes the record at this moment, the next search does it.
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
