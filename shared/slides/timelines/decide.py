"""The table of steps for a timeline. Pure; called by the reconciler through the Controller of this folder.

The first row that fits counts.

| recorded          | spec                                | next                                       |
|-------------------|-------------------------------------|--------------------------------------------|
| nothing, or gone  | anything                            | done                                       |
| anything          | no session while deletions are held | requeue                                    |
| anything          | another owner, without a transfer   | done: it waits until there is one          |
| anything          | deleted, or its session is          | REMOVE it with its chunks                  |
| of a former owner | its session exists                  | IDENTIFY it: take the session's owner      |
| anything          | anything                            | done                                       |
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from shared.core.identity import SessionIdentity
from shared.reconcile import Decision, Done, Effect, RequeueAt, Snapshot, Step
from shared.reconcile.epoch import held_until
from shared.slides.timelines.model import Timeline

REMOVE: Final = "remove"
IDENTIFY: Final = "identify"


@dataclass(frozen=True, slots=True)
class TimelineSpec:
    """
    The facts that are read besides the record.

    Attributes:
        is_deleted: Whether an erasure wants it deleted.
        session: The identity of its session; `None` if that does not exist any more.
        is_held: Whether the session has another owner, without a transfer. The timeline waits until there is one.
        is_waiting: Whether the session does not exist while deletions are held. It may be restored.
        chunks: The ids of the chunks that exist; only read if the owner has changed.
    """

    is_deleted: bool = False
    session: SessionIdentity | None = None
    is_held: bool = False
    is_waiting: bool = False
    chunks: Sequence[str] = ()


def decide(snapshot: Snapshot[TimelineSpec, Timeline], now: datetime) -> Decision[Timeline]:
    """
    Return the next step for one timeline.
    """
    record, spec = snapshot.record, snapshot.spec
    if record is None or record.is_gone:
        return Done()
    if spec.is_waiting:
        return RequeueAt(held_until(now))
    if spec.is_held and not spec.is_deleted:
        return Done()
    if spec.is_deleted or spec.session is None:
        return _write(REMOVE, replace(record, is_gone=True))
    followed = replace(record, session=record.session.following(spec.session))
    return Done() if followed == record else _write(IDENTIFY, followed)


def _write(name: str, record: Timeline) -> Step[Timeline]:
    return Step(name, Effect.WRITE, record, record)
