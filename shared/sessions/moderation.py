"""What the owner of a session does with its live event: who moderates it, and where its picture is sent.

Called by the callables of those names. Leaves to `shared/sessions/access.py` who the owner is, and to the
reconciliation that a named moderator comes to be one at the provider.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from shared.core.callers import Caller
from shared.core.errors import BadRequest, Conflict, TooMany, WrongState
from shared.core.paths import RESERVED, pairing_path, session_path
from shared.ports import REMOVE, Clock, Document, ExternalIds, Ingest, Queue, Update
from shared.reconcile import reconcile
from shared.sessions import Sessions
from shared.sessions.access import require_owner
from shared.sessions.model import Pairing, PairingState, Session, pairing_of, wanted
from shared.sessions.pairing import not_ready

MODERATORS_MAX: Final = 100
"""Moderators that the owner of a session may name."""

WRITES_MAX: Final = 10
"""How often a spec is written again where the session was changed meanwhile."""


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
    Have somebody keep order in the session's live events, this one and every one to come, or no more. Repeatable.

    Returns:
        Whether the provider knows it already; if not, it will.

    Raises:
        NotAllowed, NotFound: As `require_owner` (never).
        BadRequest: No field can have this uid as its name (never).
        TooMany: The session has as many as it may have (once there is room).
        WrongState: It is the owner, who always does (never).
        Conflict: The session was changed every time (again).
    """
    for _ in range(WRITES_MAX):
        document, session = _owned(caller, session_id, sessions)
        if uid == session.owner_uid:
            if is_moderator:
                return True
            raise WrongState(
                "The owner of a session always moderates it, and cannot be removed.", reason="OWNER_MODERATES"
            )
        if is_moderator and RESERVED.fullmatch(uid):
            # A session names its moderators as fields of a map.
            raise BadRequest(
                "An account whose id begins and ends with two underscores cannot be a moderator. Name another account.",
                reason="USER_ID_UNUSABLE",
            )
        if is_moderator and uid not in session.moderators and len(session.moderators) >= MODERATORS_MAX:
            raise TooMany(
                f"This session has {MODERATORS_MAX} moderators, the maximum. Remove one of them first.",
                reason="MODERATORS_TOO_MANY",
            )
        if is_moderator is not (uid in session.moderators):
            # By the time of its last change the sweep finds what no task was left for.
            change: dict[tuple[str, ...], Any] = {
                ("moderators", uid): True if is_moderator else REMOVE,
                ("updatedAt",): clock(),
            }
            try:
                sessions.documents.commit(Update(document.path, change, if_version=document.version))
            except Conflict:
                continue
        look = reconcile(sessions, session_id, sessions.documents, queue, clock)
        applied = None if look.record is None else look.record.applied
        return applied is not None and is_moderator is (uid in applied.moderators)
    raise Conflict("The session was changed at every try. Try again.")


def stream_ingest(caller: Caller, session_id: str, sessions: Sessions) -> Ingest:
    """
    Where the owner's encoder sends its picture.

    Raises:
        NotAllowed, NotFound: As `require_owner` (never).
        WrongState: There is no event (again, once there is).
        Transient: The provider could not be asked (again).
    """
    return _told(caller, session_id, sessions, sessions.events.ingest)


def rotate_stream_key(caller: Caller, session_id: str, sessions: Sessions) -> Ingest:
    """
    The same with a new key, where the old one has got about.

    Raises:
        As `stream_ingest`.
    """
    return _told(caller, session_id, sessions, sessions.events.rotate_stream_key)


def _owned(caller: Caller, session_id: str, sessions: Sessions) -> tuple[Document, Session]:
    (document,) = sessions.documents.read(session_path(session_id))
    session = require_owner(caller, None if document is None else Session.from_document(document))
    assert document is not None
    return document, session


def _told(caller: Caller, session_id: str, sessions: Sessions, ask: Callable[[ExternalIds], Ingest]) -> Ingest:
    ingest = ask(_event_of(caller, session_id, sessions).external_ids)
    # Who has transferred the session meanwhile learns no key of it.
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
