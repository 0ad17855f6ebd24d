"""What the documents say about live events at the provider."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import ClassVar, Final

from shared.core.errors import Conflict
from shared.core.identity import TOMBSTONE_S, SessionIdentity
from shared.core.paths import RECONCILE_SESSION
from shared.core.references import Reference
from shared.ports import Create, Document, ExternalIds, InventoryItem
from shared.reconcile.deployment import Deployment
from shared.reconcile.owned import Claim, Claimed, Missing, Owned, Part, is_among, is_settled, parts_of
from shared.sessions.adopting import adopt_event
from shared.sessions.model import Pairing, PairingState
from shared.sessions.pairing import have_verified

NO_SESSION: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""A value in place of a session's `createdAt`; no session has it."""


class EventThings(Owned):
    """
    The live events of sessions.
    """

    queue: ClassVar[str] = RECONCILE_SESSION

    def claim(
        self, item: InventoryItem, reference: Reference, document: Document | None, others: Sequence[Document | None]
    ) -> Claim:
        if document is None:
            return Claim.NOBODY
        pairing = Pairing.from_document(document)
        if is_among(item, [pairing.external_ids]):
            return Claim.NAMED
        is_tried = pairing.state is PairingState.CREATING and pairing.reference == str(reference)
        return Claim.UNDER_WAY if is_tried else Claim.NOBODY

    def missing(
        self, deployment: Deployment, page: Sequence[Document], listed: set[Part], old_enough: datetime
    ) -> list[Missing]:
        """
        Return the records of sessions whose event was not listed, and cannot be found by its reference either.
        """
        events, found = deployment.events, []
        for document in page:
            pairing = Pairing.from_document(document)
            gone = pairing.state is PairingState.READY and not listed & parts_of(events.name, pairing.external_ids)
            if gone and is_settled(pairing.history, old_enough) and not events.find_event(pairing.reference or ""):
                found.append(Missing(document.path, pairing.external_ids))
        return found

    def repair(self, deployment: Deployment, document: Document) -> None:
        """
        Have an event verified: the next update finds it missing, and it is created again. If another worker holds its
        claim, the next search sees the outcome.
        """
        (present,) = deployment.documents.read(document.path)
        if present is not None:
            have_verified(deployment.documents, deployment.queue, present, deployment.clock)

    def keep_taken(self, deployment: Deployment, orphan: Claimed) -> None:
        """
        Keep the reference of an orphan taken. If its session has no record, it gets the tombstone of a session, as if
        the orphan's session had been deleted.
        """
        if orphan.document is not None:
            super().keep_taken(deployment, orphan)
            return
        reference = orphan.reference
        gone = Pairing(
            SessionIdentity(reference.key, "", NO_SESSION),
            has_session=False,
            state=PairingState.GONE,
            generation=reference.generation,
            expires_at=deployment.clock() + timedelta(seconds=TOMBSTONE_S),
        )
        with suppress(Conflict):
            # If another writer writes the record at this moment, the next search does it.
            deployment.documents.commit(Create(reference.path, gone.to_fields()))

    def adopt(self, deployment: Deployment, orphan: Claimed, external_ids: ExternalIds, session_id: str | None) -> None:
        """
        Make an orphan its session's event.
        """
        adopt_event(deployment, orphan, session_id)
