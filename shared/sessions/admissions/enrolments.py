"""Adds `createdAt` to enrolments that a back end wrote without it; the rules demand it of clients.

Called by the trigger of enrolments. Leaves to `shared/sessions/access.py` what an enrolment permits.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime

from shared.core.errors import Conflict
from shared.core.paths import enrolment_path_of
from shared.ports import Documents, Update


def mark(documents: Documents, enrolment_id: str) -> None:
    """
    Write Firestore's creation time into an enrolment as its `createdAt`, if it has none. Without that field, an
    enrolment in a deleted session could not be told from one in the session that has the same id now. Repeatable.

    Args:
        documents: Where the enrolment is stored.
        enrolment_id: `{sessionId}_{uid}`.

    Raises:
        Transient: The documents could not be reached (again).
    """
    (document,) = documents.read(enrolment_path_of(enrolment_id))
    if document is None or isinstance(document.fields.get("createdAt"), datetime):
        return
    with suppress(Conflict):
        # If another write came first, its trigger calls this again.
        documents.commit(Update(document.path, {"createdAt": document.created_at}, if_version=document.version))
