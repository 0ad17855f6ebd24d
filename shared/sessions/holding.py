"""What the owner of a session does with its live event: who moderates it, and where its picture is sent.

Called by the callables of those names. Leaves to `shared/access.py` who the owner is, and to the visit that a named
moderator comes to be one at the provider.
"""

from __future__ import annotations

from typing import Any, Final

from shared.access import Caller, require_owner
from shared.errors import BadRequest, Conflict, TooMany, WrongState
from shared.paths import RESERVED, pairing_path, session_path
from shared.ports import REMOVE, Clock, Document, Ingest, Queue, Update
from shared.reconcile import visit
from shared.sessions import Sessions
from shared.sessions.model import Pairing, PairingState, Session, pairing_of

MODERATORS_MAX: Final = 100
"""Moderators that the owner of a session may name."""

WRITES_MAX: Final = 10
"""How often a wish is written again where the session was changed meanwhile."""


def set_moderator(caller: Caller, session_id: str, uid: str, sessions: Sessions, queue: Queue, clock: Clock) -> bool:
    """
    Have somebody keep order in the session's live events: this one and every one to come. Repeatable.

    Returns:
        Whether the provider knows it already; if not, it will.

    Raises:
        NotAllowed, NotFound: As `require_owner` (never).
        BadRequest: No field can have this uid as its name (never).
        TooMany: The session has as many as it may have (once there is room).
        Conflict: The session was changed every time (again).
    """
    return _wish(caller, session_id, uid, sessions, queue, clock, moderates=True)


def unset_moderator(caller: Caller, session_id: str, uid: str, sessions: Sessions, queue: Queue, clock: Clock) -> bool:
    """
    Have somebody keep order no more; the owner always does. As `set_moderator`.

    Raises:
        WrongState: It is the owner (never).
    """
    return _wish(caller, session_id, uid, sessions, queue, clock, moderates=False)


def stream_ingest(caller: Caller, session_id: str, sessions: Sessions) -> Ingest:
    """
    Where the owner's encoder sends its picture.

    Raises:
        NotAllowed, NotFound: As `require_owner` (never).
        WrongState: There is no event (again, once there is).
        Transient: The provider could not be asked (again).
    """
    return sessions.events.ingest(_event_of(caller, session_id, sessions).parts)


def rotate_stream_key(caller: Caller, session_id: str, sessions: Sessions) -> Ingest:
    """
    The same with a new key, where the old one has got about.

    Raises:
        As `stream_ingest`.
    """
    return sessions.events.rotate_stream_key(_event_of(caller, session_id, sessions).parts)


def _wish(
    caller: Caller, session_id: str, uid: str, sessions: Sessions, queue: Queue, clock: Clock, *, moderates: bool
) -> bool:
    for _ in range(WRITES_MAX):
        document, session = _owned(caller, session_id, sessions)
        if uid == session.owner_uid:
            if moderates:
                return True
            raise WrongState("The owner of a session always moderates it.", reason="OWNER_MODERATES")
        if moderates and RESERVED.fullmatch(uid):
            # A session names its moderators as fields of a map.
            raise BadRequest(
                "An account whose id begins and ends with two underscores cannot be a moderator. Name another account.",
                reason="USER_ID_UNUSABLE",
            )
        if moderates and uid not in session.moderators and len(session.moderators) >= MODERATORS_MAX:
            raise TooMany(
                f"This session has {MODERATORS_MAX} moderators, which is all it may have.", reason="MODERATORS_TOO_MANY"
            )
        if moderates is not (uid in session.moderators):
            # By the time of its last change the sweep finds what no task was left for.
            change: dict[tuple[str, ...], Any] = {
                ("moderators", uid): True if moderates else REMOVE,
                ("updatedAt",): clock(),
            }
            try:
                sessions.documents.commit(Update(document.path, change, if_version=document.version))
            except Conflict:
                continue
        look = visit(sessions, session_id, sessions.documents, queue, clock)
        applied = None if look.record is None else look.record.applied
        return applied is not None and moderates is (uid in applied.moderators)
    raise Conflict("The session was changed every time.")


def _owned(caller: Caller, session_id: str, sessions: Sessions) -> tuple[Document, Session]:
    (document,) = sessions.documents.read(session_path(session_id))
    session = require_owner(caller, None if document is None else Session.from_document(document))
    assert document is not None
    return document, session


def _event_of(caller: Caller, session_id: str, sessions: Sessions) -> Pairing:
    _, session = _owned(caller, session_id, sessions)
    (pairing,) = sessions.documents.read(pairing_path(session_id))
    record = pairing_of(session, pairing)
    if record is None or record.state is not PairingState.READY:
        raise WrongState(
            "This session has no live event that is ready. Publish it as a live session first.",
            reason="EVENT_NOT_READY",
        )
    return record
