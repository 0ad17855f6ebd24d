"""Enqueue tasks after a session or an enrolment was written directly to Firestore.

Called by the triggers; does no other work. Nothing is enqueued for owners who make more changes than their budget
allows, so that others need not wait for their tasks. The next sweep then finds a changed session by its `updatedAt` and
a deleted one by its counts, and an admission is reconciled when it is due.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from shared.core import log
from shared.core.paths import KEYS_SEPARATOR, RECONCILE_ADMISSION, RECONCILE_SESSION, RECONCILE_VIDEO
from shared.ports import Clock, Queue, Task
from shared.reconcile.slots import enqueue
from shared.sessions.admissions.controller import task_for_all, tasks_after
from shared.sessions.session import Session, wanted


def following(session_id: str, before: Session | None, after: Session | None) -> list[Task]:
    """
    Return the tasks that follow from a change of a session. Pure.

    - A new session is reconciled if it asks for an event.
    - A changed session is reconciled if its spec or its owner changed.
    - Either is reconciled if it has no valid `createdAt`, because until that is written the rules admit no enrolled
      student.
    - If a back end overwrote the document, it removed what the server had written there. The tasks of the session and
      of its videos write it again.
    - Admissions that the change ends are reconciled; all of them if the session was deleted.

    Args:
        session_id: The session's id.
        before: The session before; `None` if there was none, or if it is unknown.
        after: The session now; `None` if it was deleted.
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
        # Only a back end can change `createdAt`; the right one is written again.
        or before.created_at not in (None, after.created_at)
    )
    tasks = [*([reconcile] if is_another else []), *tasks_after(before, after)]
    if was_overwritten and before.videos:
        tasks.append(Task(RECONCILE_VIDEO, KEYS_SEPARATOR.join(before.videos)))
    return tasks


@dataclass(frozen=True, slots=True)
class Changes:
    """
    The handler of one deployment's changes.

    Attributes:
        queue: Gets the tasks.
        heeds: Tells whether one more change of an owner is handled, by their uid.
        clock: Now, in UTC.

    Every method raises `Transient` if documents or queue could not be reached (again).
    """

    queue: Queue
    heeds: Callable[[str], bool]
    clock: Clock

    def session_changed(self, session_id: str, before: Session | None, after: Session | None) -> None:
        """
        Enqueue the tasks after a session was created, changed or deleted. See `following`.
        """
        tasks = following(session_id, before, after)
        if not tasks:
            return
        session = after or before
        owner_uid = None if session is None else session.owner_uid
        if owner_uid is not None and not self.heeds(owner_uid):
            log.left_to_sweep(owner_uid, session_id)
            return
        for task in tasks:
            enqueue(self.queue, task.queue, task.key, self.clock)

    def enrolment_deleted(self, enrolment_id: str, owner_uid: str | None) -> None:
        """
        Enqueue the end of a person's admission; its worker keeps it if they may watch anyway.
        """
        if owner_uid is None or self.heeds(owner_uid):
            enqueue(self.queue, RECONCILE_ADMISSION, enrolment_id, self.clock)
