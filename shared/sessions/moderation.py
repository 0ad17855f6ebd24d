"""The owner's controls of a live event: its moderators, and the ingest address and stream key of the encoder.

Called by the callables of those names. Leaves to `shared/sessions/access.py` who the owner is, and to the reconciler
that moderators get their role at the provider.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from shared.core.callers import Caller
from shared.core.errors import BadRequest, TooMany, WrongState
from shared.core.paths import RESERVED, pairing_path, session_path
from shared.core.retry import RetryOnConflict
from shared.ports import REMOVE, Clock, Document, ExternalIds, Ingest, Queue, Update
from shared.reconcile import Reconciler
from shared.sessions.access import require_owner
from shared.sessions.controller import Sessions
from shared.sessions.model import Pairing, PairingState, pairing_of
from shared.sessions.pairing import not_ready
from shared.sessions.session import Session, wanted

MODERATORS_MAX: Final = 100
"""Moderators that one session may have besides its owner."""


def set_moderator(
    caller: Caller,
    session_id: str,
    uid: str,
    sessions: Sessions,
    queue: Queue,
    clock: Clock,
    *,
    is_moderator: bool,
) -> bool:
    """
    Make a user a moderator of the session's live events, the present one and all later ones, or remove them.
    Repeatable.

    Returns:
        Whether the provider has the change already. If not, it will get it.

    Raises:
        NotAllowed, NotFound: See `require_owner` (never).
        BadRequest: The uid cannot be the name of a field (never).
        TooMany: The session has the maximum of moderators (again, once one is removed).
        WrongState: The user is the owner, who always moderates (never).
        Conflict: The session was changed at every try (again).
    """
    retry = RetryOnConflict("The session was changed at every try. Try again.")
    while True:
        document, session = _owned(caller, session_id, sessions)
        if uid == session.owner_uid:
            if is_moderator:
                return True
            raise WrongState(
                "The owner of a session always moderates it, and cannot be removed.", reason="OWNER_MODERATES"
            )
        if is_moderator and RESERVED.fullmatch(uid):
            # Moderators are fields of a map in the session's document.
            raise BadRequest(
                "An account whose id begins and ends with two underscores cannot be a moderator. Name another account.",
                reason="USER_ID_UNUSABLE",
            )
        if is_moderator and uid not in session.moderators and len(session.moderators) >= MODERATORS_MAX:
            raise TooMany(
                f"This session has {MODERATORS_MAX} moderators, the maximum. Remove one of them first.",
                reason="MODERATORS_TOO_MANY",
            )
        if is_moderator is (uid in session.moderators):
            break
        # If the task is lost, the sweep finds the session by `updatedAt`.
        change: dict[tuple[str, ...], Any] = {
            ("moderators", uid): True if is_moderator else REMOVE,
            ("updatedAt",): clock(),
        }
        with retry:
            sessions.documents.commit(Update(document.path, change, if_version=document.version))
            break
    look = Reconciler(sessions.documents, queue, clock).reconcile(sessions, session_id)
    applied = None if look.record is None else look.record.applied
    return applied is not None and is_moderator is (uid in applied.moderators)


def stream_ingest(caller: Caller, session_id: str, sessions: Sessions) -> Ingest:
    """
    Return where the owner's encoder sends its stream, and the key for it.

    Raises:
        NotAllowed, NotFound: See `require_owner` (never).
        WrongState: There is no event that is ready (again, once there is).
        Transient: The provider could not be asked (again).
    """
    return _told(caller, session_id, sessions, sessions.events.ingest)


def rotate_stream_key(caller: Caller, session_id: str, sessions: Sessions) -> Ingest:
    """
    Make a new stream key, for example after the old one became known, and return it with the ingest address.

    Raises:
        See `stream_ingest`.
    """
    return _told(caller, session_id, sessions, sessions.events.rotate_stream_key)


def _owned(caller: Caller, session_id: str, sessions: Sessions) -> tuple[Document, Session]:
    (document,) = sessions.documents.read(session_path(session_id))
    session = require_owner(caller, None if document is None else Session.from_document(document))
    assert document is not None
    return document, session


def _told(caller: Caller, session_id: str, sessions: Sessions, ask: Callable[[ExternalIds], Ingest]) -> Ingest:
    ingest = ask(_event_of(caller, session_id, sessions).external_ids)
    # The caller may have transferred the session meanwhile. Then they must not learn its key.
    _owned(caller, session_id, sessions)
    return ingest


def _event_of(caller: Caller, session_id: str, sessions: Sessions) -> Pairing:
    _, session = _owned(caller, session_id, sessions)
    (pairing,) = sessions.documents.read(pairing_path(session_id))
    record = pairing_of(session, pairing)
    if wanted(session) is None:
        raise WrongState("This session has no live event. Publish it as a live session.", reason="NO_LIVE_EVENT")
    if record is None or record.state is not PairingState.READY:
        raise not_ready(record)
    return record
