"""The table of steps for an erasure. Pure; called by the reconciler through the Controller of this folder.

| recorded  | found                                         | next                                                    |
|-----------|-----------------------------------------------|---------------------------------------------------------|
| nothing, done | anything                                  | done                                                    |
| marking, deleting | the last step was a moment ago        | requeue                                                 |
| marking   | a page with videos, and too many tasks        | requeue                                                 |
| marking   | a page of documents                           | MARK it: they are deleted, or marked, in the same write |
| marking   | a transfer of the person's that has not ended | requeue                                                 |
| marking   | an admission of the person's that is not ended | requeue                                                |
| marking   | nothing more                                  | TURN to what is still to be deleted                     |
| deleting  | for `LASTS_MAX_S`: documents that name the person | MARK them: the name is removed, whatever is left    |
| deleting  | for `LASTS_MAX_S`: nothing more               | FINISH, and record what is left                         |
| deleting  | videos, copies, events or deletions are left  | COUNT them, requeue                                     |
| deleting  | nothing left, but a worker may still write in the person's name | COUNT, requeue                        |
| deleting  | a user at the provider of live events         | FORGET them                                             |
| deleting  | nothing left                                  | FINISH: no document names the person any more           |
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from shared.core.identity import TOMBSTONE_S
from shared.erasure.model import Erasure, ErasureState, Left
from shared.ports import Task, Write
from shared.reconcile import LEASE_S, Decision, Done, Effect, RequeueAt, Snapshot, Step
from shared.reconcile.slots import next_multiple

MARK: Final = "mark"
TURN: Final = "turn"
COUNT: Final = "count"
FORGET: Final = "forget"
FINISH: Final = "finish"

PACE_S: Final = 60
"""Seconds between pages with videos. By then most tasks for the page before are counted, and that count sets the pace
of the next one."""

COUNT_PAUSE_S: Final = 30
WAIT_S: Final = 30
"""Seconds between two checks whether a transfer, or an admission, has ended."""

LASTS_MAX_S: Final = 9 * 24 * 3600
"""A deletion is tried for about a week. Two days after that, everything that is left has to be handled by the
operator."""


@dataclass(frozen=True, slots=True)
class Page:
    """
    The documents that one commit marks.

    Attributes:
        writes: The writes that mark it.
        tasks: Tasks for what follows from it, or for what is waited for.
        sessions: How many sessions it deletes.
        enrolments: How many enrolments it deletes.
        videos: How many videos these sessions have, or how many videos it marks itself.
        is_waiting: Whether a transfer or an admission has to end before everything can be marked.
    """

    writes: tuple[Write, ...] = ()
    tasks: tuple[Task, ...] = ()
    sessions: int = 0
    enrolments: int = 0
    videos: int = 0
    is_waiting: bool = False


@dataclass(frozen=True, slots=True)
class ErasureSpec:
    """
    The facts that are read besides the record.

    Attributes:
        page: The page that is marked next, empty if there is none.
        left: What is still there.
        waits_until: Until when bulk work waits, `None` if it may go on.
    """

    page: Page = field(default_factory=Page)
    left: Left = field(default_factory=Left)
    waits_until: datetime | None = None


def decide(snapshot: Snapshot[ErasureSpec, Erasure], now: datetime, late_commit_s: int) -> Decision[Erasure]:
    """
    Return the next step for one erasure.

    Args:
        snapshot: Spec and status as read.
        now: The present time.
        late_commit_s: Seconds for which a provider may still carry out calls made in the person's name.
    """
    record, spec = snapshot.record, snapshot.spec
    if record is None or record.state is ErasureState.DONE:
        return Done()
    if record.next_at is not None and now < record.next_at:
        return RequeueAt(record.next_at)
    if spec.page.videos and spec.waits_until is not None:
        return RequeueAt(spec.waits_until)
    if spec.page.writes:
        return _write(MARK, marked(record, spec.page, now))
    if record.state is ErasureState.MARKING:
        return RequeueAt(next_multiple(now, WAIT_S)) if spec.page.is_waiting else _write(TURN, turned(record, now))
    if is_overdue(record, now):
        return _write(FINISH, finished(record, now))
    if spec.left.is_open:
        return _write(COUNT, counted(record, spec.left, now))
    settles_at = (record.marked_at or now) + timedelta(seconds=LEASE_S + late_commit_s)
    if now < settles_at:
        return _write(COUNT, replace(counted(record, spec.left, now), next_at=settles_at))
    if not record.is_forgotten:
        return Step(FORGET, Effect.CHANGE, record, record, retry_permanent=True)
    return _write(FINISH, finished(counted(record, spec.left, now), now))


def is_overdue(record: Erasure, now: datetime) -> bool:
    """
    Tell whether an erasure ends now although something may be left at a provider. The rest must have been counted
    before. Pure.
    """
    return record.left != Left() and now >= record.asked_at + timedelta(seconds=LASTS_MAX_S)


def marked(record: Erasure, page: Page, now: datetime) -> Erasure:
    """
    Return the record after a page was marked. Pure.
    """
    return replace(
        record,
        pages=record.pages + 1,
        sessions=record.sessions + page.sessions,
        enrolments=record.enrolments + page.enrolments,
        videos=record.videos + page.videos,
        next_at=now + timedelta(seconds=PACE_S) if page.videos else now,
    )


def turned(record: Erasure, now: datetime) -> Erasure:
    """
    Return the record once nothing is left to mark. Pure.
    """
    return replace(record, state=ErasureState.DELETING, marked_at=now, next_at=now)


def counted(record: Erasure, left: Left, now: datetime) -> Erasure:
    """
    Return the record after what is left was counted. Pure.
    """
    is_empty = left.videos == 0 and left.copies == 0
    emptied_at = now if record.emptied_at is None and is_empty else record.emptied_at
    return replace(record, emptied_at=emptied_at, left=left, next_at=now + timedelta(seconds=COUNT_PAUSE_S))


def forgotten(record: Erasure, *, is_all: bool) -> Erasure:
    """
    Return the record after the provider was asked to delete our user for the person, or some of all users. Pure.
    """
    return replace(record, is_forgotten=is_all)


def finished(record: Erasure, now: datetime) -> Erasure:
    """
    Return the record of an erasure that is done. It names no person, and expires. Pure.
    """
    expires_at = now + timedelta(seconds=TOMBSTONE_S)
    return replace(record, state=ErasureState.DONE, uid=None, done_at=now, next_at=None, expires_at=expires_at)


def _write(name: str, record: Erasure) -> Step[Erasure]:
    return Step(name, Effect.WRITE, record, record)
