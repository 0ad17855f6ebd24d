"""The callable by which clients learn what a session has at Kaltura.

Who may know what is left to `shared/sessions/kaltura_session.py`.
"""

from __future__ import annotations

from typing import Any

from firebase_functions.https_fn import CallableRequest

from functions import wiring
from functions.edge import callables
from shared.core.callers import Caller
from shared.limits.call_budgets import Work
from shared.sessions.kaltura_session import get_kaltura_session


@callables.callable_function(Work.LOOK, asks_provider=True)
def getKalturaSession(request: CallableRequest[Any]) -> dict[str, Any]:
    """
    Return what a session has at Kaltura, as far as the caller may know it: `{sessionId}` gives `{sessionId, state,
    …ids}`.
    """

    def use_case(caller: Caller) -> dict[str, Any]:
        fields = callables.read(request.data, {"sessionId": callables.SESSION_ID})
        wiring.kill_switch().require_open()
        app = wiring.app()
        return get_kaltura_session(caller, fields["sessionId"], app.sessions, app.documents, app.queue, wiring.now)

    return callables.answer(request, use_case)
