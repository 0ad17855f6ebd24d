"""What follows from a document that somebody wrote straight into Firestore: a session, or an enrolment.

Called by the triggers. Enqueues, and works nothing itself. Of somebody who changes more than their budget allows,
nothing is enqueued: a changed session is found by the next sweep, a deleted one by its counts, and an admission when it
is due. So nobody else waits for their tasks.
"""

from __future__ import annotations

from dataclasses import dataclass

from shared import log
from shared.admissions import task_for_all, tasks_after
from shared.call_budgets import CallBudgets
from shared.paths import KEYS_SEPARATOR, RECONCILE_ADMISSION, VISIT_SESSION, VISIT_VIDEO
from shared.ports import Clock, Note, Queue
from shared.sessions.model import Session, wanted
from shared.slots import enqueue


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

    def session_created(self, session: Session) -> None:
        """
        Have a new session reconciled that asks for an event.
        """
        if wanted(session) is not None:
            self._enqueue(session.id, session, [Note(VISIT_SESSION, session.id)])

    def session_updated(self, before: Session, after: Session) -> None:
        """
        Have a session reconciled where what it asks for is another than before, or somebody else owns it, and the
        admissions that end with the change. A back end that overwrites the document takes away what the server had
        written there; the tasks of the session and its videos write it again.
        """
        tasks = list(tasks_after(before, after))
        was_overwritten = before.is_paired and not after.is_paired
        if was_overwritten or wanted(before) != wanted(after) or before.owner_uid != after.owner_uid:
            tasks.insert(0, Note(VISIT_SESSION, after.id))
        if was_overwritten and before.videos:
            tasks.append(Note(VISIT_VIDEO, KEYS_SEPARATOR.join(before.videos)))
        self._enqueue(after.id, after, tasks)

    def session_deleted(self, session_id: str, session: Session | None) -> None:
        """
        Have everything go that a session had, and what people were given there end.
        """
        self._enqueue(session_id, session, [Note(VISIT_SESSION, session_id), task_for_all(session_id)])

    def enrolment_deleted(self, enrolment_id: str, owner_uid: str | None) -> None:
        """
        Have what somebody was given end, unless they may watch all the same.
        """
        if owner_uid is None or self.budgets.heeds(owner_uid):
            enqueue(self.queue, RECONCILE_ADMISSION, enrolment_id, self.clock)

    def _enqueue(self, session_id: str, session: Session | None, tasks: list[Note]) -> None:
        if not tasks:
            return
        owner_uid = None if session is None else session.owner_uid
        if owner_uid is not None and not self.budgets.heeds(owner_uid):
            log.left_to_sweep(owner_uid, session_id)
            return
        for task in tasks:
            enqueue(self.queue, task.queue, task.key, self.clock)
