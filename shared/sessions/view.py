"""What clients see of a session's event: the field `kaltura` of the session's document.

Called by the reconciliations of sessions, and by the checks that compare the two.
"""

from __future__ import annotations

from typing import Any, Final

from shared.ports import NOT_AVAILABLE
from shared.sessions.model import Pairing, PairingState
from shared.sessions.spec import SessionSpec

FOR_WATCHING: Final = ("entryId", "virtualEventId")
"""The parts of an event whose ids a player needs. Everyone who may read the session's document may know these ids."""


def shown(spec: SessionSpec, pairing: Pairing | None, *, to_owner: bool = False) -> dict[str, Any] | None:
    """
    Return what the session's document should show of its event, under `kaltura`; `None` if it should show nothing.
    Pure.

    Args:
        spec: The spec of the session.
        pairing: Its record, if any.
        to_owner: Whether to include the ids of all parts. No document shows those.
    """
    if spec.event is None or pairing is None:
        return None
    failure = pairing.failure()
    told: dict[str, Any] = {} if failure is None else {"failure": failure}
    if pairing.state is PairingState.READY:
        external_ids = {name: id_ for name, id_ in pairing.external_ids.items() if id_ != NOT_AVAILABLE}
        missing = sorted(pairing.external_ids.keys() - external_ids.keys())
        told |= {"notAvailable": missing} if missing else {}
        ids = {name: id_ for name, id_ in external_ids.items() if to_owner or name in FOR_WATCHING}
        return {**ids, "state": "ready", "broadcast": pairing.airing.state.value, **told}
    if failure is None:
        return None
    return {"state": "creating" if failure["retryable"] else "failed", **told}
