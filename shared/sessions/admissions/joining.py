"""Entering a session's live event: who may enter, when, and with what grants.

Called by the callables `joinSession` and `issuePlayback`. Leaves to `shared/sessions/access.py` who may watch the
session, to `broadcasting` when the event's time is, to the provider what a person needs to watch, chat and be in the
room, and to `entry.py` the admission by which all of it can be ended.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from shared.core.callers import Caller
from shared.core.errors import Conflict, NotAllowed, NotSignedIn, WrongState
from shared.core.paths import admission_key, admission_path, enrolment_path, pairing_path, session_path
from shared.core.text import as_line, cut_to_characters
from shared.ports import Accounts, Admission, Attendee, Audience, Clock, Document, Grant, Queue, ViewerKeys
from shared.reconcile import Reconciler
from shared.sessions.access import owns, require_viewer
from shared.sessions.admissions.entry import admit, player_key
from shared.sessions.admissions.model import REPAIR_PAUSE_S, AdmissionRecord, Giving
from shared.sessions.controller import Sessions
from shared.sessions.model import Airing, BroadcastState, Pairing, PairingState, pairing_of
from shared.sessions.pairing import have_verified, not_ready
from shared.sessions.session import Session, wanted

LIVE_MARGIN_S: Final = 10 * 60
"""A grant for a live event lasts this much longer than the planned end. It is renewed if the event goes on."""

LIVE_LIFETIME_MAX_S: Final = 3600
"""The longest life of a grant, however long the event goes on. Addresses cannot be ended, so a person who may not watch
any more can use them until they expire."""

NAME_MAX: Final = 100
"""Characters of a person's name that the provider, and so other people, are told."""


@dataclass(frozen=True, slots=True)
class Joined:
    """
    The answer to a person who enters.

    Attributes:
        session: The session.
        pairing: The pairing with its event.
        is_moderator: Whether the person moderates it.
        admission: What they need to take part.
        player_key: The key for the provider's own player; `None` if it was not asked for.
        refreshable_at: Set if a refresh was asked for, and some part of it was refreshed a moment before: when
            everything can be refreshed again.
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
    The grants for watching a live event, and nothing more.

    Attributes:
        session: The session.
        grant: The addresses.
        player_key: See `Joined`.
    """

    session: Session
    grant: Grant
    player_key: Grant | None = None


@dataclass(frozen=True, slots=True)
class _Entered:
    """
    A session whose event the caller may enter now.
    """

    session: Session
    document: Document
    pairing: Pairing
    admission: Document | None


@dataclass(frozen=True, slots=True)
class Joining:
    """
    The use cases of entering a live event, and what they need.

    Attributes:
        sessions: The Controller of sessions.
        audience: The provider's users.
        accounts: Tells the names of people who are new at the provider.
        queue: Where tasks are enqueued.
        clock: Returns the present time, in UTC.
        event_known_s: Seconds for which an event's parts are assumed to still exist after they were verified.
        viewer_keys: The keys of viewers at the provider of events; `None` if nothing can be ended there.
        admits_anonymous: Whether people who signed in anonymously may enter.
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
        Let the caller into a session's live event. Repeatable: a client calls it again before its grants expire.

        Args:
            caller: The person who enters.
            session_id: The id of the session.
            force_refresh: Set if the provider refused what they were given before: everything that is only remembered
                about it is verified, and missing parts are made anew.
            needs_player_key: Whether they use the provider's own player.

        Raises:
            NotSignedIn: The caller's account does not exist any more, or is disabled (never).
            NotAllowed: The caller has signed in anonymously (never).
            NotFound: There is no such session for this caller (never).
            WrongState: It has no event, the event is not ready, it is too early or too late (again, at the time that
                the error says), or there is no key for the provider's player (never).
            Conflict: Others wrote the event's record, or the caller's own admission, at every try (again).
            Transient: The provider could not be asked about a person who is new to it (again).
            Permanent: The provider refuses the person (never).
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
        Let the caller watch a session's live event, and nothing more, until a little after its end.

        Raises:
            NotAllowed, NotFound, WrongState, Conflict: See `join`.
        """
        entered, revocation_id = self._admit(caller, self._enter(caller, session_id))
        grant = self.sessions.events.playback_grant(
            entered.pairing.external_ids, caller.uid, self._lifetime_s(entered), revocation_id
        )
        key = self._player_key(caller, entered, revocation_id) if needs_player_key else None
        return Watching(entered.session, grant, key)

    def _name_of(self, caller: Caller) -> str:
        """
        Return a person's name from their account. It is read when they are new to the provider or force a refresh. The
        name in their token may be an hour old.

        Raises:
            NotSignedIn: The account does not exist any more, or is disabled (never).
            Transient: The account could not be read (again).
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
        Require that viewers may enter now. While the event is on the air, they always may.

        Raises:
            WrongState: It is too early or too late.
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
        Record what the caller is given, if it can be ended.
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
        Return when the provider may next be asked whether the caller's grants were ended; `None` if it may be asked
        now, or need not be.
        """
        document = entered.admission
        return None if document is None else AdmissionRecord.from_document(document).doubtable_at(self.clock())

    def _refresh_event(self, entered: _Entered) -> datetime | None:
        """
        Have the event verified and updated, and wait for that. Without it, the caller would only be refused again.

        Returns:
            When this can be done again, if it was not done now; `None` if it was done.
        """
        now, pause = self.clock(), timedelta(seconds=REPAIR_PAUSE_S)
        verified_at = entered.pairing.verified_at
        if verified_at is not None and self._is_verified(entered.pairing, REPAIR_PAUSE_S):
            return verified_at + pause
        have_verified(self.sessions.documents, self.queue, entered.document, self.clock)
        record = (
            Reconciler(self.sessions.documents, self.queue, self.clock)
            .reconcile(self.sessions, entered.session.id)
            .record
        )
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
    Return how many seconds a grant for a live event lasts: until ten minutes after the planned end, at most an hour.
    Pure.
    """
    left_s = 0 if ends_at is None else int((ends_at - now).total_seconds())
    return min(max(left_s, 0) + LIVE_MARGIN_S, LIVE_LIFETIME_MAX_S)
