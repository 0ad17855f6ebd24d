"""The callable by which a session gets another owner.

Who may do so, and what follows, is left to `shared/transfers/`.
"""

from __future__ import annotations

from typing import Annotated

from functions import config, wiring
from functions.edge.callables import Call, callable_function
from functions.edge.fields import Doc, SessionId, Uid, message
from shared.limits.call_budgets import Work
from shared.transfers.commands import transfer_session
from shared.transfers.model import TransferState


@message
class TransferSession:
    """A session, and its new owner."""

    sessionId: SessionId
    uid: Annotated[Uid, Doc("the new owner")]


@message
class TransferAnswer:
    """The request, and how far the transfer is."""

    sessionId: SessionId
    uid: Uid
    state: TransferState


@callable_function(TransferSession, Work.CHANGE, asks_provider=False, is_current=True)
def transferSession(call: Call[TransferSession]) -> TransferAnswer:
    """
    Give a session, with all that it has, to another teacher.
    """
    asked = call.fields
    wiring.kill_switch().require_open()
    state = transfer_session(
        call.caller,
        asked.sessionId,
        asked.uid,
        wiring.documents(),
        wiring.accounts(),
        config.claim_names(),
        wiring.policy(),
        wiring.queue(),
        wiring.now,
    )
    return TransferAnswer(sessionId=asked.sessionId, uid=asked.uid, state=state)
