"""The pairing of a session with its event, for those who are not its reconciliation: `getKalturaSession` on the server,
which retrieves it or creates and retrieves it, and the doubt whether its event is still whole.

Called before anything is asked of a provider on a session's behalf. A session that needs nothing has no pairing.
"""

from __future__ import annotations

from typing import Final

from shared.core.errors import Conflict, NotFound, WrongState
from shared.core.identity import Belonging, SessionIdentity
from shared.core.paths import RECONCILE_SESSION, pairing_path, session_path
from shared.ports import Clock, Create, Document, Documents, Queue, Update, Write
from shared.reconcile.slots import enqueue
from shared.sessions.decide import reopened
from shared.sessions.model import Pairing, Session, noting, session_with

WRITES_MAX: Final = 5
"""How often a pairing is written again where others write it, a look that settles at the same moment among them."""


def retrieve_or_create(documents: Documents, session: Session) -> SessionIdentity:
    """
    See that a session has a pairing: by it a deletion of the session is noticed, and all it had goes. While an earlier
    session of the same id is being cleaned up, it is that one's.

    Args:
        documents: Where it is.
        session: The session that is about to own something at a provider.

    Returns:
        The identity under which that is to be recorded.

    Raises:
        NotFound: The session was deleted meanwhile (never).
        Conflict: Others wrote it each time (again).
        Transient: The documents could not be reached (again).
    """
    path = pairing_path(session.id)
    for _ in range(WRITES_MAX):
        (document,) = documents.read(path)
        record = Pairing(session.identity) if document is None else Pairing.from_document(document)
        if document is not None and record.expires_at is None:
            return identity_under(record, session)
        if document is None:
            write: Write = Create(path, record.to_fields())
        else:
            # A tombstone would go in its time, and with it the notice of this session's deletion.
            record = reopened(record, session.identity)
            write = Update(path, record.to_fields(), if_version=document.version)
        try:
            documents.commit(write, noting(session.identity, session.version))
            return session.identity
        except Conflict:
            # Someone else made it between our read and our write, or the session was changed, or is gone.
            (found,) = documents.read(session_path(session.id))
            present = session_with(session.identity, found)
            if present is None:
                raise NotFound("There is no such session.", reason="SESSION_NOT_FOUND") from None
            session = present
    raise Conflict("Others changed the session's record at every try. Try again.")


def identity_under(record: Pairing, session: Session) -> SessionIdentity:
    """
    Return the identity of a session by the mark of its pairing, which is written into its document again where a back
    end has taken it away; whether or not its owner was changed. Pure.
    """
    if record.identity.belonging(session.identity) is Belonging.OTHER:
        return session.identity
    return record.identity.following(session.identity)


def not_ready(record: Pairing | None) -> WrongState:
    """
    Return the refusal of what needs a live event that is ready. Pure.

    Args:
        record: What is recorded of the event, `None` where that is nothing.
    """
    failure = None if record is None else record.progress.failure
    if failure is not None and not failure.retryable:
        return WrongState(f"The live event of this session could not be made. {failure.message}", reason="EVENT_FAILED")
    return WrongState("The live event of this session is not ready. Try again in a moment.", reason="EVENT_NOT_READY")


def have_verified(documents: Documents, queue: Queue, pairing: Document, clock: Clock) -> bool:
    """
    Have an event brought into form once more: a part that is missing is found out, and made anew.

    Args:
        documents: Where it is recorded.
        queue: For the task.
        pairing: As it was read.
        clock: Now, in UTC.

    Returns:
        Whether that will be done; not where somebody is at work on it, who may see to it himself.

    Raises:
        Conflict: Others wrote it each time (again).
        Transient: Documents or queue could not be reached (again).
    """
    for _ in range(WRITES_MAX):
        if pairing.fields["claim"] is not None:
            return False
        now = clock()
        try:
            documents.commit(Update(pairing.path, {"verifyAt": now, "dueAt": now}, if_version=pairing.version))
        except Conflict:
            (read,) = documents.read(pairing.path)
            if read is None:
                return False
            pairing = read
            continue
        enqueue(queue, RECONCILE_SESSION, pairing.id, clock)
        return True
    raise Conflict("Others changed the session's record at every try. Try again.")
