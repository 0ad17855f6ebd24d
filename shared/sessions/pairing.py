"""`getKalturaSession` on the server: retrieve a session's pairing, or create and retrieve it.

Called before anything is asked of a provider on a session's behalf. A session that needs nothing has no pairing.
"""

from __future__ import annotations

from shared.errors import Conflict
from shared.paths import pairing_path
from shared.ports import Create, Documents
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
