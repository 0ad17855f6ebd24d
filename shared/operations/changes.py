"""Enqueues what follows when somebody writes a session or an enrolment straight into Firestore.

Called by the triggers. Works nothing itself. Nothing is enqueued for owners who change more than their budget allows:
the next sweep finds a changed session, its counts tell of a deleted one, and an admission is looked at when it is due.
So nobody else waits for their tasks.
"""

from __future__ import annotations

from dataclasses import dataclass

from shared.admissions import task_for_all, tasks_after
from shared.core import log
from shared.core.paths import KEYS_SEPARATOR, RECONCILE_ADMISSION, RECONCILE_SESSION, RECONCILE_VIDEO
from shared.limits.call_budgets import CallBudgets
from shared.ports import Clock, Queue, Task
from shared.reconcile.slots import enqueue
from shared.sessions.model import Session, wanted


def following(session_id: str, before: Session | None, after: Session | None) -> list[Task]:
    """
    Return the tasks that follow from a change of a session. Pure.

    A session that is new is reconciled where it asks for an event; one that was changed, where it asks for something
    else than before or somebody else owns it; and either where it has no mark, for until that is written the rules let
    no enrolled student in. A back end that overwrites the document takes away what the server had
    written there: the tasks of the session and its videos write it again. Admissions that the change ends are
    reconciled, and all of them where the session was deleted.

    Args:
        session_id: Its id.
        before: As it was; `None` where there was none, or nobody knows.
        after: As it is; `None` where it was deleted.
    """
    reconcile = Task(RECONCILE_SESSION, session_id)
    if after is None:
        return [reconcile, task_for_all(session_id)]
    if before is None:
        return [] if wanted(after) is None and after.is_marked else [reconcile]
    was_overwritten = before.is_paired and not after.is_paired
    is_another = (
        was_overwritten
        or not after.is_marked
        or wanted(before) != wanted(after)
        or before.owner_uid != after.owner_uid
        # Nobody but a back end changes the mark: what it should be is written again.
        or before.created_at not in (None, after.created_at)
    )
    tasks = [*([reconcile] if is_another else []), *tasks_after(before, after)]
    if was_overwritten and before.videos:
        tasks.append(Task(RECONCILE_VIDEO, KEYS_SEPARATOR.join(before.videos)))
    return tasks


@dataclass(frozen=True, slots=True)
class Changes:
    """
    The changes of one deployment.

    Attributes:
        queue: For tasks.
        budgets: How many changes of one owner are handled at once.
        clock: Now, in UTC.

    Every method raises `Transient` where documents or queue could not be reached (again).
    """

    queue: Queue
    budgets: CallBudgets
    clock: Clock

    def session_changed(self, session_id: str, before: Session | None, after: Session | None) -> None:
        """
        Enqueue what follows from a session that was created, changed or deleted. As `following`.
        """
        tasks = following(session_id, before, after)
        if not tasks:
            return
        session = after or before
        owner_uid = None if session is None else session.owner_uid
        if owner_uid is not None and not self.budgets.heeds(owner_uid):
            log.left_to_sweep(owner_uid, session_id)
            return
        for task in tasks:
            enqueue(self.queue, task.queue, task.key, self.clock)

    def enrolment_deleted(self, enrolment_id: str, owner_uid: str | None) -> None:
        """
        End what somebody was given, unless they may watch all the same.
        """
        if owner_uid is None or self.budgets.heeds(owner_uid):
            enqueue(self.queue, RECONCILE_ADMISSION, enrolment_id, self.clock)
