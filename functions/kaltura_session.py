"""The callable by which clients learn what a session has at Kaltura.

Who may know what is left to `shared/sessions/kaltura_session.py`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from functions import wiring
from functions.edge.callables import Call, callable_function
from functions.edge.fields import Doc, SessionId, message
from shared.limits.call_budgets import Work
from shared.sessions.kaltura_session import get_kaltura_session
from shared.sessions.model import BroadcastState
from shared.sessions.resource import controller as session_controller


@message
class GetKalturaSession:
    """A session."""

    sessionId: SessionId


@message
class Failure:
    """Why something failed."""

    code: Annotated[str, Doc("the provider's, or one of ours")]
    message: Annotated[str, Doc("a sentence to show")]
    retryable: Annotated[bool, Doc("whether it is tried again, or can be")]


@message
class KalturaSessionAnswer:
    """A session's things at Kaltura, as far as the caller may know them."""

    sessionId: SessionId
    state: Literal["none", "creating", "ready", "failed"]
    broadcast: Annotated[BroadcastState, Doc("with `ready`")] | None = None
    entryId: Annotated[str, Doc("with `ready`")] | None = None
    virtualEventId: Annotated[str, Doc("with `ready`")] | None = None
    eventId: Annotated[str, Doc("with `ready`, for the owner")] | None = None
    groupId: Annotated[str, Doc("with `ready`, for the owner")] | None = None
    resourceId: Annotated[str, Doc("with `ready`, for the owner")] | None = None
    notAvailable: Annotated[list[str], Doc("for the owner: the parts that the account does not offer")] | None = None
    failure: Annotated[Failure, Doc("for the owner")] | None = None


@callable_function(GetKalturaSession, Work.LOOK, asks_provider=True)
def getKalturaSession(call: Call[GetKalturaSession]) -> KalturaSessionAnswer:
    """
    Return what a session has at Kaltura, as far as the caller may know it.
    """
    wiring.kill_switch().require_open()
    app = wiring.app()
    told = get_kaltura_session(
        call.caller, call.fields.sessionId, app.get(session_controller), app.documents, app.queue, wiring.now
    )
    return KalturaSessionAnswer(**told)
