"""The adoption of an orphan by its session: which session it belongs to, and how it becomes that session's event.

Called by `owned`, and by `shared/videos/adopting.py` for videos. The record is written as if an event were being made
under the orphan's reference. The ordinary reconciliation then finds the orphan with all its parts, just as it finds an
event whose creation was not answered.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Final

from shared.core.errors import NotFound, WrongState
from shared.core.history import moved
from shared.core.identity import Belonging, SessionIdentity, stamped_session_id
from shared.core.paths import RECONCILE_SESSION, pairing_path, session_path
from shared.core.references import Reference
from shared.ports import Create, Documents, InventoryItem, Task, Update, Write
from shared.reconcile import Progress
from shared.reconcile.deployment import Deployment
from shared.reconcile.owned import Claimed
from shared.sessions.decide import reopened
from shared.sessions.model import Airing, Pairing, PairingState
from shared.sessions.pairing import identity_under
from shared.sessions.session import Session, noting, wanted

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


def adopt_event(deployment: Deployment, orphan: Claimed, session_id: str | None) -> None:
    """
    Make an orphan its session's event; see `Owned.adopt`.
    """
    reference, documents = orphan.reference, deployment.documents
    of_another = WrongState(f"This event was made for the session {reference.key}.", reason="ORPHAN_NOT_ADOPTABLE")
    if session_id not in (None, reference.key):
        raise of_another
    session = session_of(documents, orphan.item, session_id)
    if session.id != reference.key:
        raise of_another
    (document,) = documents.read(pairing_path(session.id))
    record = None if document is None else Pairing.from_document(document)
    names_one = awaits(record, session)
    if names_one and record is not None and deployment.events.observe_broadcast(record.external_ids) is not None:
        raise WrongState(
            "The session has an event already. Unpublish it first, or delete this: --delete-content.",
            reason="ORPHAN_NOT_ADOPTABLE",
        )
    back = taken_back(record, session, reference, deployment.clock())
    path, fields = pairing_path(session.id), back.to_fields()
    write: Write = Create(path, fields) if document is None else Update(path, fields, if_version=document.version)
    documents.commit(write, noting(back.identity, session.version))
    deployment.queue.put(Task(RECONCILE_SESSION, session.id))


def session_of(documents: Documents, item: InventoryItem, session_id: str | None) -> Session:
    """
    Return the session that an orphan belongs to, as its stamp proves or the operator says.

    Raises:
        NotFound: It does not exist, or is another session of the same id (never).
        WrongState: Neither the stamp nor the operator names it (never), or its owner was changed without a transfer
            (once it is transferred).
    """
    wanted_id = session_id or stamped_session_id(item.stamp)
    if wanted_id is None:
        raise WrongState("It does not say whose it was. Name the session: --session ID.", reason="ORPHAN_NOT_ADOPTABLE")
    document, pairing = documents.read(session_path(wanted_id), pairing_path(wanted_id))
    if document is None:
        raise NotFound(
            f"There is no session {wanted_id}. Restore it, or name another: --session ID.", reason="SESSION_NOT_FOUND"
        )
    session = Session.from_document(document)
    record = Pairing(session.identity) if pairing is None else Pairing.from_document(pairing)
    if session_id is None and item.stamp != identity_under(record, session).stamp():
        raise NotFound(
            f"There is a session {wanted_id}, but it is not the one that this was made for. If it is to have it all "
            "the same, name it: --session ID.",
            reason="SESSION_NOT_FOUND",
        )
    if record.identity.belonging(session.identity) is Belonging.OWNER_CHANGED:
        raise _not_transferred(wanted_id)
    return session


def require_present(documents: Documents, identity: SessionIdentity) -> None:
    """
    Check that a session still exists.

    Raises:
        NotFound: The session with this identity does not exist (never).
        WrongState: Its owner was changed without a transfer (once it is transferred).
    """
    (document,) = documents.read(session_path(identity.session_id))
    if document is None:
        raise NotFound("The session of this video is gone.", reason="SESSION_NOT_FOUND")
    match identity.belonging(Session.from_document(document).identity):
        case Belonging.OTHER:
            raise NotFound("The session of this video is gone, and another one has its id.", reason="SESSION_NOT_FOUND")
        case Belonging.OWNER_CHANGED:
            raise _not_transferred(identity.session_id)
        case Belonging.SAME:
            return


def _not_transferred(session_id: str) -> WrongState:
    return WrongState(
        f"The owner of the session {session_id} was changed without a transfer. Transfer it first, with its present "
        "owner: transferSession.",
        reason="ORPHAN_NOT_ADOPTABLE",
    )
