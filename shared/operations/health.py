"""The health of a deployment, as the last sweep saw it: the document `operations/health`.

Written by the sweep, from what it reads anyway and from a few counts. Read by `greenroom status`, and by nobody through
the rules. An operator may have edited it: what cannot be read counts as unknown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Self

from shared.core.errors import Conflict
from shared.core.paths import HEALTH
from shared.ports import Condition, Create, Document, Documents, Operator, Query, Update
from shared.reconcile.edited import EditedFields, instant, mapping, past, text
from shared.reconcile.resource import Resource

STATES_EVERY_S: Final = 3 * 3600
"""Seconds between two counts by state. Each state costs one read, and one more for each 1,000 that it counts."""

Counts = Mapping[str, Mapping[str, int]]
"""The number of records in each state, by their collection."""


@dataclass(frozen=True, slots=True)
class OldestDue:
    """
    The record that is due for longest.

    Attributes:
        path: Its path.
        due_at: Its `dueAt`.
        since: The first sweep that found it due at this time. Each sweep enqueues it, so somebody should have worked on
            it since.
    """

    path: str
    due_at: datetime
    since: datetime

    def to_fields(self) -> dict[str, Any]:
        """
        Return the document form. Pure.
        """
        return {"path": self.path, "dueAt": self.due_at, "since": self.since}

    @classmethod
    def from_fields(cls, value: object, now: datetime) -> Self:
        """
        Parse the document form that `to_fields` wrote. Pure.

        Raises:
            KeyError, TypeError: It has another form (never).
        """
        fields = mapping(value)
        return cls(text(fields["path"]), instant(fields["dueAt"]), past(fields["since"], now))


def oldest_of(found: Sequence[Sequence[Document]], before: OldestDue | None, now: datetime) -> OldestDue | None:
    """
    Return what is due for longest. Pure.

    Args:
        found: What is due of each collection, the longest due first.
        before: What the last sweep found.
        now: Now, in UTC.
    """
    oldest = min((of_it[0] for of_it in found if of_it), key=lambda one: one.fields["dueAt"], default=None)
    if oldest is None:
        return None
    due_at = oldest.fields["dueAt"]
    is_same = before is not None and (before.path, before.due_at) == (oldest.path, due_at)
    return OldestDue(oldest.path, due_at, before.since if before is not None and is_same else now)


def count_states(documents: Documents, resources: Sequence[Resource]) -> Counts:
    """
    Count the records of each resource by the states that it names.

    Raises:
        Transient: The documents could not be reached (again).
    """
    return {
        one.collection: {
            state: documents.count(Query(one.collection, (Condition("state", Operator.EQUAL, state),)))
            for state in one.counted
        }
        for one in resources
        if one.counted
    }


@dataclass(frozen=True, slots=True)
class Health:
    """
    The health, as it is recorded.

    Attributes:
        swept_at: When the last sweep ended; `None` if there was none.
        revision: The revision of the sweep's function in Cloud Run; empty if it is not known.
        due: The number of records of each collection that were due. A sweep enqueues at most 500 of each, and counts no
            further.
        oldest_due: What was due for longest; `None` if nothing was.
        counts: The counts by state; `None` leaves those that are recorded.
        counted_at: When they were counted.
        unreadable: The names of the fields that could not be read.
    """

    swept_at: datetime | None = None
    revision: str = ""
    due: Mapping[str, int] = field(default_factory=dict)
    oldest_due: OldestDue | None = None
    counts: Counts | None = None
    counted_at: datetime | None = None
    unreadable: tuple[str, ...] = ()

    def record(self, documents: Documents) -> None:
        """
        Write the document, without reading it.

        Raises:
            Transient: The documents could not be reached (again).
        """
        fields = {
            "sweptAt": self.swept_at,
            "revision": self.revision,
            "due": dict(self.due),
            "oldestDue": None if self.oldest_due is None else self.oldest_due.to_fields(),
        }
        if self.counts is not None:
            fields |= {
                "counts": {name: dict(states) for name, states in self.counts.items()},
                "countedAt": self.counted_at,
            }
        try:
            documents.commit(Update(HEALTH, fields))
        except Conflict:
            # There is none yet. If another run is faster, its document is as good.
            with suppress(Conflict):
                documents.commit(Create(HEALTH, fields))

    @classmethod
    def from_document(cls, document: Document | None, now: datetime) -> Self:
        """
        Parse the document; a deployment that was never swept has none. Pure.
        """
        edited = EditedFields({} if document is None else document.fields)
        return cls(
            edited.read("sweptAt", lambda value: past(value, now), None),
            edited.read("revision", text, ""),
            edited.read("due", _numbers, {}),
            edited.read("oldestDue", lambda value: OldestDue.from_fields(value, now), None),
            edited.read("counts", _counts, None),
            edited.read("countedAt", lambda value: past(value, now), None),
            tuple(edited.unreadable),
        )


def _numbers(value: object) -> Mapping[str, int]:
    fields = mapping(value)
    if any(type(one) is not int for one in fields.values()):
        raise TypeError("This is not a map of whole numbers.")
    return fields


def _counts(value: object) -> Counts:
    return {name: _numbers(states) for name, states in mapping(value).items()}
