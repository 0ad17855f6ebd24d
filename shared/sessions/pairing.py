"""The pairing of a session with its event, outside of reconciliation: making sure that a session has a pairing, and
having its event verified.

Called before a provider is asked for anything on a session's behalf: `retrieve_or_create` is `getKalturaSession` on the
server. A session that needs nothing at a provider has no pairing.
"""

from __future__ import annotations

from typing import Final

from shared.core.errors import NotFound, WrongState
from shared.core.identity import Belonging, SessionIdentity
from shared.core.paths import RECONCILE_SESSION, pairing_path, session_path
from shared.core.retry import RetryOnConflict
from shared.ports import Clock, Create, Document, Documents, Queue, Update, Write
from shared.reconcile.slots import enqueue
from shared.sessions.decide import reopened
from shared.sessions.model import Pairing
from shared.sessions.session import Session, noting, session_with

_CHANGED: Final = "Others changed the session's record at every try. Try again."


def retrieve_or_create(documents: Documents, session: Session) -> SessionIdentity:
    """
    Make sure that a session has a pairing. The pairing is how the session's deletion is noticed later, so that
    everything it has at a provider is deleted. While an earlier session of the same id is being cleaned up, the pairing
    still belongs to that one.

    Args:
        documents: Where the pairing is stored.
        session: The session that is about to own something at a provider.

    Returns:
        The identity to record with what the session is about to own.

    Raises:
        NotFound: The session was deleted meanwhile (never).
        Conflict: Others wrote it each time (again).
        Transient: The documents could not be reached (again).
    """
    path = pairing_path(session.id)
    retry = RetryOnConflict(_CHANGED)
    while True:
        (document,) = documents.read(path)
        record = Pairing(session.identity) if document is None else Pairing.from_document(document)
        if document is not None and record.expires_at is None:
            return identity_under(record, session)
        if document is None:
            write: Write = Create(path, record.to_fields())
        else:
            # The tombstone would expire, and this session's deletion would then go unnoticed.
            record = reopened(record, session.identity)
            write = Update(path, record.to_fields(), if_version=document.version)
        with retry:
            documents.commit(write, noting(session.identity, session.version))
            return session.identity
        # Another worker created the pairing between our read and our write, or the session was changed or deleted.
        (found,) = documents.read(session_path(session.id))
        present = session_with(session.identity, found)
        if present is None:
            raise NotFound("There is no such session.", reason="SESSION_NOT_FOUND")
        session = present


def identity_under(record: Pairing, session: Session) -> SessionIdentity:
    """
    Return the identity of a session with the mark of its pairing, even if the session's owner was changed. If a back
    end has removed the mark from the session's document, the pairing's mark is written there again. Pure.
    """
    if record.identity.belonging(session.identity) is Belonging.OTHER:
        return session.identity
    return record.identity.following(session.identity)


def not_ready(record: Pairing | None) -> WrongState:
    """
    Return the error for a request that needs a live event that is ready. Pure.

    Args:
        record: The record of the event, `None` if there is none.
    """
    failure = None if record is None else record.progress.failure
    if failure is not None and not failure.retryable:
        return WrongState(f"The live event of this session could not be made. {failure.message}", reason="EVENT_FAILED")
    return WrongState("The live event of this session is not ready. Try again in a moment.", reason="EVENT_NOT_READY")


def have_verified(documents: Documents, queue: Queue, pairing: Document, clock: Clock) -> bool:
    """
    Make an event's verification due and enqueue its reconciliation: the event is then updated once more, and a missing
    part is made anew.

    Args:
        documents: Where the pairing is stored.
        queue: Where the task is enqueued.
        pairing: The pairing's document, as it was read.
        clock: Returns the present time, in UTC.

    Returns:
        Whether the verification was enqueued. `False` if a worker has a claim on the event, or the pairing is gone.

    Raises:
        Conflict: Others wrote it each time (again).
        Transient: Documents or queue could not be reached (again).
    """
    retry = RetryOnConflict(_CHANGED)
    while True:
        if pairing.fields["claim"] is not None:
            return False
        now = clock()
        with retry:
            documents.commit(Update(pairing.path, {"verifyAt": now, "dueAt": now}, if_version=pairing.version))
            enqueue(queue, RECONCILE_SESSION, pairing.id, clock)
            return True
        (read,) = documents.read(pairing.path)
        if read is None:
            return False
        pairing = read
