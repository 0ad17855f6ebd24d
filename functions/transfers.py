"""The callable by which a session gets another owner.

Who may do so, and what follows, is left to `shared/transfers/`.
"""

from __future__ import annotations

from typing import Any

from firebase_functions.https_fn import CallableRequest

from functions import config, wiring
from functions.edge import callables
from shared.core.callers import Caller
from shared.limits.call_budgets import Work
from shared.transfers import transfer_session


@callables.callable_function(Work.CHANGE, asks_provider=False)
def transferSession(request: CallableRequest[Any]) -> dict[str, Any]:
    """
    Give a session, with all that it has, to another teacher: `{sessionId, uid}` gives `{sessionId, uid, state}`.

    `state` is `moving` until everything has followed, or `done`.
    """

    def use_case(caller: Caller) -> dict[str, Any]:
        fields = callables.read(request.data, {"sessionId": callables.SESSION_ID, "uid": callables.UID})
        wiring.kill_switch().require_open()
        state = transfer_session(
            caller,
            fields["sessionId"],
            fields["uid"],
            wiring.documents(),
            wiring.accounts(),
            config.claim_names(),
            wiring.policy(),
            wiring.queue(),
            wiring.now,
        )
        return {**fields, "state": state.value}

    return callables.answer(request, use_case, is_current=True)
