"""What a removal needs next. Pure; called by the visit through the Controller of this folder.

| recorded  | there is                                | next                                                       |
|-----------|-----------------------------------------|------------------------------------------------------------|
| nothing, done | anything                            | done                                                       |
| marking   | the last page was a moment ago          | later: what it marked is being deleted                     |
| marking   | a page of sessions, or of enrolments    | MARK it: they are deleted in the same write                |
| marking   | nothing more                            | TURN to watching what is still to be deleted               |
| deleting  | it was counted a moment ago             | later                                                      |
| deleting  | videos, copies, deletions that are left | COUNT them, later again                                    |
| deleting  | nothing left                            | FINISH                                                     |
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from shared.reconcile import Decision, Done, Effect, Later, Look, Step
from shared.removals.model import Removal, RemovalState

MARK: Final = "mark"
TURN: Final = "turn"
COUNT: Final = "count"
FINISH: Final = "finish"

PACE_S: Final = 60
"""Between pages of sessions: what one marks takes two tasks for each video, and an hour has `TASKS_PER_HOUR_MAX`."""

COUNT_PAUSE_S: Final = 30


@dataclass(frozen=True, slots=True)
class Page:
    """
    What is deleted in one write.

    Attributes:
        paths: Of the documents.
        session_ids: Of the sessions among them.
        videos: How many videos these had.
    """

    paths: tuple[str, ...] = ()
    session_ids: tuple[str, ...] = ()
    videos: int = 0


@dataclass(frozen=True, slots=True)
class RemovalWish:
    """
    What a visit reads beside what is recorded.

    Attributes:
        page: What is to be deleted next, empty where nothing is.
        videos_left: How many videos of the scope are there; `None` where that was not counted.
        copies_left: How many copies of them, likewise.
        deletions_left: How much is still to be deleted at a provider, likewise.
    """

    page: Page = Page()
    videos_left: int | None = None
    copies_left: int | None = None
    deletions_left: int | None = None


def decide(look: Look[RemovalWish, Removal], now: datetime) -> Decision[Removal]:
    """
    The next step for one removal.
    """
    record, wish = look.record, look.wish
    if record is None or record.state is RemovalState.DONE:
        return Done()
    if record.next_at is not None and now < record.next_at:
        return Later(record.next_at)
    if record.state is RemovalState.MARKING:
        return _write(MARK, marked(record, wish.page, now)) if wish.page.paths else _write(TURN, turned(record, now))
    if wish.videos_left or wish.copies_left or wish.deletions_left:
        return _write(COUNT, counted(record, wish, now))
    return _write(FINISH, replace(counted(record, wish, now), state=RemovalState.DONE, done_at=now, next_at=None))


def marked(record: Removal, page: Page, now: datetime) -> Removal:
    """
    The record once a page is deleted. Pure.
    """
    sessions = len(page.session_ids)
    return replace(
        record,
        sessions=record.sessions + sessions,
        enrolments=record.enrolments + len(page.paths) - sessions,
        videos=record.videos + page.videos,
        next_at=now + timedelta(seconds=PACE_S) if page.videos else now,
    )


def turned(record: Removal, now: datetime) -> Removal:
    """
    The record once nothing is left to be marked. Pure.
    """
    return replace(record, state=RemovalState.DELETING, next_at=now)


def counted(record: Removal, wish: RemovalWish, now: datetime) -> Removal:
    """
    The record once it was counted what is left. Pure.
    """
    is_empty = wish.videos_left == 0 and wish.copies_left == 0
    emptied_at = now if record.emptied_at is None and is_empty else record.emptied_at
    return replace(
        record,
        emptied_at=emptied_at,
        videos_left=wish.videos_left,
        copies_left=wish.copies_left,
        deletions_left=wish.deletions_left,
        next_at=now + timedelta(seconds=COUNT_PAUSE_S),
    )


def _write(name: str, record: Removal) -> Step[Removal]:
    return Step(name, Effect.WRITE, record, record)
