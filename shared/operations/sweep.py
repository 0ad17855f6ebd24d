"""The sweep: finds lost events, lost tasks, dead chains, and orphans.

Called by the schedule, every five minutes. It only enqueues tasks; `shared/operations/orphans/` handles things at a
provider that no document names. A run reads what is due and what changed since the last run, so that an idle run costs
the same however much there is:

| lost                                    | found by                                                       |
|-----------------------------------------|----------------------------------------------------------------|
| a task, a worker, a call                | `dueAt` of the record: the next run                            |
| the trigger of a created or changed session | `updatedAt` of the session: the next run                   |
| the trigger of a deleted session        | two counts that differ (`COUNT_EVERY_S`), then `full_check.py` |
| a trigger that ends an admission        | `dueAt` of the admission: within the hour                      |
| a poll of the readiness poller          | `dueAt` of its chain: the next run                             |
| everything else                         | `shared/operations/full_check.py`, once a day, in slices       |
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final, Self

from shared.core import log
from shared.core.errors import Conflict
from shared.core.paths import EPOCH, OPERATIONS
from shared.operations.full_check import EVERY_S, FullCheck, mark_from_fields, mark_to_fields
from shared.operations.health import STATES_EVERY_S, Counts, Health, OldestDue, count_states, oldest_of
from shared.operations.orphans import Orphans
from shared.operations.orphans.scan import BEGINNING
from shared.ports import Condition, Create, Document, Fields, Operator, Query, Task, Update
from shared.reconcile import AT_ONCE
from shared.reconcile.deployment import Deployment
from shared.reconcile.edited import EditedFields, past, pasts, texts
from shared.reconcile.resource import Mark, Resource, WrittenByClients, due

PAGE: Final = 500

CHANGED_FOR: Final = timedelta(seconds=25)
"""The time for which one run reads changed sessions; the next run continues where it stopped. Very many can be read in
that time, so that a flood of changes by one owner does not hide the lost trigger of another."""

OVERLAP: Final = timedelta(seconds=60)
"""The period that the next run reads again, because clocks differ a little, and a write becomes visible a little after
the time that it carries."""

UNSETTLED_FOR: Final = timedelta(hours=3)
"""The time for which every run enqueues a changed session that is not settled yet, because that task may have been lost
too."""

INSTANT: Final = timedelta(microseconds=1)

COUNT_EVERY_S: Final = 1500
"""Seconds between two counts of sessions and records. With five minutes between runs, a lost deletion is noticed within
half an hour. A count costs one read for each 1,000 that it counts."""


@dataclass(frozen=True, slots=True)
class Marks:
    """
    The progress of the sweep: part of the document `operations/epoch`.

    Attributes:
        changed_until: Sessions that changed before it were checked, and are settled or have stayed unsettled for too
            long; `None` before the first run, which checks all.
        counted_at: When sessions and records were last counted.
        states_counted_at: When records were last counted by state.
        oldest_due: What was due for longest.
        looked_at: When the last full check was begun.
        snapshot: Where the present full check continues; `None` if there is none.
        hosts: The hosts that ready videos were copied to; a new one needs a full check.
        strays_since: For each provider, the instant before which everything created there is recorded or released.
        unreadable: The names of the fields that cannot be read: for these the sweep starts anew.
    """

    changed_until: datetime | None = None
    counted_at: datetime = BEGINNING
    states_counted_at: datetime = BEGINNING
    oldest_due: OldestDue | None = None
    looked_at: datetime = BEGINNING
    snapshot: Mark | None = None
    hosts: tuple[str, ...] = ()
    strays_since: Mapping[str, datetime] = field(default_factory=dict)
    unreadable: tuple[str, ...] = ()

    def to_fields(self) -> dict[str, Any]:
        """
        Return the document form. It is always due, so that the one query that finds dead pollers reads it too. Pure.
        """
        return {
            "changedUntil": self.changed_until,
            "countedAt": self.counted_at,
            "statesCountedAt": self.states_counted_at,
            "oldestDue": None if self.oldest_due is None else self.oldest_due.to_fields(),
            "lookedAt": self.looked_at,
            "look": None if self.snapshot is None else mark_to_fields(self.snapshot),
            "hosts": list(self.hosts),
            "straysSince": dict(self.strays_since),
            "dueAt": AT_ONCE,
        }

    @classmethod
    def from_document(cls, document: Document | None, now: datetime) -> Self:
        """
        Parse the document form that `to_fields` wrote; a deployment that was never swept has no marks. Pure.
        """
        edited = EditedFields({} if document is None else document.fields)
        return cls(
            changed_until=edited.read("changedUntil", lambda value: past(value, now), None),
            counted_at=edited.read("countedAt", lambda value: past(value, now), BEGINNING),
            states_counted_at=edited.read("statesCountedAt", lambda value: past(value, now), BEGINNING),
            oldest_due=edited.read("oldestDue", lambda value: OldestDue.from_fields(value, now), None),
            looked_at=edited.read("lookedAt", lambda value: past(value, now), BEGINNING),
            snapshot=edited.read("look", mark_from_fields, None),
            hosts=edited.read("hosts", texts, ()),
            strays_since=edited.read("straysSince", lambda value: pasts(value, now), {}),
            unreadable=tuple(edited.unreadable),
        )


def _after(page: Sequence[Document]) -> datetime:
    """
    Return the instant after which the next page of changed sessions begins. The page starts with the last session's own
    time again, because others may have changed at that same instant, as in one commit. Pure.
    """
    first: datetime = page[0].fields["updatedAt"]
    last: datetime = page[-1].fields["updatedAt"]
    return last if first == last else last - INSTANT


@dataclass(frozen=True, slots=True)
class Sweep:
    """
    One run of the sweep, and what it needs.

    Attributes:
        deployment: The deployment.
        resources: All resources.
        orphans: Finds and releases orphans.
    """

    deployment: Deployment
    resources: Sequence[Resource]
    orphans: Orphans

    def run(self, revision: str = "") -> None:
        """
        Run once. Repeatable, and harmless if another run is under way.

        Args:
            revision: The revision of the deployed function that runs it, if it is known.

        Raises:
            Transient: Documents or queue could not be reached (again, at the next run).
        """
        now = self.deployment.clock()
        operations = due(self.deployment.documents, OPERATIONS, now)
        kept = next((one for one in operations if one.path == EPOCH), None)
        kept = kept or self.deployment.documents.read(EPOCH)[0]
        marks = Marks.from_document(kept, now)
        found = {resource.collection: self._enqueue_due(resource, now) for resource in self.resources}
        enqueued = sum(map(len, found.values()))
        marks = replace(marks, oldest_due=oldest_of(list(found.values()), marks.oldest_due, now))
        for resource in self.resources:
            if resource.at_sweep is not None:
                resource.at_sweep(self.deployment, operations)
        changed_until, looked, left = self._enqueue_changed(marks.changed_until or now - UNSETTLED_FOR, now)
        marks = replace(marks, changed_until=changed_until)
        marks, missed = self._count(marks, now)
        marks, seen, lost = self._look(marks, now, at_once=missed)
        marks, counts = self._count_states(marks, now)
        released = self.orphans.release_new(marks.strays_since, kept, marks.unreadable)
        self._keep(kept, {**replace(marks, strays_since=released.since).to_fields(), **released.epoch})
        due_of_each = {collection: len(of_it) for collection, of_it in found.items() if of_it}
        health = Health(now, revision, due_of_each, marks.oldest_due, counts, None if counts is None else now)
        health.record(self.deployment.documents)
        log.swept(enqueued + left + lost, looked + seen, released.count)

    def _enqueue_due(self, resource: Resource, now: datetime) -> Sequence[Document]:
        if resource.enqueue_due is not None:
            return resource.enqueue_due(self.deployment, now)
        found = due(self.deployment.documents, resource.collection, now)
        for document in found:
            self.deployment.queue.put(Task(resource.worker.queue, document.id))
        return found

    # --- what changed ---------------------------------------------------------------------------------------------

    def _enqueue_changed(self, since: datetime, now: datetime) -> tuple[datetime, int, int]:
        """
        Enqueue what clients changed since the last run and what is not settled.

        Returns:
            From when the next run continues, the number of documents checked, the number enqueued.
        """
        found = [self._enqueue_changed_of(written, since, now) for written in self._written]
        return (
            min((until for until, _, _ in found), default=now - OVERLAP),
            sum(looked for _, looked, _ in found),
            sum(enqueued for _, _, enqueued in found),
        )

    def _enqueue_changed_of(
        self, written: WrittenByClients, since: datetime, now: datetime
    ) -> tuple[datetime, int, int]:
        looked = enqueued = 0
        until = now - OVERLAP
        while self.deployment.clock() - now < CHANGED_FOR:
            changed = Query(
                written.collection,
                (Condition("updatedAt", Operator.GREATER, since),),
                order_by="updatedAt",
                limit=PAGE,
            )
            page = self.deployment.documents.select(changed)
            paths = [f"{written.records}/{one.id}" for one in page]
            records = self.deployment.documents.read(*paths) if page else ()
            for spec, record in zip(page, records, strict=True):
                if written.enqueue_unsettled(self.deployment, spec.id, spec, record, now):
                    enqueued += 1
                    until = min(until, spec.fields["updatedAt"] - INSTANT)
            looked += len(page)
            if len(page) < PAGE:
                return max(until, now - UNSETTLED_FOR), looked, enqueued
            since = _after(page)
        # A back end may have written future times.
        return min(since, now - OVERLAP), looked, enqueued

    @property
    def _written(self) -> list[WrittenByClients]:
        return [one.written for one in self.resources if one.written is not None]

    def _count(self, marks: Marks, now: datetime) -> tuple[Marks, bool]:
        """
        Compare the number of specs that say they have a record with the number of records that have a spec. They differ
        if the trigger of a deleted spec was lost.

        Returns:
            The marks, and whether the numbers differ.
        """
        if now - marks.counted_at < timedelta(seconds=COUNT_EVERY_S):
            return marks, False
        differs = [
            self._count_of(written.records, written.has_spec) != self._count_of(written.collection, written.recorded)
            for written in self._written
        ]
        return replace(marks, counted_at=now), any(differs)

    def _count_of(self, collection: str, field_name: str) -> int:
        return self.deployment.documents.count(Query(collection, (Condition(field_name, Operator.EQUAL, True),)))

    def _count_states(self, marks: Marks, now: datetime) -> tuple[Marks, Counts | None]:
        """
        Count records by state, from time to time.

        Returns:
            The marks, and the counts; `None` if it is not time yet.
        """
        if now - marks.states_counted_at < timedelta(seconds=STATES_EVERY_S):
            return marks, None
        return replace(marks, states_counted_at=now), count_states(self.deployment.documents, self.resources)

    # --- everything -----------------------------------------------------------------------------------------------

    def _look(self, marks: Marks, now: datetime, *, at_once: bool) -> tuple[Marks, int, int]:
        """
        Continue the full check, or begin one if it is due.

        Returns:
            The marks, the number of documents checked, the number of tasks enqueued.
        """
        full_check = FullCheck(self.deployment, self.resources)
        hosts = full_check.hosts
        is_due = now - marks.looked_at >= timedelta(seconds=EVERY_S) or hosts != marks.hosts
        if marks.snapshot is None and not at_once and not is_due:
            return marks, 0, 0
        if marks.snapshot is None:
            marks = replace(marks, looked_at=now, snapshot=Mark(), hosts=hosts)
        snapshot, looked, enqueued = full_check.go_on(marks.snapshot or Mark())
        return replace(marks, snapshot=snapshot), looked, enqueued

    def _keep(self, kept: Document | None, fields: Fields) -> None:
        with suppress(Conflict):
            # Another run has written its own marks, which are equally good.
            self.deployment.documents.commit(Create(EPOCH, fields) if kept is None else Update(EPOCH, fields))
