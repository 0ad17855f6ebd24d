"""Watching a session's live event: who may, and when.

Called by the callable `issuePlayback`. Leaves to `shared/access.py` who may see the session, and to the provider what a
grant looks like.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from shared.access import Caller, owns, require_viewer
from shared.errors import WrongState
from shared.paths import enrolment_path, pairing_path, session_path
from shared.ports import Clock, Grant
from shared.sessions import Sessions
from shared.sessions.model import Pairing, PairingState, Session, wanted

LIVE_MARGIN_S: Final = 10 * 60
"""A grant to watch a live event outlasts it by so much; it is renewed while the event goes on."""


def issue_live_playback(
    caller: Caller, session_id: str, sessions: Sessions, clock: Clock, *, early_s: int, overrun_s: int
) -> Grant:
    """
    Let the caller watch a session's live event until a little after its end.

    Args:
        caller: Who asks.
        session_id: Of the session.
        sessions: The Controller of sessions.
        clock: Now, in UTC.
        early_s: So long before its beginning viewers are let in.
        overrun_s: So long after its planned end they still are.

    Raises:
        NotFound: There is no such session for this caller (never).
        WrongState: It has no event, or this is not the time to watch it (again, at the time it says).
    """
    session, enrolment, pairing = sessions.documents.read(
        session_path(session_id), enrolment_path(session_id, caller.uid), pairing_path(session_id)
    )
    known = require_viewer(caller, None if session is None else Session.from_document(session), enrolment)
    if wanted(known) is None:
        raise WrongState("This session has no live event.")
    now = clock()
    if not owns(caller, known):
        _require_time(known, now, early_s, overrun_s)
    record = None if pairing is None else Pairing.from_document(pairing)
    if record is None or record.state not in (PairingState.READY, PairingState.RETIRING):
        raise WrongState("The live event of this session is not ready. Try again in a moment.")
    return sessions.events.playback_grant(record.parts, caller.uid, live_lifetime_s(known.ends_at, now))


def live_lifetime_s(ends_at: datetime | None, now: datetime) -> int:
    """
    For how long a grant to watch a live event lasts: what is left of it and ten minutes. Pure.
    """
    left_s = 0 if ends_at is None else int((ends_at - now).total_seconds())
    return max(left_s, 0) + LIVE_MARGIN_S


def _require_time(session: Session, now: datetime, early_s: int, overrun_s: int) -> None:
    """
    Raises:
        WrongState: It is too early, or too late.
    """
    if session.starts_at is not None and now < (opens_at := session.starts_at - timedelta(seconds=early_s)):
        raise WrongState(f"This session opens at {opens_at:%Y-%m-%d %H:%M} UTC.")
    if session.ends_at is not None and now >= session.ends_at + timedelta(seconds=overrun_s):
        raise WrongState("This session is over.")
