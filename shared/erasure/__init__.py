"""Erasures: all content of somebody, or of everybody, goes, page by page, whatever crashes; and nothing names them.

Called by `functions/`: the worker, and the callables by which one is asked for and looked at. Documents are deleted or
marked; what they had goes by the reconciliation of sessions, videos and deletions, each by its own task, so no function
runs longer than a page takes. Leaves to `decide` what is next, and to `traces` where a person may be named.

It covers what is there when it is asked for and until no page is left; what is made afterwards stays.
"""

from __future__ import annotations

from contextlib import suppress

from shared.core.callers import Caller, require_admin
from shared.core.errors import Conflict, NotFound, WrongState
from shared.core.paths import ERASURES, RECONCILE_ERASURE, REMOVALS, erasure_path
from shared.erasure.controller import Erasures
from shared.erasure.export import export_content
from shared.erasure.model import Erasure, ErasureState, erasure_id, hashed, subject_of
from shared.ports import Clock, Condition, Create, Delete, Documents, Operator, Query, Queue, Task, Write
from shared.reconcile import Progress
from shared.reconcile.slots import enqueue

__all__ = ["Erasures", "ask_erasure", "carry_over", "erasure_of", "export_content"]


def ask_erasure(
    caller: Caller, request_id: str, uid: str | None, documents: Documents, queue: Queue, clock: Clock
) -> tuple[str, Erasure]:
    """
    Have all content of somebody go, or of everybody. Repeatable: the same request is the same erasure, and so is
    another one while that is under way.

    Args:
        caller: Anybody may ask for their own, an administrator for everybody's.
        request_id: Chosen by the client, the same when it repeats the request.
        uid: Whose; `None` for all there is.
        documents: Where it is recorded.
        queue: For the task.
        clock: Now, in UTC.

    Returns:
        Its id, and how far it is.

    Raises:
        NotAllowed: The caller may not (never).
        WrongState: The request id was used for somebody else's content (never).
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
            # Where there is one now, it is the same request again.
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
    Return how far an erasure is.

    Raises:
        NotFound: There is none, or the caller has not asked for it and is no administrator (never).
    """
    (document,) = documents.read(erasure_path(key))
    record = None if document is None else Erasure.from_document(document)
    if record is None or not _may_read(caller, record):
        raise NotFound("There is no such erasure, or somebody else has asked for it.", reason="ERASURE_NOT_FOUND")
    return record


def carry_over(documents: Documents, queue: Queue, clock: Clock) -> int:
    """
    Carry on, as erasures, what an earlier release had begun as removals; of those that are done nothing is kept, for
    they name people. Repeatable.

    Returns:
        How many there were.

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
