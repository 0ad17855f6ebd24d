"""Admissions, `admissions/{sessionId}_{uid}`: records of what people were given in sessions, so that it can be ended.

Called by `functions/` (triggers, the worker) and by the code that gives grants (`joining.py`, `shared/videos/`). If a
person may not watch any more, or is not a moderator any more, everything that they were given is ended. Leaves to
`shared/sessions/access.py` who may watch, the choice of the next step to `decide`, and the ending itself to the
provider.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import ClassVar, Final

from shared.core import log
from shared.core.callers import Caller
from shared.core.errors import Conflict, Transient
from shared.core.identity import Belonging
from shared.core.paths import (
    ADMISSIONS,
    RECONCILE_ADMISSION,
    admission_key,
    admission_path,
    enrolment_path,
    session_path,
)
from shared.ports import (
    Condition,
    Delete,
    Document,
    Documents,
    Operator,
    Query,
    Task,
    Update,
    Version,
    ViewerKeys,
    Write,
    holder_of,
)
from shared.reconcile import AT_ONCE, Controller, Decision, Mapper, Reconciler, Snapshot, Step
from shared.sessions.access import may_watch
from shared.sessions.admissions import decide as decisions
from shared.sessions.admissions.decide import AdmissionSpec
from shared.sessions.admissions.model import AdmissionRecord
from shared.sessions.session import Session, Status, Visibility

OF_SESSION: Final = "session:"
"""Prefix of a task's key that means all admissions of a session; the session's id follows. No id has a colon."""

DUE: Final = "due:"
"""Prefix of a task's key that means the admissions that are due; the number of a page follows."""

PAGE: Final = 200
"""Admissions that one task reconciles."""

DUE_PAGES_MAX: Final = 100
"""The most pages that follow from one sweep, 20,000 admissions; the next sweep goes on."""

BUDGET_S: Final = 30.0
"""After so many seconds a task begins no further admission. With the slowest one, it stays under `WORKER_TIMEOUT_S`."""


def task(session_id: str, uid: str) -> Task:
    """
    Return the task that reconciles one person's admission to a session.
    """
    return Task(RECONCILE_ADMISSION, admission_key(session_id, uid))


def task_for_all(session_id: str) -> Task:
    """
    Return the task that reconciles all admissions to a session.
    """
    return Task(RECONCILE_ADMISSION, f"{OF_SESSION}{session_id}")


def task_for_due(page: int = 0) -> Task:
    """
    Return the task that reconciles a page of the admissions that are due.
    """
    return Task(RECONCILE_ADMISSION, f"{DUE}{page}")


def tasks_after(before: Session, after: Session) -> tuple[Task, ...]:
    """
    Return the tasks for people who may do less in a session after it was changed. Pure.

    Args:
        before: The session before the change.
        after: The session after the change.
    """
    narrowed = (
        (before.status is Status.PUBLIC and after.status is not Status.PUBLIC)
        or (before.visibility is Visibility.OPEN and after.visibility is not Visibility.OPEN)
        or before.owner_uid != after.owner_uid
        or (before.is_marked and after.is_marked and before.created_at != after.created_at)
    )
    if narrowed:
        return (task_for_all(after.id),)
    return tuple(task(after.id, uid) for uid in before.moderators if uid not in after.moderators)


def revoking(document: Document) -> Update:
    """
    Return the write that revokes everything that a person was given, whether or not they may still watch. The caller
    then enqueues its `task`. Pure.

    Args:
        document: The document of their admission, as it was read.
    """
    record = AdmissionRecord.from_document(document).revoked()
    record = replace(record, progress=replace(record.progress, due_at=AT_ONCE))
    return Update(document.path, record.to_fields(), if_version=document.version)


@dataclass(frozen=True, slots=True)
class Admissions(Controller[AdmissionSpec, AdmissionRecord, None]):
    """
    The Controller of admissions.

    Attributes:
        documents: Where the documents are stored.
        viewer_keys: The providers at which viewers' keys can be ended, by our names of the providers.
    """

    queue: ClassVar[str] = RECONCILE_ADMISSION

    documents: Documents
    viewer_keys: Mapping[str, ViewerKeys]

    def read(self, key: str) -> Snapshot[AdmissionSpec, AdmissionRecord]:
        """
        Read the admission, then the present session and enrolment.
        """
        (document,) = self.documents.read(admission_path(key))
        if document is None:
            return Snapshot(key, AdmissionSpec(), None, None)
        record = AdmissionRecord.from_document(document)
        session_id = record.session.session_id
        session, enrolment = self.documents.read(session_path(session_id), enrolment_path(session_id, record.uid))
        return Snapshot(key, _wish(record, session, enrolment), record, document.version)

    def decide(
        self, snapshot: Snapshot[AdmissionSpec, AdmissionRecord], now: datetime, *, observed: bool
    ) -> Decision[AdmissionRecord]:
        """
        Return the next step. Pure.
        """
        return decisions.decide(snapshot, now)

    def act(
        self, snapshot: Snapshot[AdmissionSpec, AdmissionRecord], step: Step[AdmissionRecord], now: datetime
    ) -> None:
        """
        End at the provider what was given under the revoked ids.
        """
        holder_of(self.viewer_keys, step.record.provider).end(step.record.ending)

    def settle(
        self,
        snapshot: Snapshot[AdmissionSpec, AdmissionRecord],
        step: Step[AdmissionRecord],
        outcome: None,
        now: datetime,
    ) -> AdmissionRecord:
        """
        Return the record after the ending succeeded. Pure.
        """
        return replace(step.record, ending=(), gone=step.record.revocation_id is None)

    def record_writes(
        self,
        snapshot: Snapshot[AdmissionSpec, AdmissionRecord],
        record: AdmissionRecord,
        version: Version | None,
        now: datetime,
    ) -> tuple[Write, ...]:
        """
        Return the write of the admission's document, or its deletion once nothing is left to end. Pure.
        """
        path = admission_path(snapshot.key)
        if version is None:
            raise Conflict(f"There is no {path}.")
        if record.gone:
            return (Delete(path, if_version=version),)
        return (Update(path, record.to_fields(), if_version=version),)


def _wish(record: AdmissionRecord, session: Document | None, enrolment: Document | None) -> AdmissionSpec:
    """
    Return what the person may do in the session of the admission. Their claims are not known here: if they own the
    session, they are assumed to be a teacher still, as they were when they entered.
    """
    present = None if session is None else Session.from_document(session)
    if present is None or record.session.belonging(present.identity) is Belonging.OTHER:
        return AdmissionSpec()
    caller = Caller(record.uid, is_teacher=True)
    return AdmissionSpec(may_watch(caller, present, enrolment), present.moderates(record.uid))


def reconcile_admissions(admissions: Admissions, key: str, reconciler: Reconciler, each: Mapper = map) -> None:
    """
    Reconcile one admission, a page of a session's admissions, or a page of those that are due.

    Args:
        admissions: Their Controller.
        key: The key of one admission; `session:{sessionId}[:{key of the last admission of the page before}]`; or
            `due:{page}`.
        reconciler: Reconciles each.
        each: Runs the reconciliations of a page, one after the other or several at once.

    Raises:
        Transient, Conflict: For one admission, see `Reconciler.reconcile`. In a page, an admission that fails so
            is enqueued again on its own (again).
    """
    if key.startswith(OF_SESSION):
        session_id, _, after_id = key.removeprefix(OF_SESSION).partition(":")
        of_session = (Condition("sessionId", Operator.EQUAL, session_id),)
        page = admissions.documents.select(Query(ADMISSIONS, of_session, after_id=after_id or None, limit=PAGE))
        _reconcile_all(admissions, [document.id for document in page], reconciler, each)
        if len(page) == PAGE:
            reconciler.queue.put(Task(RECONCILE_ADMISSION, f"{OF_SESSION}{session_id}:{page[-1].id}"))
    elif key.startswith(DUE):
        number = int(key.removeprefix(DUE))
        is_due = (Condition("dueAt", Operator.AT_MOST, reconciler.clock()),)
        page = admissions.documents.select(Query(ADMISSIONS, is_due, order_by="dueAt", limit=PAGE))
        # After its reconciliation an admission is due later, or never. The same query then returns the next page.
        _reconcile_all(admissions, [document.id for document in page], reconciler, each)
        if len(page) == PAGE and number + 1 < DUE_PAGES_MAX:
            reconciler.queue.put(task_for_due(number + 1))
    else:
        reconciler.reconcile(admissions, key)


def _reconcile_all(admissions: Admissions, keys: Sequence[str], reconciler: Reconciler, each: Mapper) -> None:
    ends_at = reconciler.clock() + timedelta(seconds=BUDGET_S)

    def reconcile_one(key: str) -> None:
        if reconciler.clock() > ends_at:
            reconciler.queue.put(Task(RECONCILE_ADMISSION, key))
            return
        try:
            reconciler.reconcile(admissions, key)
        except (Transient, Conflict) as error:
            log.unavailable(RECONCILE_ADMISSION, None, error)
            reconciler.queue.put(Task(RECONCILE_ADMISSION, key))

    for _ in each(reconcile_one, keys):
        pass
