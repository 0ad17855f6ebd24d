"""Entering a session's live event: who may, when, and with what.

Called by the callables `joinSession` and `issuePlayback`. Leaves to `shared/access.py` who may see the session, to
`airing` when its time is, and to the provider what somebody needs to watch, talk and be in the room.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from shared.access import Caller, owns, require_viewer
from shared.errors import WrongState
from shared.paths import enrolment_path, pairing_path, session_path
from shared.ports import Admission, Attendee, Audience, Clock, Document, Grant, Queue
from shared.reconcile import visit
from shared.sessions import Sessions
from shared.sessions.model import Airing, BroadcastState, Pairing, PairingState, Session, pairing_of, wanted
from shared.sessions.pairing import have_verified

LIVE_MARGIN_S: Final = 10 * 60
"""What is given for a live event outlasts it by so much; it is renewed while the event goes on."""

LIVE_LIFETIME_MAX_S: Final = 24 * 3600
"""However long an event goes on: who may not enter it any more is out after that."""

REPAIR_PAUSE_S: Final = 60
"""An event that was brought into form so short a time ago is not doubted again, whoever was refused."""

RENEW_AHEAD_S: Final = 10 * 60
"""So long before it ends a grant is to be renewed; half its life where that is shorter."""

_NOT_READY: Final = "The live event of this session is not ready. Try again in a moment."


@dataclass(frozen=True, slots=True)
class Joined:
    """
    The answer to somebody who enters.

    Attributes:
        session: Which.
        pairing: Its event.
        is_moderator: Whether he keeps order in it.
        admission: What he needs.
    """

    session: Session
    pairing: Pairing
    is_moderator: bool
    admission: Admission


@dataclass(frozen=True, slots=True)
class _Entered:
    """
    A session whose event somebody may enter now.
    """

    session: Session
    document: Document
    pairing: Pairing


@dataclass(frozen=True, slots=True)
class Joining:
    """
    Who lets people in, and what that takes.

    Attributes:
        sessions: The Controller of sessions.
        audience: The provider's users.
        queue: For notes.
        clock: Now, in UTC.
        event_known_s: For so many seconds it is believed that an event's parts are still there.
    """

    sessions: Sessions
    audience: Audience
    queue: Queue
    clock: Clock
    event_known_s: int

    def join(self, caller: Caller, session_id: str, *, was_refused: bool = False) -> Joined:
        """
        Let the caller into a session's live event. Repeatable; who is in calls it again before what he has ends.

        Args:
            caller: Who enters.
            session_id: Of the session.
            was_refused: What he was given before was refused: then what is only remembered is asked again, and what of
                the event is gone is made again.

        Raises:
            NotFound: There is no such session for this caller (never).
            WrongState: It has no event, it is not ready, or this is not its time (again, at the time it says).
            Transient: The provider could not be asked for somebody who is new to it (again).
            Permanent: The provider refuses him (never).
        """
        entered = self._enter(caller, session_id)
        now, verified_at = self.clock(), entered.pairing.verified_at
        known_s = REPAIR_PAUSE_S if was_refused else self.event_known_s
        if verified_at is None or now - verified_at >= timedelta(seconds=known_s):
            noted = have_verified(self.sessions.documents, self.queue, entered.document, self.clock)
            if was_refused and noted:
                # He waits for it: with what is there now he would only be refused again.
                visit(self.sessions, session_id, self.sessions.documents, self.queue, self.clock)
                entered = self._enter(caller, session_id)
        attendee = Attendee(caller.uid, caller.name, entered.session.moderates(caller.uid))
        lifetime_s = live_lifetime_s(entered.session.ends_at, now)
        admission = self.audience.admit(entered.pairing.parts, attendee, lifetime_s, was_refused=was_refused)
        return Joined(entered.session, entered.pairing, attendee.is_moderator, admission)

    def issue_playback(self, caller: Caller, session_id: str) -> Grant:
        """
        Let the caller watch a session's live event, and no more than that, until a little after its end.

        Raises:
            NotFound, WrongState: As `join`.
        """
        entered = self._enter(caller, session_id)
        lifetime_s = live_lifetime_s(entered.session.ends_at, self.clock())
        return self.sessions.events.playback_grant(entered.pairing.parts, caller.uid, lifetime_s)

    def _enter(self, caller: Caller, session_id: str) -> _Entered:
        documents = self.sessions.documents
        session, enrolment, pairing = documents.read(
            session_path(session_id), enrolment_path(session_id, caller.uid), pairing_path(session_id)
        )
        known = require_viewer(caller, None if session is None else Session.from_document(session), enrolment)
        if wanted(known) is None:
            raise WrongState("This session has no live event.", reason="NO_LIVE_EVENT")
        record = pairing_of(known, pairing)
        if not owns(caller, known):
            self._require_time(known, Airing() if record is None else record.airing)
        if pairing is None or record is None or record.state not in (PairingState.READY, PairingState.RETIRING):
            raise WrongState(_NOT_READY, reason="EVENT_NOT_READY")
        return _Entered(known, pairing, record)

    def _require_time(self, session: Session, airing: Airing) -> None:
        """
        Raises:
            WrongState: It is too early, or too late; while it is on the air it is neither.
        """
        event = wanted(session)
        if event is None or airing.state is BroadcastState.LIVE:
            return
        now, window = self.clock(), self.sessions.window
        opens_at, closes_at = window.opens_at(event), window.closes_at(event)
        if opens_at is not None and now < opens_at:
            raise WrongState(
                f"This session opens at {opens_at:%Y-%m-%d %H:%M} UTC.",
                reason="SESSION_NOT_OPEN_YET",
                retry_after_s=(opens_at - now).total_seconds(),
            )
        if closes_at is not None and now >= closes_at:
            raise WrongState("This session is over.", reason="SESSION_OVER")


def live_lifetime_s(ends_at: datetime | None, now: datetime) -> int:
    """
    For how long what is given for a live event lasts: what is left of it and ten minutes, at most a day. Pure.
    """
    left_s = 0 if ends_at is None else int((ends_at - now).total_seconds())
    return min(max(left_s, 0) + LIVE_MARGIN_S, LIVE_LIFETIME_MAX_S)


def renew_at(expires_at: datetime, now: datetime) -> datetime:
    """
    When to ask for something again that ends at an instant. Pure.
    """
    return expires_at - min(timedelta(seconds=RENEW_AHEAD_S), (expires_at - now) / 2)
