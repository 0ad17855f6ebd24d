"""The adoption of an orphan as its session's event. Pure.

Called by `shared/operations/orphans/adoption.py`. The record is written as if an event were being made under the
orphan's reference. The ordinary reconciliation then finds the orphan with all its parts, just as it finds an event
whose creation was not answered.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Final

from shared.core.errors import WrongState
from shared.core.history import moved
from shared.core.identity import Belonging
from shared.core.references import Reference
from shared.reconcile import Progress
from shared.sessions.decide import reopened
from shared.sessions.model import Airing, Pairing, PairingState
from shared.sessions.session import Session, wanted

FREE: Final = (PairingState.NONE, PairingState.GONE)
"""The states in which a record names no event."""


def awaits(record: Pairing | None, session: Session) -> bool:
    """
    Tell whether a session's record names an event already. If so, the provider must be asked whether that event still
    exists. Pure.

    Raises:
        WrongState: The session should have no event, or a worker has a claim on it (again, later).
    """
    if wanted(session) is None:
        raise WrongState(
            "The session is not a public live session. Publish it as one first.", reason="ORPHAN_NOT_ADOPTABLE"
        )
    if record is None:
        return False
    of_this = record.identity.belonging(session.identity) is Belonging.SAME
    is_free = record.state in FREE and (of_this or record.expires_at is not None)
    if record.progress.claim is not None or not (is_free or (of_this and record.state is PairingState.READY)):
        raise WrongState("A task is working on this session. Try again in a few minutes.", reason="ORPHAN_BUSY")
    return not is_free


def taken_back(record: Pairing | None, session: Session, reference: Reference, now: datetime) -> Pairing:
    """
    Return the session's record under which reconciliation will find the orphan as its event. It is due at once. Pure.
    """
    if record is None:
        before = Pairing(session.identity)
    elif record.identity.belonging(session.identity) is Belonging.SAME:
        before = replace(record, identity=record.identity.following(session.identity), expires_at=None)
    else:
        before = reopened(record, session.identity)
    return replace(
        before,
        state=PairingState.CREATING,
        generation=max(before.generation, reference.generation),
        reference=str(reference),
        tried_at=now,
        external_ids={},
        applied=None,
        verified_at=None,
        verify_at=None,
        reap_at=None,
        airing=Airing(),
        history=moved(before.history, PairingState.CREATING, now),
        progress=Progress(due_at=now),
    )
