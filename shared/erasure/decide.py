"""What an erasure needs next. Pure; called by the reconciler through the Controller of this folder.

| recorded  | there is                                      | next                                                    |
|-----------|-----------------------------------------------|---------------------------------------------------------|
| nothing, done | anything                                  | done                                                    |
| marking, deleting | something was done a moment ago       | later                                                   |
| marking   | a page with videos, and too many tasks        | later                                                   |
| marking   | a page of documents                           | MARK it: they are deleted, or marked, in the same write |
| marking   | a transfer of theirs that has not ended       | later                                                   |
| marking   | something that they still hold at a provider  | later                                                   |
| marking   | nothing more                                  | TURN to what is still to be deleted                     |
| deleting  | for `LASTS_MAX_S`: documents that name them   | MARK them: they are scrubbed, whatever is left          |
| deleting  | for `LASTS_MAX_S`: nothing more               | FINISH, and say what is left                            |
| deleting  | videos, copies, events, deletions that are left | COUNT them, later again                               |
| deleting  | nothing left, but somebody may still write in their name | COUNT, later again                           |
| deleting  | a user at the provider of live events         | FORGET them                                             |
| deleting  | nothing left                                  | FINISH: nothing names them any more                     |
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
"""Between pages with videos: by then most tasks for what one has marked are counted, by which the next one is paced."""

COUNT_PAUSE_S: Final = 30
WAIT_S: Final = 30
"""Between looks whether a transfer, or what they hold, has ended."""

LASTS_MAX_S: Final = 9 * 24 * 3600
"""A deletion is tried for about a week; what is left two days after that, a person has to see to."""


@dataclass(frozen=True, slots=True)
class Page:
    """
    What is marked in one write.

    Attributes:
        writes: By which it is.
        tasks: Tasks for what follows from it, or is waited for.
        sessions: How many sessions are deleted.
        enrolments: How many enrolments are.
        videos: How many videos the sessions had, or are marked by themselves.
        is_waiting: Whether a transfer, or what they hold, has to end before everything can be marked.
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
    What is read beside what is recorded.

    Attributes:
        page: What is to be marked next, empty where nothing is.
        left: What is still there.
        waits_until: Until when bulk work waits, `None` where it may go on.
    """

    page: Page = field(default_factory=Page)
    left: Left = field(default_factory=Left)
    waits_until: datetime | None = None


def decide(snapshot: Snapshot[ErasureSpec, Erasure], now: datetime, late_commit_s: int) -> Decision[Erasure]:
    """
    Return the next step for one erasure.

    Args:
        look: Spec and status as read.
        now: This instant.
        late_commit_s: Seconds for which a provider may still do what it was asked in the person's name.
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
    Tell whether an erasure ends now, whatever is left at a provider: that was counted before. Pure.
    """
    return record.left != Left() and now >= record.asked_at + timedelta(seconds=LASTS_MAX_S)


def marked(record: Erasure, page: Page, now: datetime) -> Erasure:
    """
    Return the record once a page is marked. Pure.
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
    Return the record once nothing is left to be marked. Pure.
    """
    return replace(record, state=ErasureState.DELETING, marked_at=now, next_at=now)


def counted(record: Erasure, left: Left, now: datetime) -> Erasure:
    """
    Return the record once it was counted what is left. Pure.
    """
    is_empty = left.videos == 0 and left.copies == 0
    emptied_at = now if record.emptied_at is None and is_empty else record.emptied_at
    return replace(record, emptied_at=emptied_at, left=left, next_at=now + timedelta(seconds=COUNT_PAUSE_S))


def forgotten(record: Erasure, *, is_all: bool) -> Erasure:
    """
    Return the record once the provider was asked to forget the person, or some of everybody. Pure.
    """
    return replace(record, is_forgotten=is_all)


def finished(record: Erasure, now: datetime) -> Erasure:
    """
    Return the record of an erasure that is done: it names nobody, and goes in its time. Pure.
    """
    expires_at = now + timedelta(seconds=TOMBSTONE_S)
    return replace(record, state=ErasureState.DONE, uid=None, done_at=now, next_at=None, expires_at=expires_at)


def _write(name: str, record: Erasure) -> Step[Erasure]:
    return Step(name, Effect.WRITE, record, record)
