"""Transfers: a session gets another owner, and everything that it has follows, whatever crashes.

Called by `functions/`: the worker, and the callable by which one is asked for; and by `shared/erasure/`, for a session
whose owner somebody changed without a transfer. Leaves to `decide` what is next, and to the reconciliation of sessions,
videos and copies that each takes the owner of its session.

One commit makes it true: the session names its new owner, and its former ones in `formerOwnerUids`. While it names
them, what still names one of them belongs to it, so nobody is locked out and nothing is deleted on the way. An upload
that is under way goes on, for it belongs to the session; the former owner cannot renew its token.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Final

from shared.core.callers import Caller, ClaimNames
from shared.core.errors import Conflict, NotFound, Transient, WrongState
from shared.core.identity import Belonging, SessionIdentity
from shared.core.paths import (
    ENROLMENTS,
    RECONCILE_SESSION,
    RECONCILE_TRANSFER,
    VIDEOS,
    pairing_path,
    session_path,
    transfer_path,
)
from shared.ports import (
    Accounts,
    Clock,
    Condition,
    Create,
    Document,
    Documents,
    Operator,
    Query,
    Queue,
    Update,
    Write,
)
from shared.reconcile import Progress
from shared.reconcile.slots import enqueue
from shared.sessions.access import require_owner
from shared.sessions.model import Pairing, Session
from shared.sessions.pairing import identity_under
from shared.transfers.controller import Transfers
from shared.transfers.decide import SETTLES_AFTER_S
from shared.transfers.model import Transfer, TransferState
from shared.transfers.room import room_for
from shared.videos.policy import Policy

__all__ = ["Transfers", "begin", "is_claimed", "transfer_session"]

WRITES_MAX: Final = 10
"""How often a transfer is begun again where the session was changed meanwhile."""

AGAIN_MIN_S: Final = 10
"""After so many seconds at least it is worth asking whether a transfer that is under way has ended."""


def transfer_session(
    caller: Caller,
    session_id: str,
    uid: str,
    documents: Documents,
    accounts: Accounts,
    claims: ClaimNames,
    policy: Policy,
    queue: Queue,
    clock: Clock,
) -> TransferState:
    """
    Give a session another owner. Repeatable while it is under way.

    An administrator who names the present owner brings along what waits because the owner was changed without a
    transfer.

    Args:
        caller: Its owner, or an administrator.
        session_id: Of the session.
        uid: Of the new owner, whose account must be enabled and have the claim of teachers.
        documents: Where everything is recorded.
        accounts: Says whose account may own a session.
        claims: The claims that give roles.
        policy: The quotas of teachers.
        queue: For the task.
        clock: Now, in UTC.

    Returns:
        How far it is.

    Raises:
        NotAllowed, NotFound: As `require_owner` (never).
        TooMany: The new owner has no room for what the session has, and no administrator asks (once they have).
        WrongState: The new owner cannot own a session, or owns this one (never).
        Transient: Another transfer of it, or its event, is being worked on, or something could not be reached (again).
        Conflict: The session was changed every time (again).
    """
    for _ in range(WRITES_MAX):
        now = clock()
        found, pairing, job = documents.read(
            session_path(session_id), pairing_path(session_id), transfer_path(session_id)
        )
        session = None if found is None else Session.from_document(found)
        running = _running(session, job)
        if running is not None and session is not None and _is_repeated(caller, session, uid, running):
            enqueue(queue, RECONCILE_TRANSFER, session_id, clock)
            return running.state
        session = _transferable(caller, session)
        if running is not None and not (caller.is_admin and session.owner_uid == uid):
            left_s = SETTLES_AFTER_S - (now - running.asked_at).total_seconds()
            raise _busy("This session is being transferred. Try again when that is done.", max(left_s, AGAIN_MIN_S))
        _require_able(accounts, claims, uid)
        if is_claimed(pairing, now):
            raise _busy("The live event of this session is being worked on. Try again in a moment.")
        former = {session.owner_uid or "", *(_others(documents, session, pairing) if caller.is_admin else ())}
        if former == {uid} and job is None:
            if caller.is_admin:
                return TransferState.DONE
            raise WrongState("This session already belongs to this owner.", reason="SESSION_OWNED_ALREADY")
        room = () if caller.is_admin else room_for(session_id, uid, documents, policy)
        try:
            documents.commit(*begin(session, pairing, job, uid, former, now), *room)
        except Conflict:
            continue
        for queue_name in (RECONCILE_TRANSFER, RECONCILE_SESSION):
            enqueue(queue, queue_name, session_id, clock)
        return TransferState.MOVING
    raise Conflict("The session was changed at every try. Try again.")


def begin(
    session: Session, pairing: Document | None, job: Document | None, uid: str, former: Iterable[str], now: datetime
) -> tuple[Write, ...]:
    """
    Return the writes that give a session another owner, all on condition that nothing has changed since it was read;
    a transfer that is under way goes on to the new owner. Pure.

    Args:
        session: As it was read.
        pairing: With its event, if there is one.
        job: The transfer that is under way, if any.
        uid: The new owner.
        former: Whom its things name.
        now: This instant.
    """
    running = _running(session, job)
    known = [*session.former_owner_uids, *former]
    known += [] if running is None else [*running.former_owner_uids, running.session.owner_uid]
    former_owner_uids = tuple(dict.fromkeys(one for one in known if one and one != uid))
    record = Pairing(session.identity) if pairing is None else Pairing.from_document(pairing)
    identity = replace(identity_under(record, session), owner_uid=uid)
    changes = {"ownerUid": uid, "formerOwnerUids": list(former_owner_uids), "createdAt": identity.created_at}
    writes: list[Write] = [Update(session_path(session.id), changes, if_version=session.version)]
    if pairing is not None and record.identity.belonging(identity) is not Belonging.OTHER:
        # Nobody else can take the id from now on, and the event is brought into its new form.
        owned = {"ownerUid": uid, "heldAt": None, "dueAt": now}
        writes.append(Update(pairing.path, owned, if_version=pairing.version))
    fields = Transfer(identity, former_owner_uids, now, progress=Progress(due_at=now)).to_fields()
    path = transfer_path(session.id)
    writes.append(Create(path, fields) if job is None else Update(path, fields, if_version=job.version))
    return tuple(writes)


def is_claimed(pairing: Document | None, now: datetime) -> bool:
    """
    Tell whether somebody is at work on a session's event: what they record must not be lost. Pure.
    """
    claim = None if pairing is None else Pairing.from_document(pairing).progress.claim
    return claim is not None and claim.until > now


def _running(session: Session | None, job: Document | None) -> Transfer | None:
    """
    Return the transfer of this very session whose things still follow.
    """
    transfer = None if job is None else Transfer.from_document(job)
    if session is None or transfer is None or transfer.state is not TransferState.MOVING:
        return None
    return None if transfer.session.belonging(session.identity) is Belonging.OTHER else transfer


def _is_repeated(caller: Caller, session: Session, uid: str, running: Transfer) -> bool:
    """
    Tell whether the caller asks for what is under way; the former owner may not have got the answer.
    """
    may_ask = caller.is_admin or (caller.is_teacher and caller.uid in (uid, *running.former_owner_uids))
    return may_ask and session.owner_uid == uid == running.session.owner_uid


def _transferable(caller: Caller, session: Session | None) -> Session:
    if caller.is_admin and session is not None:
        return session
    if caller.is_admin:
        raise NotFound("There is no such session.", reason="SESSION_NOT_FOUND")
    return require_owner(caller, session)


def _require_able(accounts: Accounts, claims: ClaimNames, uid: str) -> None:
    """
    Raises:
        WrongState: Nobody can own a session by that account (never).
    """
    account = accounts.find(uid)
    if account is None or not account.is_enabled or not Caller.from_claims(uid, account.claims, claims).is_teacher:
        # The same whatever is missing: nobody learns here whose accounts there are.
        raise WrongState("The new owner needs an enabled account with the teacher claim.", reason="NEW_OWNER_UNABLE")


def _others(documents: Documents, session: Session, pairing: Document | None) -> set[str]:
    """
    Return whom the things of a session name as its owner.
    """
    of_session = Condition("sessionId", Operator.EQUAL, session.id)
    alive = Condition("gone", Operator.EQUAL, False)
    things = [*([] if pairing is None else [pairing]), *documents.select(Query(VIDEOS, (of_session, alive)))]
    named = {
        identity.owner_uid
        for identity in (SessionIdentity.from_fields(session.id, one.fields) for one in things)
        if identity.belonging(session.identity) is not Belonging.OTHER
    }
    enrolments = documents.select(Query(ENROLMENTS, (of_session,)))
    return {one for one in named | {enrolment.fields.get("ownerUid") for enrolment in enrolments} if one}


def _busy(sentence: str, retry_after_s: float | None = None) -> Transient:
    return Transient(
        sentence,
        provider="greenroom",
        operation="transferSession",
        code="BUSY",
        reason="SESSION_BUSY",
        retry_after_s=retry_after_s,
    )
