"""Erasures: all content of one person, or of everybody, is deleted page by page, and afterwards no document names them.

Called by `functions/`: the worker, and the callables that ask for an erasure and read its state. An erasure deletes or
marks documents, and continues after a crash. The content at providers is deleted by the reconciliation of sessions,
videos and deletions, each by its own task, so no function runs longer than one page takes. Leaves the choice of the
next step to `decide`, and to `traces` where a person may be named.

An erasure covers everything that exists when it is asked for and until no page is left. Content that is made afterwards
stays.
"""

from __future__ import annotations

from contextlib import suppress

from shared.core.callers import Caller, require_admin
from shared.core.errors import Conflict, NotFound, WrongState
from shared.core.paths import ERASURES, RECONCILE_ERASURE, REMOVALS, erasure_path
from shared.erasure.model import Erasure, ErasureState, erasure_id, hashed, subject_of
from shared.ports import Clock, Condition, Create, Delete, Documents, Operator, Query, Queue, Task, Write
from shared.reconcile import Progress
from shared.reconcile.slots import enqueue


def ask_erasure(
    caller: Caller, request_id: str, uid: str | None, documents: Documents, queue: Queue, clock: Clock
) -> tuple[str, Erasure]:
    """
    Ask for the erasure of all content of one person, or of everybody. Repeatable: the same request id is the same
    erasure, and so is any other request while that erasure is under way.

    Args:
        caller: The person themselves, or an administrator.
        request_id: Chosen by the client, the same when it repeats the request.
        uid: The person whose content is erased; `None` for everybody's.
        documents: Where the erasure is stored.
        queue: Where the task is enqueued.
        clock: Returns the present time, in UTC.

    Returns:
        The id of the erasure, and its record.

    Raises:
        NotAllowed: The caller may not ask for it (never).
        WrongState: The request id was used for another person's content (never).
        Transient: Documents or queue could not be reached (again).
    """
    if uid is None or uid != caller.uid:
        require_admin(caller)
    now, key = clock(), erasure_id(caller.uid, request_id)
    (document,) = documents.read(erasure_path(key))
    if document is None:
        subject = Condition("subject", Operator.EQUAL, subject_of(uid))
        for running in documents.select(Query(ERASURES, (subject,))):
            record = Erasure.from_document(running)
            if record.state is not ErasureState.DONE and _may_read(caller, record):
                return running.id, record
        asked = Erasure(uid, subject_of(uid), hashed(caller.uid), now, progress=Progress(due_at=now))
        with suppress(Conflict):
            # A conflict means that the same request has created it meanwhile.
            documents.commit(Create(erasure_path(key), asked.to_fields()))
        (document,) = documents.read(erasure_path(key))
    enqueue(queue, RECONCILE_ERASURE, key, clock)
    record = asked if document is None else Erasure.from_document(document)
    if record.subject != subject_of(uid):
        raise WrongState(
            "This requestId was used for somebody else's content. Choose a new one.", reason="REQUEST_ID_USED"
        )
    return key, record


def erasure_of(caller: Caller, key: str, documents: Documents) -> Erasure:
    """
    Return the record of an erasure.

    Raises:
        NotFound: There is none, or the caller neither asked for it nor is an administrator (never).
    """
    (document,) = documents.read(erasure_path(key))
    record = None if document is None else Erasure.from_document(document)
    if record is None or not _may_read(caller, record):
        raise NotFound("There is no such erasure, or somebody else has asked for it.", reason="ERASURE_NOT_FOUND")
    return record


def carry_over(documents: Documents, queue: Queue, clock: Clock) -> int:
    """
    Turn the removals that an earlier release began into erasures. The documents of removals that are done are deleted,
    because they name people. Repeatable.

    Returns:
        The number of removals found.

    Raises:
        Transient: Documents or queue could not be reached (again).
    """
    found = documents.select(Query(REMOVALS))
    for one in found:
        writes: list[Write] = [Delete(one.path, if_version=one.version)]
        is_done = one.fields["state"] == ErasureState.DONE
        if not is_done:
            writes.append(Create(erasure_path(one.id), Erasure.from_removal(one, clock()).to_fields()))
        with suppress(Conflict):
            documents.commit(*writes)
            if not is_done:
                queue.put(Task(RECONCILE_ERASURE, one.id))
    return len(found)


def _may_read(caller: Caller, record: Erasure) -> bool:
    return caller.is_admin or record.asked_by == hashed(caller.uid)
