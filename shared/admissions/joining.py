"""Entering a session's live event: who may, when, and with what.

Called by the callables `joinSession` and `issuePlayback`. Leaves to `shared/sessions/access.py` who may see the
session, to `broadcasting` when its time is, to the provider what somebody needs to watch, talk and be in the room, and
to `entry.py` that it can be ended.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from shared.admissions.entry import admit, player_key
from shared.admissions.model import REPAIR_PAUSE_S, AdmissionRecord, Giving
from shared.core.callers import Caller
from shared.core.errors import Conflict, NotAllowed, NotSignedIn, WrongState
from shared.core.paths import admission_key, admission_path, enrolment_path, pairing_path, session_path
from shared.core.text import as_line, cut_to_characters
from shared.ports import Accounts, Admission, Attendee, Audience, Clock, Document, Grant, Queue, ViewerKeys
from shared.reconcile import reconcile
from shared.sessions import Sessions
from shared.sessions.access import owns, require_viewer
from shared.sessions.model import Airing, BroadcastState, Pairing, PairingState, Session, pairing_of, wanted
from shared.sessions.pairing import have_verified, not_ready

LIVE_MARGIN_S: Final = 10 * 60
"""What is given for a live event outlasts it by so much; it is renewed while the event goes on."""

LIVE_LIFETIME_MAX_S: Final = 3600
"""However long an event goes on: addresses cannot be ended, so that who may not watch any more does so no longer."""

RENEW_AHEAD_S: Final = 10 * 60
"""So long before it ends a grant is to be renewed; half its life where that is shorter."""

NAME_MAX: Final = 100
"""Of a person's name so much is told to others."""


@dataclass(frozen=True, slots=True)
class Joined:
    """
    The answer to somebody who enters.

    Attributes:
        session: Which.
        pairing: Its event.
        is_moderator: Whether they keep order in it.
        admission: What they need.
        player_key: For the provider's own player; `None` where it was not asked for.
        refreshable_at: Where everything was to be looked at again, and some of it was a moment before: when all of it
            can be.
    """

    session: Session
    pairing: Pairing
    is_moderator: bool
    admission: Admission
    player_key: Grant | None = None
    refreshable_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Watching:
    """
    What it takes to watch a live event and no more.

    Attributes:
        grant: Addresses.
        player_key: As of `Joined`.
    """

    grant: Grant
    player_key: Grant | None = None


@dataclass(frozen=True, slots=True)
class _Entered:
    """
    A session whose event somebody may enter now.
    """

    session: Session
    document: Document
    pairing: Pairing
    admission: Document | None


@dataclass(frozen=True, slots=True)
class Joining:
    """
    Who lets people in, and what that takes.

    Attributes:
        sessions: The Controller of sessions.
        audience: The provider's users.
        accounts: Say what somebody is called who is new there.
        queue: For tasks.
        clock: Now, in UTC.
        event_known_s: For so many seconds it is believed that an event's parts are still there.
        viewer_keys: The keys that people hold at the provider of events; `None` where nothing can be ended there.
        admits_anonymous: Whether those may enter who have signed in anonymously.
    """

    sessions: Sessions
    audience: Audience
    accounts: Accounts
    queue: Queue
    clock: Clock
    event_known_s: int
    viewer_keys: ViewerKeys | None = None
    admits_anonymous: bool = False

    def join(
        self, caller: Caller, session_id: str, *, force_refresh: bool = False, needs_player_key: bool = False
    ) -> Joined:
        """
        Let the caller into a session's live event. Repeatable; who is in calls it again before what they have ends.

        Args:
            caller: Who enters.
            session_id: Of the session.
            force_refresh: What they were given before was refused: then everything that is only remembered of it is
                looked at again, and what is gone is made again.
            needs_player_key: They use the provider's own player.

        Raises:
            NotSignedIn: The caller's account is gone (never).
            NotAllowed: The caller has signed in anonymously (never).
            NotFound: There is no such session for this caller (never).
            WrongState: It has no event, it is not ready, this is not its time (again, at the time it says), or there is
                no key for its player (never).
            Conflict: Others wrote the event, or the caller's own admission, each time (again).
            Transient: The provider could not be asked for somebody who is new to it (again).
            Permanent: The provider refuses them (never).
        """
        entered, waits = self._enter(caller, session_id), list[datetime | None]()
        if force_refresh:
            waits = [self._refresh_event(entered), self._doubtable_at(entered)]
            entered = self._enter(caller, session_id)
        elif not self._is_verified(entered.pairing, self.event_known_s):
            with suppress(Conflict):
                have_verified(self.sessions.documents, self.queue, entered.document, self.clock)
        is_new = force_refresh or not self.audience.knows(caller.uid)
        name = self._name_of(caller) if is_new else ""
        entered, revocation_id = self._admit(caller, entered, force_refresh=force_refresh)
        attendee = Attendee(caller.uid, name, entered.session.moderates(caller.uid))
        admission = self.audience.admit(
            entered.pairing.external_ids,
            attendee,
            self._lifetime_s(entered),
            revocation_id=revocation_id,
            force_refresh=force_refresh,
        )
        key = self._player_key(caller, entered, revocation_id) if needs_player_key else None
        refreshable_at = max((at for at in (*waits, admission.refreshable_at) if at is not None), default=None)
        return Joined(entered.session, entered.pairing, attendee.is_moderator, admission, key, refreshable_at)

    def issue_playback(self, caller: Caller, session_id: str, *, needs_player_key: bool = False) -> Watching:
        """
        Let the caller watch a session's live event, and no more than that, until a little after its end.

        Raises:
            NotAllowed, NotFound, WrongState, Conflict: As `join`.
        """
        entered, revocation_id = self._admit(caller, self._enter(caller, session_id))
        grant = self.sessions.events.playback_grant(
            entered.pairing.external_ids, caller.uid, self._lifetime_s(entered), revocation_id
        )
        return Watching(grant, self._player_key(caller, entered, revocation_id) if needs_player_key else None)

    def _name_of(self, caller: Caller) -> str:
        """
        Return what somebody is called, as their account says now: it is asked once, when they are new to the provider,
        and not what their token says, which may be an hour old.

        Raises:
            NotSignedIn: There is no such account any more (never).
            Transient: It could not be asked (again).
        """
        account = self.accounts.find(caller.uid)
        if account is None or not account.is_enabled:
            raise NotSignedIn("Your sign-in has ended. Sign in again.", reason="SIGN_IN_ENDED")
        return cut_to_characters(" ".join(as_line(account.display_name).split()), NAME_MAX)

    def _enter(self, caller: Caller, session_id: str) -> _Entered:
        if caller.is_anonymous and not self.admits_anonymous:
            raise NotAllowed(
                "Sign in with an account of your own to enter a live session.", reason="ANONYMOUS_NOT_ADMITTED"
            )
        paths = [session_path(session_id), enrolment_path(session_id, caller.uid), pairing_path(session_id)]
        if self.viewer_keys is not None:
            paths.append(admission_path(admission_key(session_id, caller.uid)))
        session, enrolment, pairing, *admission = self.sessions.documents.read(*paths)
        known = require_viewer(caller, None if session is None else Session.from_document(session), enrolment)
        if wanted(known) is None:
            raise WrongState("This session has no live event.", reason="NO_LIVE_EVENT")
        record = pairing_of(known, pairing)
        if not owns(caller, known):
            self._require_time(known, Airing() if record is None else record.airing)
        if pairing is None or record is None or record.state not in (PairingState.READY, PairingState.RETIRING):
            raise not_ready(record)
        return _Entered(known, pairing, record, admission[0] if admission else None)

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

    def _admit(self, caller: Caller, entered: _Entered, *, force_refresh: bool = False) -> tuple[_Entered, str | None]:
        """
        Have it recorded what the caller is given, where that can be ended.
        """
        keys, events = self.viewer_keys, self.sessions.events
        if keys is None:
            return entered, None

        def giving(known: _Entered) -> Giving:
            until = self.clock() + timedelta(seconds=self._lifetime_s(known))
            session = known.session
            return Giving(session.identity, caller.uid, events.name, session.moderates(caller.uid), until)

        return admit(
            entered,
            lambda: self._enter(caller, entered.session.id),
            giving,
            self.sessions.documents,
            self.queue,
            self.clock,
            keys.is_ended if force_refresh else None,
        )

    def _doubtable_at(self, entered: _Entered) -> datetime | None:
        """
        When it can be asked again whether what they were given was ended; `None` where it can be now, or need not be.
        """
        document = entered.admission
        return None if document is None else AdmissionRecord.from_document(document).doubtable_at(self.clock())

    def _refresh_event(self, entered: _Entered) -> datetime | None:
        """
        Bring the event into form, and wait for it: with what is there now the caller would only be refused again.

        Returns:
            When that can be done again, where it was not done now; `None` where it was.
        """
        now, pause = self.clock(), timedelta(seconds=REPAIR_PAUSE_S)
        verified_at = entered.pairing.verified_at
        if verified_at is not None and self._is_verified(entered.pairing, REPAIR_PAUSE_S):
            return verified_at + pause
        have_verified(self.sessions.documents, self.queue, entered.document, self.clock)
        record = reconcile(self.sessions, entered.session.id, self.sessions.documents, self.queue, self.clock).record
        if record is None or (record.verified_at is not None and record.verified_at >= now):
            return None
        claim, failure = record.progress.claim, record.progress.failure
        waits = [None if claim is None else claim.until, None if failure is None else failure.retry_at]
        return max((at for at in waits if at is not None), default=now + pause)

    def _is_verified(self, pairing: Pairing, known_s: int) -> bool:
        known_at = pairing.verified_at
        return known_at is not None and self.clock() - known_at < timedelta(seconds=known_s)

    def _lifetime_s(self, entered: _Entered) -> int:
        return live_lifetime_s(entered.session.ends_at, self.clock())

    def _player_key(self, caller: Caller, entered: _Entered, revocation_id: str | None) -> Grant:
        lifetime_s = self._lifetime_s(entered)
        return player_key(self.viewer_keys, entered.pairing.external_ids, caller.uid, lifetime_s, revocation_id)


def live_lifetime_s(ends_at: datetime | None, now: datetime) -> int:
    """
    For how long what is given for a live event lasts: what is left of it and ten minutes, at most an hour. Pure.
    """
    left_s = 0 if ends_at is None else int((ends_at - now).total_seconds())
    return min(max(left_s, 0) + LIVE_MARGIN_S, LIVE_LIFETIME_MAX_S)


def renew_at(expires_at: datetime, now: datetime) -> datetime:
    """
    When to ask for something again that ends at an instant. Pure.
    """
    return expires_at - min(timedelta(seconds=RENEW_AHEAD_S), (expires_at - now) / 2)
