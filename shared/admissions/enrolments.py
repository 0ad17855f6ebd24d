"""Enrolments that a back end wrote: the mark that rules demand of clients is written into them.

Called by the trigger of enrolments. Leaves to `shared/sessions/access.py` what an enrolment opens.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime

from shared.core.errors import Conflict
from shared.core.paths import enrolment_path_of
from shared.ports import Documents, Update


def mark(documents: Documents, enrolment_id: str) -> None:
    """
    Write into an enrolment when it was given, where it does not say so: the time at which Firestore created it. Without
    that a deleted session's enrolment could not be told from one in the session that has its id now. Repeatable.

    Args:
        documents: Where it is.
        enrolment_id: `{sessionId}_{uid}`.

    Raises:
        Transient: The documents could not be reached (again).
    """
    (document,) = documents.read(enrolment_path_of(enrolment_id))
    if document is None or isinstance(document.fields.get("createdAt"), datetime):
        return
    with suppress(Conflict):
        # Whoever has written it meanwhile has it looked at again.
        documents.commit(Update(document.path, {"createdAt": document.created_at}, if_version=document.version))
