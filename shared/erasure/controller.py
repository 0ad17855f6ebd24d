"""The Controller of erasures: the documents that an erasure reads and writes, and the tasks that it enqueues.

Called by the reconciler. Leaves the choice of the next step to `decide`, and to `pages` what a page has.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from shared.core.errors import Conflict
from shared.core.paths import RECONCILE_ERASURE, erasure_path
from shared.erasure import decide as decisions
from shared.erasure.decide import ErasureSpec, Page
from shared.erasure.left import count_left, page_to_scrub
from shared.erasure.model import Erasure, ErasureState, Left
from shared.erasure.pages import Pages
from shared.erasure.reading import Reading
from shared.ports import Audience, Clock, Documents, Task, Update, Version, Write
from shared.reconcile import Controller, Decision, Snapshot, Step
from shared.reconcile.bulk import Pace, at_any_pace
from shared.reconcile.traces import Trace


@dataclass(frozen=True, slots=True)
class Erasures(Controller[ErasureSpec, Erasure, bool]):
    """
    The Controller of erasures.

    Attributes:
        documents: Where the documents are stored.
        audience: The provider at which the person may have a user; `None` if there are no live events.
        clock: Returns the present time, in UTC.
        late_commit_s: Seconds for which a provider may still carry out earlier calls.
        traces: The fields and ids that may name a person, in the order in which they are marked.
        pace: Tells until when bulk work waits.
    """

    queue: ClassVar[str] = RECONCILE_ERASURE

    documents: Documents
    audience: Audience | None
    clock: Clock
    late_commit_s: int
    traces: tuple[Trace, ...]
    pace: Pace = at_any_pace

    @property
    def pages(self) -> Pages:
        """
        The pages that are marked.
        """
        return Pages(Reading(self.documents, self.traces), self.clock)

    def read(self, key: str) -> Snapshot[ErasureSpec, Erasure]:
        """
        Read the erasure, and either its next page or what is left.
        """
        (document,) = self.documents.read(erasure_path(key))
        if document is None:
            return Snapshot(key, ErasureSpec(), None, None)
        record = Erasure.from_document(document)
        return Snapshot(key, self._wish(record), record, document.version)

    def decide(self, snapshot: Snapshot[ErasureSpec, Erasure], now: datetime, *, observed: bool) -> Decision[Erasure]:
        """
        Return the next step. Pure.
        """
        return decisions.decide(snapshot, now, self.late_commit_s)

    def act(self, snapshot: Snapshot[ErasureSpec, Erasure], step: Step[Erasure], now: datetime) -> bool:
        """
        Delete our user for the person at the provider of live events, or some of our users if everybody's content is
        erased.
        """
        return self.audience is None or self.audience.forget(step.record.uid)

    def settle(
        self, snapshot: Snapshot[ErasureSpec, Erasure], step: Step[Erasure], outcome: bool, now: datetime
    ) -> Erasure:
        """
        Return the record after users were deleted there. Pure.
        """
        return decisions.forgotten(step.record, is_all=outcome)

    def record_writes(
        self, snapshot: Snapshot[ErasureSpec, Erasure], record: Erasure, version: Version | None, now: datetime
    ) -> tuple[Write, ...]:
        """
        Return the write of the erasure's document, and of the page that is marked with it.
        """
        path = erasure_path(snapshot.key)
        if version is None:
            raise Conflict(f"There is no {path}.")
        recorded = Update(path, record.to_fields(), if_version=version)
        before = snapshot.record
        if before is not None and record.state is ErasureState.DONE is not before.state:
            return (recorded, *self.pages.of_themselves(before.uid))
        return (recorded, *(snapshot.spec.page.writes if _marks(snapshot, record) else ()))

    def follow_ups(self, snapshot: Snapshot[ErasureSpec, Erasure], record: Erasure) -> tuple[Task, ...]:
        """
        Return tasks for what a page has marked, or for things that are still there although they were counted before.
        Pure.
        """
        is_counted = (
            record.state is ErasureState.DELETING and snapshot.record is not None and snapshot.record.left != Left()
        )
        return snapshot.spec.page.tasks if is_counted or _marks(snapshot, record) else ()

    def dependants(self, snapshot: Snapshot[ErasureSpec, Erasure]) -> tuple[Task, ...]:
        """
        Return tasks for the things that the erasure waits for. Pure.
        """
        return () if snapshot.spec.page.writes else snapshot.spec.page.tasks

    def _wish(self, record: Erasure) -> ErasureSpec:
        now = self.clock()
        if record.state is ErasureState.DONE or (record.next_at is not None and now < record.next_at):
            return ErasureSpec()
        if record.state is ErasureState.MARKING:
            page = self.pages.to_mark(record)
            return ErasureSpec(page, waits_until=self.pace() if page.videos else None)
        reading = Reading(self.documents, self.traces)
        left, tasks = count_left(reading, record)
        page = page_to_scrub(reading, record) if decisions.is_overdue(record, now) else Page(tasks=tasks)
        return ErasureSpec(page, left)


def _marks(snapshot: Snapshot[ErasureSpec, Erasure], record: Erasure) -> bool:
    """
    Tell whether writing a record marks a page.
    """
    return snapshot.record is not None and snapshot.record.pages != record.pages
