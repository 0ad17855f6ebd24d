"""The pairing of a session with its event, for those who are not its visit: `getKalturaSession` on the server, which
retrieves it or creates and retrieves it, and the doubt whether its event is still whole.

Called before anything is asked of a provider on a session's behalf. A session that needs nothing has no pairing.
"""

from __future__ import annotations

from datetime import datetime

from shared.errors import Conflict
from shared.paths import VISIT_SESSION, pairing_path
from shared.ports import Create, Document, Documents, Note, Queue, Update
from shared.sessions.model import Pairing


def retrieve_or_create(documents: Documents, session_id: str) -> Pairing:
    """
    The pairing of a session that needs one.

    Args:
        documents: Where it is.
        session_id: Of a session that is about to own something at a provider.

    Raises:
        Transient: The documents could not be reached (again).
    """
    path = pairing_path(session_id)
    (document,) = documents.read(path)
    if document is not None:
        return Pairing.from_document(document)
    try:
        documents.commit(Create(path, Pairing().to_fields()))
    except Conflict:
        # Someone else made it between our read and our write: theirs is as good as ours.
        return retrieve_or_create(documents, session_id)
    return Pairing()


def have_verified(documents: Documents, queue: Queue, pairing: Document, now: datetime) -> bool:
    """
    Have an event brought into form once more: a part that is missing is found out, and made anew.

    Args:
        documents: Where it is recorded.
        queue: For the note.
        pairing: As it was read.
        now: This instant.

    Returns:
        Whether that will be done; not where somebody is at work on it, who may see to it himself.

    Raises:
        Transient: Documents or queue could not be reached (again).
    """
    if pairing.fields["claim"] is not None:
        return False
    try:
        documents.commit(Update(pairing.path, {"verifyAt": now, "dueAt": now}, if_version=pairing.version))
    except Conflict:
        return False
    queue.put(Note(VISIT_SESSION, pairing.id))
    return True
