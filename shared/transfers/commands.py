"""Transfers: a session gets another owner, and everything that belongs to it follows, even after a crash.

Called by `functions/` (the worker, and the callable `transferSession`), and by `shared/erasure/` for a session whose
owner was changed without a transfer. Leaves the choice of the next step to `decide`. Sessions, videos and copies take
over the owner of their session when they are reconciled.

One commit makes the transfer valid: the session names its new owner in `ownerUid`, and its former owners in
`formerOwnerUids`. As long as it names them, things that still name a former owner belong to the session. So nobody is
locked out, and nothing is deleted, while the transfer runs. An upload that is under way goes on, because it belongs to
the session; the former owner cannot renew its token.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Final

from shared.core.callers import Caller, ClaimNames
from shared.core.errors import NotFound, Transient, WrongState
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
from shared.core.retry import RetryOnConflict
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
from shared.sessions.model import Pairing
from shared.sessions.pairing import identity_under
from shared.sessions.session import Session
from shared.transfers.decide import SETTLES_AFTER_S
from shared.transfers.model import Transfer, TransferState
from shared.transfers.room import room_for
from shared.videos.settings import Policy

AGAIN_MIN_S: Final = 10
"""The shortest pause, in seconds, before a caller is told to ask again whether a running transfer has ended."""


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
    Give a session another owner. Repeatable while the transfer is under way.

    If an administrator names the present owner, things that still name an earlier owner follow too. They were waiting
    because the owner was changed without a transfer.

    Args:
        caller: The owner of the session, or an administrator.
        session_id: The id of the session.
        uid: The new owner. Their account must be enabled and have the claim of teachers.
        documents: Where everything is stored.
        accounts: Tells whether the new owner's account may own a session.
        claims: The names of the claims that give roles.
        policy: The quotas of teachers.
        queue: Where the tasks are enqueued.
        clock: Returns the present time, in UTC.

    Returns:
        The state of the transfer.

    Raises:
        NotAllowed, NotFound: See `require_owner` (never).
        TooMany: The session's videos exceed the new owner's quotas, and the caller is not an administrator (again, once
            there is room).
        WrongState: The new owner cannot own a session, or owns this one already (never).
        Transient: Another transfer of the session is running, or a worker has a claim on its event, or something could
            not be reached (again).
        Conflict: The session was changed at every try (again).
    """
    retry = RetryOnConflict("The session was changed at every try. Try again.")
    while True:
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
        with retry:
            documents.commit(*begin(session, pairing, job, uid, former, now), *room)
            for queue_name in (RECONCILE_TRANSFER, RECONCILE_SESSION):
                enqueue(queue, queue_name, session_id, clock)
            return TransferState.MOVING


def begin(
    session: Session, pairing: Document | None, job: Document | None, uid: str, former: Iterable[str], now: datetime
) -> tuple[Write, ...]:
    """
    Return the writes that give a session another owner. They succeed only if nothing has changed since the documents
    were read. A transfer that is under way is redirected to the new owner. Pure.

    Args:
        session: The session, as it was read.
        pairing: The document of the pairing with its event, if there is one.
        job: The document of the transfer that is under way, if any.
        uid: The new owner.
        former: The owners that things of the session name.
        now: The present time.
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
        # From this commit on, another session cannot take over the pairing's id. The due time makes the reconciler
        # update the event.
        owned = {"ownerUid": uid, "heldAt": None, "dueAt": now}
        writes.append(Update(pairing.path, owned, if_version=pairing.version))
    fields = Transfer(identity, former_owner_uids, now, progress=Progress(due_at=now)).to_fields()
    path = transfer_path(session.id)
    writes.append(Create(path, fields) if job is None else Update(path, fields, if_version=job.version))
    return tuple(writes)


def is_claimed(pairing: Document | None, now: datetime) -> bool:
    """
    Tell whether a worker has a claim on a session's event. Its outcome must not be lost. Pure.
    """
    claim = None if pairing is None else Pairing.from_document(pairing).progress.claim
    return claim is not None and claim.until > now


def _running(session: Session | None, job: Document | None) -> Transfer | None:
    """
    Return the transfer of this very session, if things still have to follow.
    """
    transfer = None if job is None else Transfer.from_document(job)
    if session is None or transfer is None or transfer.state is not TransferState.MOVING:
        return None
    return None if transfer.session.belonging(session.identity) is Belonging.OTHER else transfer


def _is_repeated(caller: Caller, session: Session, uid: str, running: Transfer) -> bool:
    """
    Tell whether the caller asks for the transfer that is under way. The former owner may ask again, because the first
    answer may have been lost.
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
    Require that the account exists, is enabled and is a teacher's.

    Raises:
        WrongState: The account cannot own a session (never).
    """
    account = accounts.find(uid)
    if account is None or not account.is_enabled or not Caller.from_claims(uid, account.claims, claims).is_teacher:
        # The error is the same for every cause, so that callers cannot find out which accounts exist.
        raise WrongState("The new owner needs an enabled account with the teacher claim.", reason="NEW_OWNER_UNABLE")


def _others(documents: Documents, session: Session, pairing: Document | None) -> set[str]:
    """
    Return the uids that the things of a session name as its owner.
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
