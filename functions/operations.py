"""The callables by which administrators put right what was given up, and by which all content of somebody goes.

Leave to `shared/deletions/` and `shared/removals/` who may.
"""

from __future__ import annotations

from typing import Any

from firebase_functions.https_fn import CallableRequest

from functions import edge, wiring
from shared.access import Caller
from shared.deletions import requeue_deletion
from shared.errors import BadRequest
from shared.removals import ask_removal, removal_of
from shared.removals.model import Removal


@edge.callable_function(asks_provider=False)
def requeueDeletion(request: CallableRequest[Any]) -> dict[str, Any]:
    """
    A deletion that was given up (`pendingDeletions`, state `dead`) is tried again: `{deletionId}` gives `{deletionId}`.
    """

    def use_case(caller: Caller) -> dict[str, Any]:
        deletion_id = edge.read(request.data, {"deletionId": edge.DELETION_ID})["deletionId"]
        requeue_deletion(caller, deletion_id, wiring.documents(), wiring.queue(), wiring.now)
        return {"deletionId": deletion_id}

    return edge.answer(request, use_case)


@edge.callable_function(asks_provider=False)
def deleteContent(request: CallableRequest[Any]) -> dict[str, Any]:
    """
    All content of a teacher goes, or of everybody: `{requestId, uid}` or `{requestId, everything: true}` gives what
    `getRemoval` gives, at once. A teacher may ask for his own, an administrator for all.
    Everything needs a sign-in within the last five minutes.
    """

    def use_case(caller: Caller) -> dict[str, Any]:
        fields = edge.read(request.data, {"requestId": edge.REQUEST_ID}, {"uid": edge.UID, "everything": bool})
        everything, uid = fields["everything"] is True, fields["uid"]
        if everything == (uid is not None):
            raise BadRequest("Send either the uid of a teacher, or everything: true.", reason="FIELDS_CONFLICT")
        if everything and caller.is_admin:
            edge.require_recent_sign_in(request, wiring.now())
        wiring.guard().require_open()
        key, removal = ask_removal(caller, fields["requestId"], uid, wiring.documents(), wiring.queue(), wiring.now)
        return _told(key, removal)

    return edge.answer(request, use_case, is_current=True)


@edge.callable_function(asks_provider=False)
def getRemoval(request: CallableRequest[Any]) -> dict[str, Any]:
    """
    How far that is: `{removalId}` gives `{removalId, state, sessions, enrolments, videos, videosLeft, copiesLeft,
    deletionsLeft}`.
    """

    def use_case(caller: Caller) -> dict[str, Any]:
        key = edge.read(request.data, {"removalId": edge.REMOVAL_ID})["removalId"]
        return _told(key, removal_of(caller, key, wiring.documents()))

    return edge.answer(request, use_case)


def _told(key: str, removal: Removal) -> dict[str, Any]:
    return {
        "removalId": key,
        "state": removal.state.value,
        "sessions": removal.sessions,
        "enrolments": removal.enrolments,
        "videos": removal.videos,
        "videosLeft": removal.videos_left,
        "copiesLeft": removal.copies_left,
        "deletionsLeft": removal.deletions_left,
    }
