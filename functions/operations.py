"""The callables by which administrators requeue dead deletions, and by which the content of a person is erased or
exported.

Who may do so is left to `shared/deletions/` and `shared/erasure/`.
"""

from __future__ import annotations

from typing import Any

from firebase_functions.https_fn import CallableRequest

from functions import wiring
from functions.edge import callables
from shared.core.callers import Caller
from shared.core.errors import BadRequest
from shared.deletions import requeue_deletion
from shared.erasure import ask_erasure, erasure_of, export_content
from shared.erasure.model import Erasure
from shared.limits.call_budgets import Work


@callables.callable_function(Work.CHANGE, asks_provider=False)
def requeueDeletion(request: CallableRequest[Any]) -> dict[str, Any]:
    """
    Requeue a dead deletion (`pendingDeletions`, state `dead`): `{deletionId}` gives `{deletionId}`.
    """

    def use_case(caller: Caller) -> dict[str, Any]:
        deletion_id = callables.read(request.data, {"deletionId": callables.DELETION_ID})["deletionId"]
        requeue_deletion(caller, deletion_id, wiring.documents(), wiring.queue(), wiring.now)
        return {"deletionId": deletion_id}

    return callables.answer(request, use_case)


@callables.callable_function(Work.HEAVY, asks_provider=False)
def eraseContent(request: CallableRequest[Any]) -> dict[str, Any]:
    """
    Erase all content of a person, or of everybody: `{requestId, uid}` or `{requestId, everything: true}` gives what
    `getErasure` gives, at once. Anybody may ask for their own content, an administrator for all. Erasing everything
    needs a sign-in within the last five minutes.
    """

    def use_case(caller: Caller) -> dict[str, Any]:
        fields = callables.read(
            request.data, {"requestId": callables.REQUEST_ID}, {"uid": callables.UID, "everything": bool}
        )
        everything, uid = fields["everything"] is True, fields["uid"]
        if everything == (uid is not None):
            raise BadRequest("Send either the uid of a person, or everything: true.", reason="FIELDS_CONFLICT")
        if everything and caller.is_admin:
            callables.require_recent_sign_in(request, wiring.now())
        wiring.kill_switch().require_open()
        key, erasure = ask_erasure(caller, fields["requestId"], uid, wiring.documents(), wiring.queue(), wiring.now)
        return _told(key, erasure)

    return callables.answer(request, use_case, is_current=True)


@callables.callable_function(Work.LOOK, asks_provider=False)
def getErasure(request: CallableRequest[Any]) -> dict[str, Any]:
    """
    Return the progress of an erasure: `{erasureId}` gives `{erasureId, state, sessions, enrolments, videos, videosLeft,
    copiesLeft, eventsLeft, deletionsLeft, deletionsDead}`.
    """

    def use_case(caller: Caller) -> dict[str, Any]:
        key = callables.read(request.data, {"erasureId": callables.ERASURE_ID})["erasureId"]
        return _told(key, erasure_of(caller, key, wiring.documents()))

    return callables.answer(request, use_case, is_current=True)


@callables.callable_function(Work.LOOK, asks_provider=False)
def exportContent(request: CallableRequest[Any]) -> dict[str, Any]:
    """
    Return what is stored about a person: `{uid}` gives `{uid, things, after}`, a page of documents. If `after` is not
    null, `{uid, after}` gives the next page. Anybody may ask for their own, an administrator for all.
    """

    def use_case(caller: Caller) -> dict[str, Any]:
        fields = callables.read(request.data, {"uid": callables.UID}, {"after": callables.EXPORT_PLACE})
        page = export_content(caller, fields["uid"], fields["after"], wiring.documents())
        return {"uid": fields["uid"], "things": page.things, "after": page.after}

    return callables.answer(request, use_case, is_current=True)


def _told(key: str, erasure: Erasure) -> dict[str, Any]:
    return {
        "erasureId": key,
        "state": erasure.state.value,
        "sessions": erasure.sessions,
        "enrolments": erasure.enrolments,
        "videos": erasure.videos,
        **erasure.left.to_fields(),
    }
