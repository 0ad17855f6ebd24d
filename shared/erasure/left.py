"""Counts what is left of an erasure's content, and removes names from documents that are not deleted in time.

Called by the Controller of this folder. Leaves to `decide` how long the erasure waits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from shared.core.paths import (
    ARCHIVE,
    COPIES,
    DELETIONS,
    PAIRINGS,
    RECONCILE_ARCHIVE,
    RECONCILE_COPY,
    RECONCILE_SESSION,
    VIDEOS,
)
from shared.erasure.decide import Page
from shared.erasure.model import Erasure, Left
from shared.erasure.reading import ALIVE, MARKED, Reading
from shared.ports import Condition, Document, Operator, Query, Task, Update
from shared.reconcile.traces import Fate, Naming, Trace

HURRIED: Final = 20
"""Things that are still there and whose reconciliation is brought forward with each count."""

_DEAD: Final = Condition("state", Operator.EQUAL, "dead")


def count_left(reading: Reading, record: Erasure) -> tuple[Left, tuple[Task, ...]]:
    """
    Count what is still there of the marked content.

    Returns:
        The numbers, with tasks for some of the things that should be gone with the videos. Their own tasks may have
        been lost.
    """
    of_them = () if record.uid is None else (Condition("ownerUid", Operator.EQUAL, record.uid),)
    videos = reading.documents.total(Query(VIDEOS, (*of_them, ALIVE, MARKED)), "bytes").count
    until = Condition("begunAt", Operator.AT_MOST, record.marked_at)
    of_videos = Query(COPIES, (*of_them, until), order_by="begunAt", limit=HURRIED)
    copies = reading.documents.total(of_videos, "begunAt").count
    originals = _originals_left(reading, record)
    copies_left = copies + len(originals)
    deletions, dead = _deletions_left(reading, record)
    if videos:
        # To count the events, documents have to be read. That is done once the videos are gone.
        return Left(videos, copies_left, None, deletions, dead), ()
    events = sorted(_events_left(reading, record))
    late = reading.documents.select(of_videos) if copies else ()
    tasks = [Task(RECONCILE_COPY, one.id) for one in late] + [Task(RECONCILE_SESSION, one) for one in events[:HURRIED]]
    tasks += [Task(RECONCILE_ARCHIVE, one.id) for one in originals]
    return Left(videos, copies_left, len(events), deletions, dead), tuple(tasks)


def page_to_scrub(reading: Reading, record: Erasure) -> Page:
    """
    Return the next page of documents that still name the person although they should be gone, for example because a
    provider does not answer.
    """
    if record.uid is None:
        return Page()
    for trace in reading.traces:
        if trace.fate in (Fate.VIDEO, Fate.EVENT, Fate.FOLLOW):
            left = reading.still_named(trace, record.uid, record.marked_at)
            if left:
                return Page(tuple(Update(one.path, _scrubbed(trace, one)) for one in left))
    return Page()


def _originals_left(reading: Reading, record: Erasure) -> Sequence[Document]:
    """
    Return some of the records of the archive that still name the person: their originals are in the cold store. A
    deletion there can be refused, by a lock.
    """
    if record.uid is None:
        anybody = Condition("ownerUid", Operator.GREATER, "")
        return reading.documents.select(Query(ARCHIVE, (anybody,), order_by="ownerUid", limit=HURRIED))
    return reading.documents.select(Query(ARCHIVE, (Condition("ownerUid", Operator.EQUAL, record.uid),), limit=HURRIED))


def _events_left(reading: Reading, record: Erasure) -> set[str]:
    """
    Return the ids of sessions whose event is still to be deleted, or still names the person. There may be more.
    """
    of_events = (trace for trace in reading.traces if trace.collection == PAIRINGS)
    left = (reading.still_named(trace, record.uid, record.marked_at) for trace in of_events)
    return {one.id for page in left for one in page}


def _deletions_left(reading: Reading, record: Erasure) -> tuple[int, int]:
    """
    Count what was released since the erasure was asked for, until its last video and copy were gone.
    """
    if not record.sessions and not record.videos:
        return 0, 0
    since = Condition("createdAt", Operator.GREATER, record.asked_at - timedelta(microseconds=1))
    until = Condition("createdAt", Operator.AT_MOST, record.emptied_at)
    span = (since,) if record.emptied_at is None else (since, until)

    def counted(*more: Condition) -> int:
        return reading.documents.total(Query(DELETIONS, (*more, *span), order_by="createdAt"), "createdAt").count

    return counted(), counted(_DEAD)


def _scrubbed(trace: Trace, document: Document) -> Mapping[tuple[str, ...], Any]:
    """
    Return the changes after which a document names no person. The record itself stays, and its reconciliation goes on.
    Pure.
    """
    if trace.naming is Naming.MEMBER:
        return {trace.field: []}
    changes: dict[tuple[str, ...], Any] = {trace.field: ""}
    if trace.fate is Fate.VIDEO:
        changes |= dict.fromkeys((("title",), ("fileName",), ("wish", "title"), ("wish", "fileName")), "")
        changes[("wish", "newTitle")] = None
        changes |= {} if document.fields["playable"] is None else {("playable", "title"): ""}
    return changes
