"""`getKalturaSession` for clients: what a session has at its provider, limited to what the caller may know.

Called by the callable of that name. Leaves to `shared/sessions/access.py` who may watch the session, and the creation
of a missing event to the reconciler.
"""

from __future__ import annotations

from typing import Any

from shared.core.callers import Caller
from shared.core.paths import enrolment_path, session_path
from shared.ports import Clock, Documents, Queue
from shared.reconcile import Reconciler
from shared.sessions.access import owns, require_viewer
from shared.sessions.controller import Sessions
from shared.sessions.session import Session, wanted
from shared.sessions.view import FOR_WATCHING, shown

FOR_VIEWERS = (*FOR_WATCHING, "state", "broadcast")


def get_kaltura_session(
    caller: Caller, session_id: str, sessions: Sessions, documents: Documents, queue: Queue, clock: Clock
) -> dict[str, Any]:
    """
    Return a session's event, and have it created first if the session should have one and has none.

    Returns:
        `sessionId`, `state` (`none`, `creating`, `ready`, `failed`) and the provider's ids. Viewers get only the ids
        that watching needs. The owner gets all ids, and the failure if there is one.

    Raises:
        NotFound: There is no such session for this caller (never).
        Transient: The documents could not be reached (again).
    """
    session, enrolment = documents.read(session_path(session_id), enrolment_path(session_id, caller.uid))
    known = require_viewer(caller, None if session is None else Session.from_document(session), enrolment)
    if wanted(known) is None:
        return {"sessionId": session_id, "state": "none"}
    look = Reconciler(documents, queue, clock).reconcile(sessions, session_id)
    is_owner = owns(caller, known)
    told = shown(look.spec, look.record, to_owner=is_owner) or {"state": "creating"}
    if not is_owner:
        told = {name: told[name] for name in FOR_VIEWERS if name in told}
    return {"sessionId": session_id, **told}
