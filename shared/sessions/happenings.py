"""What a written pairing says has happened, for the school's own app. Pure. Called by the Controller of this folder."""

from __future__ import annotations

from shared.publishing.model import EventType, Happening
from shared.sessions.model import BroadcastState, Pairing


def happened(session_id: str, before: Pairing | None, record: Pairing) -> tuple[Happening, ...]:
    """
    Return what happened between two records of a session. A broadcast that is interrupted and goes on is the same one.
    """
    was, airing = None if before is None else before.airing, record.airing
    found = []
    if airing.live_at is not None and (was is None or was.live_at != airing.live_at):
        found.append(Happening(EventType.SESSION_LIVE, session_id, "", airing.live_at))
    if airing.state is BroadcastState.ENDED and (was is None or was.state is not BroadcastState.ENDED):
        # It was just observed for the last time.
        assert airing.looked_at is not None
        found.append(Happening(EventType.SESSION_ENDED, session_id, "", airing.looked_at))
    return tuple(found)
