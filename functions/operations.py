"""The callable by which administrators put right what was given up.

Leaves to `shared/deletions/` who may.
"""

from __future__ import annotations

from typing import Any

from firebase_functions.https_fn import CallableRequest

from functions import edge, wiring
from shared.access import Caller
from shared.deletions import requeue_deletion


@edge.callable_function(asks_provider=False)
def requeueDeletion(request: CallableRequest[Any]) -> dict[str, Any]:
    """
    A deletion that was given up (`pendingDeletions`, state `dead`) is tried again: `{deletionId}` gives `{deletionId}`.
    """

    def use_case(caller: Caller) -> dict[str, Any]:
        deletion_id = edge.read(request.data, {"deletionId": edge.DELETION_ID})["deletionId"]
        requeue_deletion(caller, deletion_id, wiring.documents(), wiring.queue())
        return {"deletionId": deletion_id}

    return edge.answer("requeueDeletion", request, use_case, is_current=True)
